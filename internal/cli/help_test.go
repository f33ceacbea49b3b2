package cli_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"fairway/internal/check"
)

func TestHelpFitsATerminal(t *testing.T) {
	for _, cmd := range []string{"", "diagnose", "explain", "deploy", "remove", "image", "agent", "version", "completion"} {
		args := []string{"--help"}
		if cmd != "" {
			args = []string{cmd, "--help"}
		}
		code, out, err := run(t.Context(), "healthy", 0, 0, nil, args...)
		if code != check.ExitOK || out == "" || err != "" {
			t.Errorf("%s: exit %d, stderr %q", cmd, code, err)
		}
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s --help has a line of %d columns: %s", cmd, n, line)
			}
		}
	}
}
