package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"fairway/lab"
)

func matrix(name *string) *cobra.Command {
	o := lab.MatrixOptions{Out: os.Stdout}
	c := &cobra.Command{
		Use:   "matrix",
		Short: "Try every fault on every engine: healthy before, the causes expected, healthy after",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Name = *name
			return lab.Matrix(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.Engines, "engine", []string{"20.10", "26.1", "28.5", "29"}, "engines to try, one after the other")
	f.StringSliceVar(&o.Faults, "fault", nil, "faults to try (default all)")
	f.Int64Var(&o.Seed, "seed", 1, "what chance draws nodes, tasks and the rest by")
	f.StringVar(&o.Fairway, "fairway", "fairway", "`path` of the program to judge")
	f.StringVar((*string)(&o.Way), "way", string(lab.Here), fmt.Sprintf("how nodes are reached, `one` of %v; in all but the first, n1 asks about faults on other nodes", lab.Ways()))
	f.StringVar(&o.Kernel, "kernel", lab.KernelOwn, "own: the machine's, without the rows that it cannot do; uml: rows that need IPVS, in User Mode Linux; auto: own, and uml where the machine has no IPVS")
	f.BoolVar(&o.Legacy, "legacy-iptables", false, "iptables-legacy inside the nodes")
	f.StringVar(&o.Results, "results", "matrix-results", "`folder` for the table and the reports of mismatches; what passed there is not tried again")
	f.StringVar(&o.Record, "record", "", "keep a case of every row in this `folder`, by engine, and beside it what must be found there")
	return c
}
