package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// TestEngineThatHangs: an agent that answers for an engine that does not is
// something known about the node, and not a node unseen.
func TestEngineThatHangs(t *testing.T) {
	s := &fact.Snapshot{}
	now := time.Unix(1000, 0)
	a := clocked(&fleet.LookAnswer{Clock: now.Add(time.Hour), Gaps: []fact.Gap{{Kind: fact.KindInfo, Class: fact.ClassTimeout, Reason: "read the engine's info: no whole answer within 10s"}}},
		now, now.Add(10*time.Second))
	keep(s, host{id: "two", name: "n2"}, a, nil)
	n := s.Node("two")
	if n == nil || n.Name != "n2" || n.Engine != nil || n.ClockWithin != 5*time.Second || n.ClockOffset != time.Hour-5*time.Second {
		t.Fatalf("node %+v", n)
	}
	if g := s.Missing("n2", "", fact.KindInfo); g == nil || g.Class != fact.ClassTimeout {
		t.Errorf("gaps %+v, want one for the engine's info, timeout", s.Gaps)
	}
	if g := s.Missing("n2", "", fact.KindFDB); g == nil {
		t.Error("its kernel was not seen, and no gap says so")
	}
	s = &fact.Snapshot{}
	keep(s, host{id: "two", name: "n2"}, &fleet.LookAnswer{Gaps: []fact.Gap{{Kind: fact.KindInfo, Class: fact.ClassPermission}}}, nil)
	if s.Node("two") != nil || len(s.Gaps) != 1 {
		t.Errorf("an engine that refuses: %+v", s)
	}
}

// engineAt serves an engine on a unix socket and returns its address.
func engineAt(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return "unix://" + path
}

// asks runs fairway against an engine on host n1 and returns its JSON report.
func asks(t *testing.T, engine string, args ...string) (int, *check.Report, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := Main(t.Context(), append(args, "-H", engine, "-o", "json", "--timeout", "300ms"), Env{Stdout: &out, Stderr: &errs,
		Width: func(io.Writer) int { return 0 }, Getenv: func(string) string { return "" }, Hostname: "n1", Now: time.Now, Look: Look})
	var r check.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("exit %d, no report (%v): %s%s", code, err, out.String(), errs.String())
	}
	return code, &r, errs.String()
}

// TestOwnEngineHangs: an engine that takes connections and answers nobody is
// something to report, whatever the question names.
func TestOwnEngineHangs(t *testing.T) {
	engine := engineAt(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for _, args := range [][]string{{"diagnose", "web", "api:8080"}, {"check"}, {"check", "web"}} {
		code, r, errs := asks(t, engine, args...)
		if code != check.ExitUnknown || errs != "" || !strings.Contains(r.Summary, "the engine of n1 hangs") || !strings.Contains(r.Summary, "300ms") {
			t.Errorf("%q: exit %d, %q (%s)", args, code, r.Summary, errs)
		}
		if len(r.Gaps) == 0 || r.Gaps[len(r.Gaps)-1].Node != "n1" || !strings.Contains(r.Gaps[len(r.Gaps)-1].Do, "journalctl") {
			t.Errorf("%q: gaps %+v", args, r.Gaps)
		}
	}
}

// TestOwnEngineHangsHalfWay: the managers' lists come, and what the engine knows
// of itself does not.
func TestOwnEngineHangsHalfWay(t *testing.T) {
	engine := engineAt(t, func(w http.ResponseWriter, r *http.Request) {
		_, path, _ := strings.Cut(r.URL.Path[1:], "/")
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", "1.45")
			w.Header().Set("Swarm", "active/manager")
		case path == "nodes":
			fmt.Fprintf(w, `[{"ID":"one","Spec":{"Role":"manager","Availability":"active"},"Description":{"Hostname":"n1"},"Status":{"State":"ready","Addr":"10.77.0.11"}}]`)
		case path == "services":
			fmt.Fprintf(w, `[{"ID":"sweb","Spec":{"Name":"web"}},{"ID":"sapi","Spec":{"Name":"api"}}]`)
		case path == "tasks", path == "networks":
			fmt.Fprint(w, "[]")
		default:
			<-r.Context().Done()
		}
	})
	code, r, errs := asks(t, engine, "check")
	named := slices.ContainsFunc(r.Gaps, func(g check.Gap) bool {
		return g.Node == "n1" && g.What == "info" && strings.Contains(g.Reason, "300ms")
	})
	if code != check.ExitUnknown || !named || !slices.Equal(r.Nodes, []string{"n1"}) || len(r.Causes) != 0 {
		t.Errorf("exit %d, nodes %q, causes %+v, gaps %+v (%s); want 4, and a gap of n1", code, r.Nodes, r.Causes, r.Gaps, errs)
	}
}
