package cli_test

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/cli"
	"fairway/internal/facttest"
)

// run calls the command in this process; out and err are terminals of these
// widths, 0 for none.
func run(ctx context.Context, scenario string, outWidth, errWidth int, vars map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	env := cli.Env{Stdout: &out, Stderr: &err, Getenv: func(k string) string { return vars[k] }, Look: lookAt(scenario),
		Now: func() time.Time { return facttest.Taken },
		Width: func(w io.Writer) int {
			if w == &out {
				return outWidth
			}
			return errWidth
		}}
	code = cli.Main(ctx, args, env)
	return code, out.String(), err.String()
}

func TestColourOnlyOnATerminal(t *testing.T) {
	for _, row := range []struct {
		name   string
		width  int
		vars   map[string]string
		colour bool
	}{
		{"terminal", 80, nil, true},
		{"no terminal", 0, nil, false},
		{"no terminal, though forced", 0, map[string]string{"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}, false}, //nolint:misspell // the names are a convention
		{"NO_COLOR", 80, map[string]string{"NO_COLOR": "1"}, false},                                            //nolint:misspell // the name is a convention
		{"a terminal that knows none", 80, map[string]string{"TERM": "dumb"}, false},
	} {
		_, coloured, _ := run(t.Context(), "fdb-missing", row.width, 0, row.vars, "diagnose", "web", "api:8080")
		if got := strings.Contains(coloured, "\x1b["); got != row.colour {
			t.Errorf("%s: colour %v, want %v", row.name, got, row.colour)
		}
	}
	_, with, _ := run(t.Context(), "fdb-missing", 80, 0, nil, "diagnose", "web", "api:8080")
	_, without, _ := run(t.Context(), "fdb-missing", 0, 0, nil, "diagnose", "web", "api:8080")
	if regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(with, "") != without {
		t.Error("colour changes the words")
	}
}

// TestTroubleFitsTheTerminal: a terminal breaks words anywhere.
func TestTroubleFitsTheTerminal(t *testing.T) {
	_, _, stderr := run(t.Context(), "healthy", 0, 40, nil, "image", "-o", "x", "--load")
	if want := "fairway: say where to: -o FILE, -o -\n  for standard output, or --load\nSee `fairway image --help`.\n"; stderr != want {
		t.Errorf("it says:\n%s\nwant:\n%s", stderr, want)
	}
}

// TestWhatFitsStaysAsItIs: names are padded into columns.
func TestWhatFitsStaysAsItIs(t *testing.T) {
	_, _, stderr := run(t.Context(), "healthy", 0, 80, nil, "no  command")
	if !strings.Contains(stderr, `"no  command" is not known`) {
		t.Errorf("it says:\n%s", stderr)
	}
}

func TestMachinesGetNoColour(t *testing.T) {
	for _, format := range []string{"json", "junit"} {
		if _, out, _ := run(t.Context(), "fdb-missing", 80, 80, nil, "diagnose", "web", "api:8080", "-o", format); strings.Contains(out, "\x1b") {
			t.Errorf("%s holds an escape sequence", format)
		}
	}
}

func TestProgressOnlyOnATerminal(t *testing.T) {
	if _, _, err := run(t.Context(), "healthy", 0, 0, nil, "diagnose", "web", "api:8080"); err != "" {
		t.Errorf("stderr is no terminal and got %q", err)
	}
	_, _, err := run(t.Context(), "healthy", 0, 20, nil, "diagnose", "web", "api:8080")
	if want := "\r\x1b[Klooking at healt …\r\x1b[K"; err != want {
		t.Errorf("progress %q, want %q", err, want)
	}
}

func TestStoppedRunStillReports(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, _ := run(ctx, "healthy", 0, 0, nil, "diagnose", "web", "api:8080")
	if code != check.ExitUnknown || !strings.Contains(out, "interrupted before everything was looked at: nothing wrong found until then") {
		t.Errorf("exit %d, report:\n%s", code, out)
	}
}

// TestStoppedAtOnce: a name that nobody could be asked about is no wrong usage.
func TestStoppedAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, stderr := run(ctx, "healthy", 0, 0, nil, "diagnose", "nobody", "api:8080")
	if code != check.ExitTool || stderr != "fairway: interrupted before there was anything to report\n" {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestExitCodeIsTheSameForEveryFormat(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		var codes []int
		for _, format := range []string{"text", "json", "junit"} {
			code, out, err := run(t.Context(), name, 0, 0, nil, "diagnose", "web", "api:8080", "-o", format)
			if out == "" || err != "" {
				t.Errorf("%s as %s: stdout %q, stderr %q", name, format, out, err)
			}
			codes = append(codes, code)
		}
		if codes[0] != codes[1] || codes[1] != codes[2] {
			t.Errorf("%s: exit codes %v", name, codes)
		}
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestReportThatCannotBeWritten(t *testing.T) {
	var err bytes.Buffer
	code := cli.Main(t.Context(), []string{"diagnose", "web", "api:8080"}, cli.Env{Stdout: full{}, Stderr: &err, Look: lookAt("healthy"),
		Getenv: func(string) string { return "" }, Now: time.Now, Width: func(io.Writer) int { return 0 }})
	if code != check.ExitTool || err.String() != "fairway: write the report: short write\n" {
		t.Errorf("exit %d, stderr %q", code, err.String())
	}
}
