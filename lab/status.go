package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/moby/moby/client"
)

// Status writes what the lab is and what runs in it.
func (l *Lab) Status(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	fmt.Fprintf(out, "lab %s, up %s on %s, state in %s\n", l.Name, time.Since(l.Created).Round(time.Second), l.Kernel(), l.Dir)
	fmt.Fprintf(out, "outside the Swarm: %s at %s\n\n", OutsideName, Outside)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tADDRESS\tENGINE\tROLE\tFIRST PROCESS\tSTATE")
	for _, n := range l.Nodes {
		role := "worker"
		if n.Manager {
			role = "manager"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", n.Name, n.Addr, n.Engine, role, n.PID, l.engineState(ctx, n))
	}
	fmt.Fprintln(w, "\t\t\t\t\t\nTASK\tNODE\tSTATE\tADDRESSES\tSANDBOX\t")
	tasks, err := l.Tasks(ctx)
	for _, t := range tasks {
		sandbox := ""
		if t.State == "running" {
			sandbox, _ = l.TaskNS(ctx, t)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\t\n", t.Name, t.Node, t.State, t.Addrs, sandbox)
	}
	return errors.Join(err, w.Flush())
}

// engineState is one word and, if the engine answers, its version.
func (l *Lab) engineState(ctx context.Context, n Node) string {
	if !alive(n.PID) {
		return "dead"
	}
	api, err := l.API(n.Name)
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	v, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "engine does not answer"
	}
	return "engine " + v.Version
}
