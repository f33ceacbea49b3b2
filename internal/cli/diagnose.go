package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
	"fairway/internal/render"
)

// formats are the values of --output.
var formats = []string{"text", "json", "junit", "md"}

type diagnoseFlags struct {
	reach        reachFlags
	node, output string
	timeout      time.Duration
	http         httpFlags
	logs         logFlags
	// caseFile is a case to ask instead of the Swarm; save, where to keep what this
	// report came from, redact with names and addresses replaced.
	caseFile, save string
	redact         bool
}

func (c *command) diagnose() *cobra.Command {
	var f diagnoseFlags
	cmd := &cobra.Command{
		Use:   "diagnose [:PORT] [FROM] TO[:port[/udp]]",
		Short: "Find out why FROM does not reach TO, or a port is not served",
		Long: `Diagnose carries out the whole runbook for one symptom: FROM does not reach TO.

FROM and TO are each a service, service.slot, a task ID (or its first eight
characters or more), a container, or the address of one on an overlay. Without
FROM, every service that shares a network with TO is asked. Without a port, the
ports that TO's tasks listen on and those that it publishes are tried.

TO may also be a place outside the Swarm, host:port or a URL: then FROM's tasks
ask for its name and connect to it, each also compared with its own host.

With :PORT alone (or :PORT/udp) it asks every node's published port, from other
nodes and from itself, and follows its path from hop to hop; with both, the path
from FROM to TO comes first. Where FROM reaches TO and one of them publishes a
port, that port is looked at as well. No more than 10 requests are made from one
place to one address.`,
		Example: "  fairway diagnose web api:8080\n  fairway diagnose :8080 --hostname myapp.example.com --path /health\n  fairway diagnose web.2 api:53/udp\n  fairway diagnose --node worker-3 -o json api\n  fairway diagnose web db.example.com:5432",
		RunE: func(cmd *cobra.Command, args []string) error {
			c.ran = cmd
			return c.runDiagnose(cmd.Context(), args, f)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.add(cmd)
	f.http.add(cmd)
	cmd.Flags().StringVar(&f.node, "node", "", "only ask from tasks on the node of this host `name`, and from its host")
	// Only a name that is not there can make it fail.
	_ = cmd.RegisterFlagCompletionFunc("node", cobra.NoFileCompletions)
	return cmd
}

// shortest is less than an engine needs that is well: below it every engine seems
// to hang.
const shortest = 100 * time.Millisecond

// add defines what diagnose and check have in common.
func (f *diagnoseFlags) add(cmd *cobra.Command) {
	f.reach.add(cmd.Flags())
	f.addOutput(cmd)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "wait at most this `duration` for one answer of an engine")
	fs := cmd.Flags()
	fs.StringVar(&f.caseFile, "case", "", "ask this case `file` instead of the Swarm; no network is touched")
	fs.StringVar(&f.save, "save", "", "keep what the report came from in this case `file`")
	fs.BoolVar(&f.redact, "redact", false, "with --save: replace names, addresses and IDs by aliases; FILE.aliases.json, for you alone, says whose they are")
	f.logs.add(fs)
}

func (f *diagnoseFlags) addOutput(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "write the report as `format`: text, json, junit, or md for a bug report")
	// Only a name that is not there can make it fail.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

func (f *diagnoseFlags) validate() error {
	switch {
	case !slices.Contains(formats, f.output):
		return usagef("output format %q is not known: text, json, junit or md", f.output)
	case f.redact && f.save == "":
		return usagef("--redact is about what is saved: give --save FILE")
	case f.caseFile != "" && (f.reach.ssh != "" || f.reach.withAgents || f.logs.allNodes || f.logs.places.engine != ""):
		return usagef("--case touches no network: --ssh, --with-agents, --all-nodes and --engine-log are of no use with it")
	case f.timeout <= 0:
		return usagef("timeout %v is not more than 0", f.timeout)
	case f.timeout < shortest:
		return usagef("timeout %v is too short for any engine to answer: give %v or more; 10s is the default", f.timeout, shortest)
	}
	return f.reach.validate()
}

func (c *command) runDiagnose(ctx context.Context, args []string, f diagnoseFlags) error {
	if err := cmp.Or(f.validate(), c.engine.validate()); err != nil {
		return err
	}
	if len(args) == 0 && f.caseFile != "" {
		return c.answer(ctx, nil, &f)
	}
	q, err := c.asked(args, &f)
	if err != nil {
		return err
	}
	return c.answer(ctx, &q, &f)
}

// asked is the question that arguments and flags of diagnose mean.
func (c *command) asked(args []string, f *diagnoseFlags) (fact.Question, error) {
	q, err := question(args)
	if err != nil {
		return q, err
	}
	q.Node = f.node
	q.HTTP, err = f.http.question(&q)
	return q, err
}

// answer looks at what a question needs, live or in a case, judges it and writes
// the report. Without a question it is the case's own.
func (c *command) answer(ctx context.Context, q *fact.Question, f *diagnoseFlags) error {
	start := c.env.Now()
	s, err := c.snapshot(ctx, q, f)
	if err != nil {
		return err
	}
	took := c.env.Now().Sub(start)
	if f.caseFile != "" && s.Took > 0 {
		took = s.Took // the looks', not that of reading a file
	}
	r, err := check.Run(s, check.All(), took)
	var unknown *expect.NameError
	switch {
	case err != nil && ctx.Err() != nil:
		// A name may be unknown only because nobody was asked about it.
		return toolError{errors.New("interrupted before there was anything to report")}
	case errors.As(err, &unknown):
		return usageError{unknown}
	case err != nil:
		return toolError{err}
	}
	c.code = r.ExitCode()
	return write("the report", c.report(s, r, f))
}

// snapshot is what there is to judge: of a case, or taken now and kept where that
// is asked for.
func (c *command) snapshot(ctx context.Context, q *fact.Question, f *diagnoseFlags) (*fact.Snapshot, error) {
	if f.caseFile != "" {
		s, err := c.replay(f.caseFile, q, &f.logs)
		if err == nil && f.save != "" {
			err = c.keep(s, f.save, f.redact)
		}
		return s, err
	}
	if err := f.logs.window(q, c.env.Now()); err != nil {
		return nil, err
	}
	saver, err := c.saver(f.save, f.redact)
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return nil, err
	case err != nil:
		return nil, toolError{err}
	}
	defer saver.abort()
	start := c.env.Now()
	s, changed, err := c.reached(ctx, *q, f, saver.look)
	if err != nil {
		return nil, toolError{err}
	}
	s.Changed, s.Took = changed, c.env.Now().Sub(start)
	return s, saver.done(s)
}

