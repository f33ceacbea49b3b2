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
	"slices"
	"time"

	"github.com/spf13/cobra"

	"fairway/lab"
)

//go:embed bench_loop.sh
var loopScript []byte

//go:embed bench_support.sh
var supportScript []byte

//go:embed bench_each.sh
var eachScript []byte

//go:embed bench_everywhere.sh
var everywhereScript []byte

// steady is how long nothing may have changed before fairway takes one look for proof (60 s), and a little more.
const steady = 65 * time.Second

// bench compares fairway with what people do by hand.
type bench struct {
	name, engine string
	// fairway is the program to measure, fleet the test program of package fleet; those of other packages are beside it.
	fairway, fleet string
	runs           int

	lab *lab.Lab // of the part that is under way
	say func(format string, args ...any)
	out results
}

// parts are what can be measured alone, in the order of the table.
func (b *bench) parts() []part {
	return []part{{"runbook", b.runbook}, {"agents", b.agents}, {"large", b.large}, {"far", b.far}, {"logs", b.logs}}
}

type part struct {
	name string
	run  func(context.Context) error
}

func benchmark(name *string) *cobra.Command {
	b := &bench{}
	var format string
	var only []string
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure fairway against the runbook's own commands on labs made for it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("output format %q is not known: text or json", format)
			}
			if !cmd.Flags().Changed("name") {
				*name = "bench"
			}
			b.name, b.runs = *name, max(1, b.runs)
			// What was measured before trouble is worth printing.
			err := errors.Join(b.measure(cmd.Context(), only), b.out.wrong())
			return errors.Join(b.out.write(os.Stdout, format), err)
		},
	}
	c.Flags().StringVar(&b.fairway, "fairway", "./bin/fairway", "the `program` to measure")
	c.Flags().StringVar(&b.fleet, "fleet", "./bin/fleet.test", "the test `program` of package fleet")
	c.Flags().StringVar(&b.engine, "engine", "26.1", "engine of the nodes")
	c.Flags().IntVar(&b.runs, "runs", 5, "how many times each side of a comparison runs")
	c.Flags().StringSliceVar(&only, "part", nil, "measure this only: runbook, agents, large, far or logs")
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return c
}

// measure runs the parts that were asked for, all when none was.
func (b *bench) measure(ctx context.Context, only []string) error {
	start := time.Now()
	b.say = func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "[%6.1fs] %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}
	b.out = describe(b.engine, b.fairway)
	left := slices.Clone(only)
	for _, p := range b.parts() {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		left = slices.DeleteFunc(left, func(n string) bool { return n == p.name })
		if err := p.run(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", p.name, err)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("no such part of the benchmark: %v", left)
	}
	return nil
}

// on starts a lab, puts into it what runs there, takes the steps and ends the lab. Steps build on each other, so the
// first trouble ends it.
func (b *bench) on(ctx context.Context, o lab.Options, steps ...func(context.Context) error) error {
	o.Name, o.Engines, o.Out = b.name, []string{b.engine}, os.Stderr
	l, err := lab.Up(ctx, o)
	if err != nil {
		return err
	}
	b.lab = l
	err = b.install(b.fairway)
	for _, step := range steps {
		if err == nil {
			err = step(ctx)
		}
	}
	l.Close()
	return errors.Join(err, lab.Down(context.WithoutCancel(ctx), b.name))
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
	for to, script := range map[string][]byte{"loop.sh": loopScript, "support.sh": supportScript, "each.sh": eachScript, "everywhere.sh": everywhereScript} {
		if err := os.WriteFile(filepath.Join(b.lab.Dir, to), script, 0o600); err != nil {
			return err
		}
	}
	return nil
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
	cmd, err := b.lab.Command(ctx, node, ns, append([]string{"env", "HOME=/root", "/lab/fairway-lab", "measure", "/lab/cost.json"}, argv...)...)
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
