package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"fairway/internal/casefile"
	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/render"
)

func (c *command) diff() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Say what changed between two cases",
		Long: `Diff says what changed from case A to case B: in what the managers want, in what
engines believe, in what kernels hold, in what probes got and in what was logged,
and which causes came or went. Counters, times and ages are no change; a task is
the same one where another has taken its slot.

The exit code is 0 whether or not anything changed.`,
		Example: "  fairway diff before.fairway after.fairway\n  fairway diff -o json before.fairway after.fairway",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.ran = cmd
			if len(args) != 2 {
				return usagef("give two cases, A and B: what changed from A to B")
			}
			return c.runDiff(args[0], args[1], output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "write it as `format`: text or json")
	// Only a name that is not there can make it fail.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *command) runDiff(before, after, output string) error {
	if output != "text" && output != "json" {
		return usagef("output format %q is not known: text or json", output)
	}
	var both [2]*fact.Snapshot
	for i, path := range []string{before, after} {
		k, err := casefile.Open(path)
		if err != nil {
			return toolError{err}
		}
		c.about(path, k)
		both[i] = k.Snapshot
	}
	d, err := check.Compare(both[0], both[1], check.All())
	if err != nil {
		return toolError{err}
	}
	var b strings.Builder
	if output == "json" {
		err = render.DiffJSON(&b, d)
	} else {
		err = render.Diff(&b, d, c.options())
	}
	if err == nil {
		_, err = c.env.Stdout.Write([]byte(b.String()))
	}
	return write("the differences", err)
}
