package render_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// With -update, goldens and the schema are written instead of compared.
var update = flag.Bool("update", false, "write golden files")

// checks are one real check and some made up here, so that goldens change only
// when the look of a report does.
func checks() []*check.Check {
	quiet := func(id string) *check.Check {
		return &check.Check{ID: id, Title: id, Needs: []fact.Kind{fact.KindSwarm}, Run: func(*check.In) []check.Finding { return nil }}
	}
	return []*check.Check{quiet("task-not-running"), quiet("network-not-shared"), check.FDBMissing, quiet("app-wrong-port")}
}

// report judges a scenario.
func report(t *testing.T, s *fact.Snapshot, checks []*check.Check) *check.Report {
	t.Helper()
	r, err := check.Run(s, checks, 812*time.Millisecond)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return r
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-update writes it anew):\n%s", path, d)
	}
}

func text(t *testing.T, r *check.Report, o render.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := render.Text(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGoldens(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		t.Run(name, func(t *testing.T) {
			r := report(t, facttest.Scenario(name), checks())
			golden(t, name+".txt", text(t, r, render.Options{}))
			var j, x bytes.Buffer
			if err := render.JSON(&j, r); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", j.Bytes())
			if err := render.JUnit(&x, r); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".xml", x.Bytes())
		})
	}
}
