package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"fairway/lab"
)

//go:embed bench_loop.sh
var loopScript []byte

//go:embed bench_support.sh
var supportScript []byte

// steady is how long nothing may have changed before fairway takes one look for proof (60 s), and a little more.
const steady = 65 * time.Second

// bench is one comparison of fairway with what people do by hand.
type bench struct {
	lab  *lab.Lab
	runs int
	say  func(format string, args ...any)
	out  results
}

func benchmark(name *string) *cobra.Command {
	var fairway, format, engine string
	runs := 5
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure fairway against the runbook's own commands on a lab made for it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("output format %q is not known: text or json", format)
			}
			if !cmd.Flags().Changed("name") {
				*name = "bench"
			}
			b, err := newBench(cmd.Context(), *name, engine, fairway)
			if err != nil {
				return err
			}
			b.runs = max(1, runs)
			// What was measured before trouble is worth printing.
			err = errors.Join(b.all(cmd.Context()), b.out.wrong())
			return errors.Join(b.out.write(os.Stdout, format), err, lab.Down(context.WithoutCancel(cmd.Context()), *name))
		},
	}
	c.Flags().StringVar(&fairway, "fairway", "./bin/fairway", "the `program` to measure")
	c.Flags().StringVar(&engine, "engine", "26.1", "engine of the nodes")
	c.Flags().IntVar(&runs, "runs", runs, "how many times each side of a comparison runs")
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return c
}

// newBench starts the lab and puts into it what runs there.
func newBench(ctx context.Context, name, engine, fairway string) (*bench, error) {
	l, err := lab.Up(ctx, lab.Options{Name: name, Nodes: 3, Engines: []string{engine}, Bare: true, Out: os.Stderr})
	if err != nil {
		return nil, err
	}
	start := time.Now()
	b := &bench{lab: l, say: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "[%6.1fs] %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}}
	if err := b.install(fairway); err != nil {
		return nil, errors.Join(err, lab.Down(context.WithoutCancel(ctx), name))
	}
	b.out = describe(engine, filepath.Join(l.Dir, "fairway"))
	return b, nil
}

func (b *bench) install(fairway string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for from, to := range map[string]string{fairway: "fairway", self: "fairway-lab"} {
		if err := copyFile(from, filepath.Join(b.lab.Dir, to)); err != nil {
			return fmt.Errorf("copy %s into the lab: %w", from, err)
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(b.lab.Dir, "loop.sh"), loopScript, 0o600),
		os.WriteFile(filepath.Join(b.lab.Dir, "support.sh"), supportScript, 0o600))
}

func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

// took runs a command in a node and measures it there; ns as in [lab.Lab.Netns].
func (b *bench) took(ctx context.Context, node, ns string, argv ...string) (cost, []byte, error) {
	var c cost
	cmd, err := b.lab.Command(ctx, node, ns, append([]string{"/lab/fairway-lab", "measure", "/lab/cost.json"}, argv...)...)
	if err != nil {
		return c, nil, err
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return c, out, fmt.Errorf("%s: %v: %v: %s", node, argv, err, bytes.TrimSpace(errs.Bytes()))
	}
	file, err := os.ReadFile(filepath.Join(b.lab.Dir, "cost.json"))
	if err != nil {
		return c, out, err
	}
	return c, out, json.Unmarshal(file, &c)
}

// rest waits until the Swarm counts as steady.
func (b *bench) rest(ctx context.Context) error {
	b.say("waiting %v: a Swarm in which nothing changed for 60 s is steady, and is looked at once", steady)
	select {
	case <-time.After(steady):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
