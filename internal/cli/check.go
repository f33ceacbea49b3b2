package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"fairway/internal/fact"
)

func (c *command) check() *cobra.Command {
	var f diagnoseFlags
	cmd := &cobra.Command{
		Use:   "check [SERVICE…]",
		Short: "Look for anything that is wrong in the whole Swarm",
		Long: `Check asks everything that diagnose asks, of the whole Swarm: every node, every
network, and every pair of services that share one. No symptom is needed.

With SERVICE, only the pairs that involve one of these services are tried.`,
		Example: "  fairway check\n  fairway check --with-agents\n  fairway check -o junit web api",
		RunE: func(cmd *cobra.Command, args []string) error {
			c.ran = cmd
			if err := cmp.Or(f.validate(), c.engine.validate(), services(args)); err != nil {
				return err
			}
			return c.answer(cmd.Context(), &fact.Question{All: true, Services: args}, &f)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.add(cmd)
	return cmd
}

// services refuses what no service is called.
func services(args []string) error {
	for _, a := range args {
		if a == "" {
			return usagef("SERVICE is empty: give names of services, or none for all")
		}
	}
	return nil
}
