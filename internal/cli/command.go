package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/render"
)

// Main runs the command and returns the exit code. args are without the
// program's own name. When the context ends, what was learnt is still
// reported.
func Main(ctx context.Context, args []string, env Env) (code int) {
	defer bug(env.Stderr, &code)
	c := &command{env: env}
	root := c.root()
	root.SetArgs(pluginArgs(root, env.Plugin, args))
	if env.Plugin {
		var stop context.CancelFunc
		ctx, stop = withDocker(ctx, env.Getenv)
		defer stop()
	}
	if err := root.ExecuteContext(ctx); err != nil {
		return c.complain(root, err)
	}
	return c.code
}

// complain says what went wrong, once, and returns the exit code.
func (c *command) complain(root *cobra.Command, err error) int {
	says := name(c.env) + ": " + render.Clean(strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted"))
	fmt.Fprintln(c.env.Stderr, c.fit(c.env.Stderr, says))
	var tool toolError
	var unknown *expect.NameError
	switch {
	case errors.As(err, &tool):
		return check.ExitTool
	case !errors.As(err, &unknown):
		// Everything else that gets here is cobra's or ours about what was typed.
		fmt.Fprintf(c.env.Stderr, "See `%s --help`.\n", c.path(root))
	}
	return check.ExitUsage
}

// fit breaks what is said to a terminal at words. Lines that begin with two spaces
// are commands, and stay whole.
func (c *command) fit(w io.Writer, text string) string {
	width := c.env.Width(w)
	if width == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		plain := strings.TrimLeft(l, " ")
		if in := len(l) - len(plain); in != 2 && utf8.RuneCountInString(l) > width {
			lines[i] = l[:in] + render.Wrap(plain, width, max(in, 2))
		}
	}
	return strings.Join(lines, "\n")
}

// bug turns a panic into exit code 1: Go's own would be 2, which means wrong
// usage.
func bug(stderr io.Writer, code *int) {
	if p := recover(); p != nil {
		fmt.Fprintf(stderr, "fairway: this is a bug in fairway, please report it: %s\n%s", render.Clean(fmt.Sprint(p)), debug.Stack())
		*code = check.ExitTool
	}
}

// toolError is trouble that is neither the operator's nor the network's: exit
// code 1.
type toolError struct{ error }

func (e toolError) Unwrap() error { return e.error }

// command is one run of the command line.
type command struct {
	env Env
	// code is the exit code where no error was returned.
	code int
	// ran is the command that was running, for the hint below an error.
	ran    *cobra.Command
	engine engineFlags
}

func name(env Env) string {
	if env.Plugin {
		return "docker fairway"
	}
	return "fairway"
}

func (c *command) path(root *cobra.Command) string {
	if c.ran != nil {
		return c.ran.CommandPath()
	}
	return root.CommandPath()
}

const long = `Fairway finds the root cause of broken Docker Swarm networking.

It compares what the managers want, what the engine believes, what the kernel
holds and what a connection gets, and names the place where they part.

Diagnose by itself changes nothing. Deploy puts agents on the nodes, remove
takes them away, diagnose --with-agents does both; --ssh runs fairway there
from a temporary file.`

const notes = `
Exit codes, the same for every format:
  0  nothing is wrong, and all of it was seen
  1  fairway itself failed
  2  wrong usage
  3  something is wrong
  4  nothing wrong was found, but something could not be seen

Limitations:
  It reads the kernel of the host it runs on, and of the nodes that it reaches
  through agents (deploy, or --with-agents) or --ssh. Other nodes are known
  through the managers only, and reported as not seen.
  Run it as root on a manager: on a worker it knows what that engine knows,
  without root it cannot enter containers. An agent on the node it runs on
  makes up for root.
  Linux only; elsewhere it asks the engine and reads no kernel. A case
  (collect, --save) can be asked anywhere.
`

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use: "fairway", Short: "Find the root cause of broken Swarm networking", Long: long,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("command %q is not known%s", args[0], meant(args[0], commands(cmd)))
			}
			return cmd.Help()
		},
	}
	if c.env.Plugin {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name(c.env)}
	}
	root.SetOut(c.env.Stdout)
	root.SetErr(c.env.Stderr)
	// Cobra's own columns leave room for the longest name of a hidden command.
	root.SetUsageTemplate(strings.NewReplacer(".FlagUsages", ".FlagUsagesWrapped 80", ".NamePadding", "11").Replace(root.UsageTemplate()))
	root.SetHelpTemplate(root.HelpTemplate() + notes)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		c.ran = cmd
		return err
	})
	c.engine.add(root.PersistentFlags())
	root.AddCommand(c.diagnose(), c.check(), c.collect(), c.diff(), c.demo(), c.explain(), c.agent(), c.deploy(), c.remove(), c.image(), c.serveImage(), c.keepImage(), c.version(), c.metadata())
	if c.env.Plugin {
		asPlugin(root)
	}
	return root
}

// asPlugin writes commands in help texts as they are typed to docker.
func asPlugin(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		for _, line := range []string{"  ", "| "} {
			cmd.Example = strings.ReplaceAll(cmd.Example, line+"fairway ", line+"docker fairway ")
		}
		cmd.Long = strings.ReplaceAll(cmd.Long, "`fairway ", "`docker fairway ")
	}
}

func commands(root *cobra.Command) []string {
	var out []string
	for _, c := range root.Commands() {
		if !c.Hidden {
			out = append(out, c.Name())
		}
	}
	return out
}

// meant is the end of a message about a name that is not known.
func meant(name string, known []string) string {
	if near := expect.Nearest(name, known); len(near) > 0 {
		return "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return ""
}

// options say what standard output can show.
func (c *command) options() render.Options {
	width := c.env.Width(c.env.Stdout)
	return render.Options{
		Colour: width > 0 && c.env.Getenv("NO_COLOR") == "" && c.env.Getenv("TERM") != "dumb", //nolint:misspell // no-color.org
		// Longer lines than a hundred are hard to read.
		Width: min(100, cmp.Or(width, 80)),
	}
}

// write says which writing went wrong.
func write(what string, err error) error {
	if err != nil {
		return toolError{fmt.Errorf("write %s: %w", what, err)}
	}
	return nil
}

func (c *command) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(c.env.Stdout, "fairway", Version())
		return write("the version", err)
	}}
}
