package cli

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// engine serves a real engine's recorded answers on a unix socket; before, when
// set, may answer a request instead.
func engine(t *testing.T, file string, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("..", "collect", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string][]byte{}
	for _, f := range archive.Files {
		answers[f.Name] = f.Data
	}
	return serveUnix(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_ping" {
			for line := range strings.Lines(string(answers["/_ping"])) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
				w.Header().Set(k, v)
			}
			return
		}
		if before != nil && before(w, r) {
			return
		}
		_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.RequestURI(), "/"), "/")
		w.Header().Set("Content-Type", "application/json")
		if b, ok := answers["/"+path]; ok {
			w.Write(b)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"not found"}`)
	}))
}

func serveUnix(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return "unix://" + filepath.Join(dir, "s")
}

func options(host string) LookOptions {
	return LookOptions{Host: host, Getenv: func(string) string { return "" }, Timeout: time.Second, Now: time.Now, Version: "test"}
}

var ask = fact.Question{From: "web", To: "api", Port: 8080, Proto: "tcp"}

func lookAndJudge(t *testing.T, ctx context.Context, host string) (*fact.Snapshot, *check.Report) {
	t.Helper()
	s, err := Look(ctx, ask, options(host), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// Another engine's kernel is never mistaken for this one: the recorded
// engine's containers do not live here.
func TestLookAtAnEngineElsewhere(t *testing.T) {
	for _, file := range []string{"engine-20.10-manager.txtar", "engine-29-manager.txtar"} {
		t.Run(file, func(t *testing.T) {
			s, r := lookAndJudge(t, t.Context(), engine(t, file, nil))
			if s.Wanted == nil || s.Nodes[0].Engine == nil {
				t.Fatal("nothing wanted or believed")
			}
			if s.Nodes[0].Kernel != nil || s.Missing(s.Nodes[0].Name, "", fact.KindFDB) == nil {
				t.Fatalf("kernel %v, gaps %+v: want none and a gap that says why", s.Nodes[0].Kernel, s.Gaps)
			}
			if len(s.Seen.TCP)+len(s.Seen.DNS)+len(s.Seen.Peers) != 0 {
				t.Error("probed from somebody else's kernel")
			}
			if r.Verdict != check.VerdictUnknown {
				t.Errorf("verdict %s (%s), want unknown", r.Verdict, r.Summary)
			}
		})
	}
}

// A worker goes on with what its engine knows.
func TestLookAtAWorker(t *testing.T) {
	s, r := lookAndJudge(t, t.Context(), engine(t, "engine-29-worker.txtar", nil))
	if s.Wanted != nil || s.Missing("", "", fact.KindSwarm) == nil {
		t.Fatalf("wanted %v, gaps %+v: want none and a gap that says why", s.Wanted, s.Gaps)
	}
	if len(r.Tasks) == 0 {
		t.Error("no tasks, though gossip and labels name some")
	}
}

// An engine that dies half-way: what was learnt is still reported.
func TestLookAtAnEngineThatDies(t *testing.T) {
	var n atomic.Int32
	host := engine(t, "engine-29-manager.txtar", func(w http.ResponseWriter, r *http.Request) bool {
		if n.Add(1) < 6 {
			return false
		}
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			c.Close()
		}
		return true
	})
	s, err := Look(t.Context(), ask, options(host), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Gaps) == 0 {
		t.Error("no gap for what was not learnt")
	}
}

// An engine that hangs costs its limit, not the night.
func TestLookAtAnEngineThatHangs(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	host := engine(t, "engine-29-manager.txtar", func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/services") {
			return false
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	})
	s, err := Look(t.Context(), ask, options(host), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if s.Nodes[0].Engine == nil || s.Missing("", "", fact.KindSwarm) == nil {
		t.Errorf("engine %v, gaps %+v", s.Nodes[0].Engine, s.Gaps)
	}
}

// Ctrl-C: a partial snapshot that says so.
func TestLookStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	host := engine(t, "engine-29-manager.txtar", func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/networks/") {
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	})
	s, err := Look(ctx, ask, options(host), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, g := range s.Gaps {
		found = found || g.Class == fact.ClassInterrupted
	}
	if !found {
		t.Errorf("gaps %+v: none says that it was stopped", s.Gaps)
	}
}

// TestStoppedSaysItOnce: answers that nobody waited for are no trouble of their own.
func TestStoppedSaysItOnce(t *testing.T) {
	s := &fact.Snapshot{Gaps: []fact.Gap{{Node: "n2", Kind: fact.KindCounters, Class: fact.ClassGarbled, Reason: "ask n2 to watch: context canceled"},
		{Node: "n3", Kind: fact.KindNode, Class: fact.ClassUnseen, Reason: "not looked at"}}}
	stopped(s, "interrupted")
	said := map[string]int{}
	for _, g := range s.Gaps {
		said[g.Reason]++
	}
	if said["interrupted"] != 2 || said["not looked at"] != 1 || len(s.Gaps) != 3 {
		t.Errorf("gaps %+v", s.Gaps)
	}
}

func TestLookWithoutAnEngine(t *testing.T) {
	_, err := Look(t.Context(), ask, options("unix:///nonexistent/docker.sock"), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "docker.sock") {
		t.Errorf("error %v, want one that names the socket", err)
	}
}

// A sandbox that ends while it is looked at hides nothing; one that should run does.
func TestLeavingTasksHideNothing(t *testing.T) {
	s := facttest.Healthy()
	gone := fact.Gap{Node: "n2", Kind: fact.KindKernel, NetNS: facttest.Sandbox(facttest.Api(2)), Class: fact.ClassNotExist}
	s.Gaps = []fact.Gap{gone}
	if !leaving(s, s.Wanted) || len(s.Gaps) != 1 {
		t.Error("the gap of a running task was dropped")
	}
	s.Wanted.Task(facttest.Api(2)).Desired = "shutdown"
	s.Gaps = append(s.Gaps, fact.Gap{Node: "n2", Kind: fact.KindCounters, NetNS: gone.NetNS, Class: fact.ClassNotExist})
	if leaving(s, s.Wanted) || len(s.Gaps) != 0 {
		t.Errorf("gaps %+v", s.Gaps)
	}
}
