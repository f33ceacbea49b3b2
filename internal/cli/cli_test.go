package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fairway/internal/cli"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestMain makes the command for the scripts: the real one, but it looks at
// the facttest scenario that the environment names.
func TestMain(m *testing.M) {
	run := func() {
		env := cli.System(os.Args[0])
		env.Look = lookAt(os.Getenv("SCENARIO"))
		os.Exit(cli.Main(context.Background(), os.Args[1:], env))
	}
	testscript.Main(m, map[string]func(){"fairway": run, "docker-fairway": run})
}

// lookAt is a Looker that needs no network.
func lookAt(scenario string) cli.Looker {
	return func(ctx context.Context, q fact.Question, o cli.LookOptions, progress func(string)) (*fact.Snapshot, error) {
		progress("looking at " + scenario)
		switch scenario {
		case "no-engine":
			return nil, errors.New("no engine answers at unix:///run/\x1b[31mdocker.sock: start Docker there")
		case "options":
			return nil, errors.New("host=" + o.Host + " context=" + o.Context + " config=" + o.Getenv("DOCKER_CONFIG") +
				" verify=" + o.Getenv("DOCKER_TLS_VERIFY") + " timeout=" + o.Timeout.String() + " from=" + q.From + " to=" + q.To)
		case "panic":
			panic("index out of\x1b[31m range")
		}
		if s := meshScenario(scenario, q); s != nil {
			return s, nil
		}
		s := facttest.Scenario(scenario)
		if ctx.Err() != nil {
			s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted, Reason: "interrupted before everything was looked at"})
		}
		s.Question = q
		if q.All {
			facttest.Whole(s, q.Services...)
		}
		return s, nil
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireUniqueNames: true})
}

// TestPlugin runs the scripts that need the docker client.
func TestPlugin(t *testing.T) {
	if _, err := exec.LookPath("docker"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), "docker") {
			t.Fatalf("docker: %v, and REQUIRE promises a docker client", err)
		}
		t.Skipf("docker: %v", err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/plugin", Condition: completes, Setup: func(e *testscript.Env) error {
		e.Setenv("DOCKER_CONFIG", e.Getenv("WORK")+"/config")
		return nil
	}})
}

// completes is the condition [completes]: this docker client completes the words
// of plugins. 20.10, as in Debian 12, does not; 23.0 and later do.
func completes(condition string) (bool, error) {
	if condition != "completes" {
		return false, fmt.Errorf("unknown condition %s", condition)
	}
	out, err := exec.Command("docker", "--version").Output()
	if err != nil {
		return false, fmt.Errorf("ask the docker client for its version: %w", err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "Docker version %d.", &major); err != nil {
		return false, fmt.Errorf("read the docker client's version %q: %w", out, err)
	}
	if major < 23 && slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), "docker-completion") {
		return false, fmt.Errorf("REQUIRE promises docker-completion, and the docker client is of %d", major)
	}
	return major >= 23, nil
}
