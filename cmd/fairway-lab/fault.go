package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fairway/lab"
)

func breakFault(name *string) *cobra.Command {
	var o lab.DrawOptions
	c := &cobra.Command{
		Use:   "break FAULT",
		Short: "Inject a fault, prove that it is in force, and say what must be found",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("seed") {
				o.Seed = time.Now().UnixNano() % 1_000_000
			}
			d, err := l.Break(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			f, err := lab.FindFault(args[0])
			if err != nil {
				return err
			}
			w := f.Want(l, d)
			fmt.Fprintf(os.Stderr, "%s is in force: %s\nseed %d: node %s, peer %s, %s\n", f.ID, f.Doc, d.Seed, d.Node, d.Peer, d.PeerTask.Name)
			fmt.Fprintf(os.Stderr, "ask: fairway-lab --name %s exec %s -- /lab/fairway diagnose %s %s\n", l.Name, w.On, w.From, w.To)
			e := json.NewEncoder(os.Stdout)
			e.SetIndent("", "  ")
			return e.Encode(w)
		},
	}
	c.Flags().Int64Var(&o.Seed, "seed", 0, "what chance draws node, task and the rest by (default from the clock)")
	c.Flags().StringVar(&o.Node, "node", "", "break this node instead of a drawn one")
	return c
}

func heal(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "heal",
		Short: "Undo all faults, the latest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			undone, err := l.Heal(cmd.Context())
			for _, d := range undone {
				fmt.Fprintf(os.Stderr, "healed %s on %s\n", d.Fault, d.Node)
			}
			return err
		},
	}
}

func faults() *cobra.Command {
	return &cobra.Command{
		Use:   "faults",
		Short: "List the faults",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			for _, f := range lab.Faults() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", f.ID, f.Layer, f.Doc)
			}
			return w.Flush()
		},
	}
}
