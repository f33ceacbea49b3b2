package cli

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/spf13/cobra"

	"fairway/internal/casefile"
	"fairway/internal/check"
)

// recorded is a case of a real three-node Swarm whose node n2 had lost one row of
// an overlay's forwarding table (scripts/demo --record makes it anew).
//
//go:embed demo.fairway
var recorded []byte

func (c *command) demo() *cobra.Command {
	f := diagnoseFlags{timeout: shortest} // nobody is asked
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a real report, from a recorded case",
		Long: `Demo judges a case that is part of this program: three real Docker engines, and
on node n2 one row of the overlay's forwarding table was deleted. It needs
neither Docker nor root nor Linux, and touches no network.`,
		Example: "  fairway demo\n  fairway demo -o md",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.ran = cmd
			return c.runDemo(&f)
		},
	}
	f.addOutput(cmd)
	return cmd
}

func (c *command) runDemo(f *diagnoseFlags) error {
	if err := f.validate(); err != nil {
		return err
	}
	k, err := casefile.Read(bytes.NewReader(recorded), casefile.Limits{})
	if err != nil {
		return toolError{fmt.Errorf("read the case that is part of this program: %w", err)}
	}
	r, err := check.Run(k.Snapshot, check.All(), k.Snapshot.Took)
	if err != nil {
		return toolError{err}
	}
	if f.output == "text" {
		_, _ = fmt.Fprintln(c.env.Stderr, c.fit(c.env.Stderr, "A recorded case: on node n2 of a real Swarm one row of a forwarding table was deleted, and `fairway diagnose web api:8080` was asked on n1."))
	}
	f.caseFile = "recorded" // what is shown was kept already
	return write("the report", c.report(k.Snapshot, r, f))
}