// look takes the snapshot and shows how far it is.
func (c *command) look(ctx context.Context, q fact.Question, f *diagnoseFlags, ssh *fleet.SSH, keep func(*fact.Snapshot)) (*fact.Snapshot, error) {
	p := c.progress()
	defer p.clear()
	return c.env.Look(ctx, q, LookOptions{Host: c.engine.host, Context: c.engine.context, Getenv: c.engine.environment(c.env.Getenv),
		Home: c.env.Home, Hostname: c.env.Hostname, Timeout: f.timeout, Now: c.env.Now, Version: Version(), SSH: ssh, Config: configFolder(c.env),
		AllNodes: f.logs.allNodes, Logs: logPlaces{engine: f.logs.places.engine, ring: true}, Keep: keep}, p.say)
}

// report writes the whole report in one go.
func (c *command) report(s *fact.Snapshot, r *check.Report, f *diagnoseFlags) error {
	var b strings.Builder
	var err error
	o := c.options()
	o.Kept = f.save != "" || f.caseFile != ""
	switch f.output {
	case "json":
		err = render.JSON(&b, r)
	case "junit":
		err = render.JUnit(&b, r)
	case "md":
		r.Bug = check.BugReport(s, r)
		err = render.Markdown(&b, r, o)
	default:
		err = render.Text(&b, r, o)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.env.Stdout, b.String())
	return err
}

// progress is one line on a terminal that is written over and over.
type progress struct {
	to    io.Writer
	width int
}

func (c *command) progress() *progress {
	p := &progress{to: c.env.Stderr, width: c.env.Width(c.env.Stderr)}
	if c.env.Getenv("TERM") == "dumb" {
		p.width = 0
	}
	return p
}

// say may be called from several goroutines, one line each at a time.
func (p *progress) say(what string) {
	if p.width > 4 {
		fmt.Fprintf(p.to, "\r\x1b[K%s …", render.Cut(render.Clean(what), p.width-4))
	}
}

func (p *progress) clear() {
	if p.width > 4 {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
