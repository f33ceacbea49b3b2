package cli_test

import (
	"context"
	"errors"
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
	testscript.Run(t, testscript.Params{Dir: "testdata/plugin", Setup: func(e *testscript.Env) error {
		e.Setenv("DOCKER_CONFIG", e.Getenv("WORK")+"/config")
		return nil
	}})
}
