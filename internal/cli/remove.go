package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"fairway/internal/deploy"
)

func (c *command) remove() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "remove",
		Short: "Take the agents out of the Swarm again",
		Long: `Remove takes out of the Swarm all that deploy has put there: the service, its
tasks, its secrets. It also removes the key from your configuration folder.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.ran = cmd
			return c.runRemove(cmd.Context(), wait)
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "wait at most this `duration` for the agents to end")
	return cmd
}

func (c *command) runRemove(ctx context.Context, wait time.Duration) error {
	if err := c.engine.validate(); err != nil {
		return err
	}
	if wait <= 0 {
		return usagef("--wait %v is not more than 0", wait)
	}
	s, done, err := c.swarm(ctx, deploy.Plan{}, wait)
	if err != nil {
		return toolError{err}
	}
	defer done()
	if err := s.Remove(ctx); err != nil {
		return toolError{err}
	}
	return nil
}
