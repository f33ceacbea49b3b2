package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/render"
)

func (c *command) collect() *cobra.Command {
	var f diagnoseFlags
	cmd := &cobra.Command{
		Use:   "collect [-o FILE] [[:PORT] [FROM] TO[:port[/udp]]]",
		Short: "Keep everything a diagnosis needs in one file, a case",
		Long: `Collect looks and probes as diagnose does, and keeps all of it in one file: what
the managers want, what every engine believes and every kernel holds, what the
probes got, and what was logged around it. Without TO it is about the whole
Swarm. Nothing is judged; ` + "`fairway diagnose --case FILE`" + ` does that, anywhere, as often
as needed, and ` + "`fairway diff`" + ` compares two.

No secret is in it (docs/case.md says what is), but names and addresses are,
unless --redact replaces them.

The exit code is 0 when all was seen and 4 when something could not be.`,
		Example: "  fairway collect -o before.fairway\n  fairway collect web api:8080\n  fairway collect --since 2h --all-nodes --redact -o case.fairway",
		RunE: func(cmd *cobra.Command, args []string) error {
			c.ran = cmd
			return c.runCollect(cmd.Context(), args, f)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	fs := cmd.Flags()
	f.reach.add(fs)
	f.http.add(cmd)
	f.logs.add(fs)
	fs.StringVar(&f.node, "node", "", "only ask from tasks on the node of this host `name`, and from its host")
	fs.StringVarP(&f.save, "output", "o", "", "write this `file`; without it, one named by the time")
	fs.BoolVar(&f.redact, "redact", false, "replace names, addresses and IDs by aliases; FILE.aliases.json, for you alone, says whose they are")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Second, "wait at most this `duration` for one answer of an engine")
	return cmd
}

func (c *command) runCollect(ctx context.Context, args []string, f diagnoseFlags) error {
	f.output, f.save = "text", cmp.Or(f.save, caseName(c.env.Now()))
	if err := cmp.Or(f.validate(), c.engine.validate()); err != nil {
		return err
	}
	q := fact.Question{All: true}
	if len(args) > 0 {
		var err error
		if q, err = c.asked(args, &f); err != nil {
			return err
		}
	} else if f.node != "" {
		return usagef("--node limits who asks: give TO as well")
	}
	start := c.env.Now()
	s, err := c.snapshot(ctx, &q, &f)
	if err != nil {
		return err
	}
	var unknown *expect.NameError
	r, err := check.Run(s, check.All(), c.env.Now().Sub(start))
	switch {
	case errors.As(err, &unknown): // the evidence is kept all the same
		_, _ = fmt.Fprintln(c.env.Stderr, c.fit(c.env.Stderr, render.Clean(unknown.Error())))
		c.code = check.ExitUnknown
		return nil
	case err != nil:
		return toolError{err}
	}
	if slices.ContainsFunc(r.Gaps, hides) {
		c.code = check.ExitUnknown
	}
	return write("what is in the case", c.inventory(s, r, f.save))
}

// inventory says what is in a case and what is missing.
func (c *command) inventory(s *fact.Snapshot, r *check.Report, path string) error {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintln(&b, c.fit(c.env.Stdout, fmt.Sprintf(format, a...))) }
	row := func(of, text string) {
		if width := c.env.Width(c.env.Stdout); width > 20 {
			text = render.Wrap(text, width, 12)
		}
		fmt.Fprintf(&b, "  %-9s %s\n", render.Clean(of), text)
	}
	line("In %s:", path)
	if w := s.Wanted; w != nil {
		row("wanted", fmt.Sprintf("services %d, tasks %d, networks %d, nodes %d", len(w.Services), len(w.Tasks), len(w.Networks), len(w.Nodes)))
	}
	for i := range s.Nodes {
		row(s.Nodes[i].Name, contents(&s.Nodes[i]))
	}
	row("seen", fmt.Sprintf("connections %d, look-ups %d, packet-size ladders %d", r.Work.Connections, r.Work.Lookups, r.Work.Echoes))
	tell := func(head string, which func(check.Gap) bool) {
		for _, g := range r.Gaps {
			if !which(g) {
				continue
			}
			if head != "" {
				line("%s", head)
				head = ""
			}
			row(cmp.Or(g.Node, "Swarm"), render.Clean(g.What+": "+g.Reason))
		}
	}
	if !slices.ContainsFunc(r.Gaps, hides) {
		line("Nothing is missing.")
	}
	tell("Missing:", hides)
	tell("Good to know:", func(g check.Gap) bool { return !hides(g) })
	line("`fairway diagnose --case %s` asks it.", fact.Quoted(path))
	_, err := fmt.Fprint(c.env.Stdout, b.String())
	return err
}

// hides: it hides something that was asked for.
func hides(g check.Gap) bool { return !g.Aside }

// contents says in one clause what a case has of a node.
func contents(n *fact.Node) string {
	var out []string
	if e := n.Engine; e != nil {
		out = append(out, fmt.Sprintf("engine %s, containers %d, networks %d", e.Version, len(e.Containers), len(e.Networks)))
	}
	if k := n.Kernel; k != nil {
		out = append(out, fmt.Sprintf("kernel %s, namespaces %d", k.Release, len(k.Namespaces)))
	}
	if s := n.Said; s != nil {
		out = append(out, fmt.Sprintf("log lines %d, windows of time %d", len(s.Lines), len(s.Windows)))
	}
	if len(out) == 0 {
		return "nothing"
	}
	return render.Clean(strings.Join(out, "; "))
}
