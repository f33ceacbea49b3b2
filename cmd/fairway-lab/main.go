// Program fairway-lab makes real Docker Swarms on one machine, breaks them in known ways and heals them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fairway/lab"
)

func main() {
	lab.MaybeChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	var code interface{ ExitCode() int }
	if errors.As(err, &code) && code.ExitCode() > 0 { // exec ends as its command ended
		os.Exit(code.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fairway-lab:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:           "fairway-lab",
		Short:         "Real Docker Swarms on one machine, and faults in them",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.PersistentFlags().StringVar(&name, "name", "lab", "which lab; several can run side by side")
	c.AddCommand(up(&name), down(&name), forwarded(&name, status(&name)), execute(&name), inside(&name),
		forwarded(&name, breakFault(&name)), forwarded(&name, heal(&name)), faults(), matrix(&name), corpus(), benchmark(&name), measure())
	return c
}

func up(name *string) *cobra.Command {
	o := lab.Options{Out: os.Stderr}
	var kernel string
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a lab; removes an earlier one of that name",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Name = *name
			switch kernel {
			case "auto":
			case "uml":
				return upInUML(cmd.Context(), o)
			default:
				return fmt.Errorf("kernel %q: there are auto and uml", kernel)
			}
			l, err := lab.Up(cmd.Context(), o)
			if err != nil {
				return err
			}
			fmt.Printf("Lab %s is up on %s. Next:\n", l.Name, l.Kernel())
			self := "fairway-lab --name " + l.Name
			fmt.Printf("  install -m755 fairway %s/ && %s exec n1 -- /lab/fairway diagnose web api:8080\n", l.Dir, self)
			fmt.Printf("  %s break fdb-missing; %s heal; %s down\n", self, self, self)
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&o.Nodes, "nodes", 3, "how many nodes")
	f.IntVar(&o.Managers, "managers", 0, "how many of them are managers (default all up to 3)")
	f.StringSliceVar(&o.Engines, "engine", []string{"26.1"}, "engines, given to the nodes in turn: "+strings.Join(lab.Engines(), ", "))
	f.Uint32Var(&o.DataPathPort, "data-path-port", 0, "the swarm's VXLAN port (default the engine's own, 4789)")
	f.BoolVar(&o.Legacy, "legacy-iptables", false, "use iptables-legacy inside the nodes")
	f.StringSliceVar(&o.EngineArgs, "engine-arg", nil, "a further `flag` of every dockerd; repeatable")
	f.BoolVar(&o.Routed, "routed", false, "put a router between the nodes, as clouds do (always with more than 16)")
	f.StringVar(&kernel, "kernel", "auto", "auto: the machine's own, without virtual IPs and routing mesh if it has no IPVS; uml: one that has, in User Mode Linux")
	f.BoolVar(&o.SSH, "ssh", false, "an sshd in every node, which root of the first node may log in to")
	f.BoolVar(&o.Bare, "bare", false, "a swarm without services")
	return c
}

func down(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End a lab and remove all of it, also one that was killed half-way",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return lab.Down(cmd.Context(), *name)
		},
	}
}

func execute(name *string) *cobra.Command {
	var ns string
	c := &cobra.Command{
		Use:   "exec NODE -- CMD…",
		Short: "Run a command in all namespaces of a node",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			argv := args[1:]
			if argv[0] == "--" {
				argv = argv[1:]
			}
			if u, err := lab.OpenUML(*name); err == nil {
				return runInside(cmd.Context(), u, lab.Inside{Node: args[0], Netns: ns, Argv: argv})
			}
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			x, err := l.Command(cmd.Context(), args[0], ns, argv...)
			if err != nil {
				return err
			}
			x.Env = environment(os.Environ(), x.Env)
			x.Stdin, x.Stdout, x.Stderr = os.Stdin, os.Stdout, os.Stderr
			return x.Run()
		},
	}
	c.Flags().StringVar(&ns, "netns", "", "use this network namespace of the node instead, by its handle")
	c.Flags().SetInterspersed(false)
	return c
}

// environment is the caller's own, but for what a node sets: its PATH, HOME and TERM.
func environment(own, node []string) []string { return slices.Concat(own, node) }

func status(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show nodes and tasks of a lab",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			return l.Status(cmd.Context(), os.Stdout)
		},
	}
}
