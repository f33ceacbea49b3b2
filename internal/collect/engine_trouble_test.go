package collect

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

const manager = "engine-29-manager.txtar"

// The ways in which an engine goes wrong.
var (
	hangs = func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	html  = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html><body>It works!</body></html>") }
	empty = func(w http.ResponseWriter, r *http.Request) {}
	dies  = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `[{"ID":"first","Id":"first","Name":"first","Driver":"bridge"},{"I`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	closes  = func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }
	refuses = func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"message":"denied by plugin\u001b[2J"}`)
	}
	breaks = func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "plain text")
	}
	other = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/info" {
			io.WriteString(w, `["a", {"b": [1]}]`)
			return
		}
		io.WriteString(w, `{"a": {"b": [1, 2]}}`)
	}
)

// patience is short where the engine hangs, and never so short that a busy
// machine breaks it.
func patience(way string) time.Duration {
	if way == "hangs" {
		return time.Second
	}
	return time.Minute
}

// TestEngineTrouble holds that one bad answer costs that answer: a gap of the
// right kind and class, and every other fact kept.
func TestEngineTrouble(t *testing.T) {
	ways := []struct {
		name  string
		how   http.HandlerFunc
		class fact.Class
	}{
		{"hangs", hangs, fact.ClassTimeout}, {"html", html, fact.ClassGarbled}, {"dies", dies, fact.ClassInterrupted},
		{"closes", closes, fact.ClassInterrupted}, {"refuses", refuses, fact.ClassPermission},
		{"breaks", breaks, fact.ClassUnsupported}, {"other", other, fact.ClassGarbled}, {"empty", empty, fact.ClassInterrupted},
	}
	paths := []struct {
		path string
		kind fact.Kind
	}{
		{"/info", fact.KindInfo}, {"/containers/json", fact.KindContainers}, {"/networks", fact.KindNetworks},
		{"/networks/", fact.KindNetworks}, {"/containers/1", fact.KindContainers},
	}
	for _, way := range ways {
		for _, p := range paths {
			t.Run(way.name+p.path, func(t *testing.T) {
				t.Parallel()
				if way.name == "other" && p.path != "/networks" && p.path != "/containers/json" {
					return // an object is what these are
				}
				e := dial(t, instead(p.path, way.how, recorded(t, manager)), patience(way.name))
				b, gaps := e.Believed(t.Context())
				if b == nil {
					t.Fatalf("nothing was kept; gaps %v", gaps)
				}
				if len(gaps) == 0 || gaps[0].Kind != p.kind || gaps[0].Class != way.class {
					t.Errorf("gaps %+v, want %s of class %s first", gaps, p.kind, way.class)
				}
				for _, g := range gaps {
					if g.Kind != p.kind || strings.ContainsAny(g.Reason, "\n\x1b") {
						t.Errorf("gap %+v", g)
					}
				}
				if p.kind != fact.KindInfo && (b.Name != "n1" || gaps[0].Node != "n1") {
					t.Errorf("name %q, gap at %q", b.Name, gaps[0].Node)
				}
				if p.kind != fact.KindContainers && len(b.Containers) != 6 {
					t.Errorf("%d containers, want 6", len(b.Containers))
				}
				if p.kind != fact.KindNetworks && len(b.Networks) != 5 {
					t.Errorf("%d networks, want 5", len(b.Networks))
				}
			})
		}
	}
}

// TestSwarmTrouble is the same for what the managers want.
func TestSwarmTrouble(t *testing.T) {
	for name, how := range map[string]http.HandlerFunc{"hangs": hangs, "html": html, "dies": dies, "closes": closes, "other": other} {
		for _, path := range []string{"/nodes", "/services", "/tasks", "/networks", "/info"} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				if name == "other" && path == "/info" {
					return
				}
				e := dial(t, instead(path, how, recorded(t, manager)), patience(name))
				w, gaps := e.Wanted(t.Context())
				if w == nil || len(gaps) != 1 || gaps[0].Kind != fact.KindSwarm {
					t.Fatalf("wanted %v, gaps %v", w, gaps)
				}
				if path != "/services" && len(w.Services) != 6 || path != "/nodes" && len(w.Nodes) != 3 {
					t.Errorf("%d services, %d nodes", len(w.Services), len(w.Nodes))
				}
				if w.DataPathPort == 0 {
					t.Error("data path port 0")
				}
				if name == "dies" && path == "/tasks" && (len(w.Tasks) != 1 || w.Tasks[0].ID != "first") {
					t.Errorf("tasks %v, want the one before the break", w.Tasks)
				}
			})
		}
	}
}

// TestEngineDead: greeted, then dead or hanging altogether.
func TestEngineDead(t *testing.T) {
	for name, how := range map[string]http.HandlerFunc{"hangs": hangs, "html": html, "closes": closes} {
		t.Run(name, func(t *testing.T) {
			e := dial(t, instead("", how, recorded(t, manager)), time.Second)
			start := time.Now()
			b, gaps := e.Believed(t.Context())
			if b != nil || len(gaps) != 3 {
				t.Errorf("believed %v, gaps %v", b, gaps)
			}
			if w, gaps := e.Wanted(t.Context()); w != nil || len(gaps) == 0 {
				t.Errorf("wanted %v, gaps %v", w, gaps)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// TestInterrupted: the operator stops the run.
func TestInterrupted(t *testing.T) {
	e := dial(t, instead("/networks", hangs, recorded(t, manager)), time.Minute)
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	b, gaps := e.Believed(ctx)
	if b == nil || len(gaps) != 1 || len(b.Containers) != 6 {
		t.Errorf("believed %v, gaps %v", b, gaps)
	}
}

// TestNoLeader uses the words of 20.10 and 29.
func TestNoLeader(t *testing.T) {
	no := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, `{"message":"rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online."}`)
	}
	answers := recorded(t, manager)
	for _, p := range []string{"/nodes", "/services", "/tasks"} {
		answers = instead(p, no, answers)
	}
	w, gaps := dial(t, answers, 0).Wanted(t.Context())
	if w != nil || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "no leader") || gaps[0].Do == "" {
		t.Errorf("wanted %v, gaps %+v", w, gaps)
	}
}

// TestPanicIsAGap: whatever panics while an answer is read.
func TestPanicIsAGap(t *testing.T) {
	e := &Engine{}
	gaps := e.look(fact.KindNetworks, "read x", func(*garbled) error { panic("index out of range") })
	if len(gaps) != 1 || gaps[0].Class != fact.ClassBug || !strings.Contains(gaps[0].Reason, "read x") {
		t.Errorf("gaps %+v", gaps)
	}
}

// TestOneFieldCostsOneField: the rest of the answer is kept.
func TestOneFieldCostsOneField(t *testing.T) {
	const body = `{"Id":"n","Name":"app","Driver":"overlay","EnableIPv6":"perhaps","Created":"yesterday",
		"IPAM":{"Config":[{"Subnet":"10.0.1.0/24","Gateway":"10.0.1.1"},{"Subnet":"ten"}]},
		"Options":{"com.docker.network.driver.overlay.vxlanid_list":"4097,x"},"Peers":[{"Name":"p","IP":7},{"Name":"q","IP":"10.77.0.1"}],
		"Containers":{"c":{"Name":"api.1","MacAddress":"zz","IPv4Address":"10.0.1.4/24"}},
		"Services":{"api":{"VIP":{},"LocalLBIndex":-1,"Tasks":[{"Name":"api.1","EndpointIP":"10.0.1.4","Info":"none"}]},"web":[],"db":null}}`
	var n fact.EngineNetwork
	bad := &garbled{}
	if err := readVerbose(newAnswer(strings.NewReader(body), bad), &n); err != nil {
		t.Fatal(err)
	}
	if bad.n != 10 {
		t.Errorf("%d fields noted, want 10: %s", bad.n, bad)
	}
	got := fmt.Sprint(n.Name, n.Subnets, n.VNIs, n.Peers, n.Endpoints[0].Addr, n.Services[0].Tasks)
	const want = "app[{10.0.1.0/24 10.0.1.1}] [4097] [{p invalid IP} {q 10.77.0.1}] 10.0.1.4/24 [{api.1  10.0.1.4 invalid IP}]"
	if got != want || len(n.Services) != 3 || !n.Instantiated {
		t.Errorf("kept %s\nwant %s; %d services", got, want, len(n.Services))
	}
}

// TestHugeAnswers: gigabytes cost a gap, not memory.
func TestHugeAnswers(t *testing.T) {
	pour := func(head, again string) http.HandlerFunc {
		block := strings.Repeat(again, 64<<10/len(again)+1)
		return func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, head)
			for range 4 << 30 / len(block) {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
		}
	}
	for name, how := range map[string]http.HandlerFunc{
		"spaces": pour("[", " "), "one string": pour(`["`, "a"), "one object": pour(`[{"ID":"a","Name":"`, "a"),
		"deep": pour("", "["), "deep in one": pour(`[{"X":`, "["), "many": pour("[1", ",1"), "many rows": pour(`[{"ID":"a"}`, `,{"ID":"a"}`),
		"wide row": pour(`[{"ID":"a","NetworksAttachments":[{}`, ",{}"),
	} {
		t.Run(name, func(t *testing.T) {
			e := dial(t, instead("/tasks", how, recorded(t, manager)), 0)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			w, gaps := e.Wanted(t.Context())
			runtime.ReadMemStats(&after)
			if w == nil || len(gaps) == 0 || gaps[0].Class != fact.ClassGarbled {
				t.Errorf("wanted %v, gaps %+v", w != nil, gaps)
			}
			took := int64(after.Sys-before.Sys) >> 20
			t.Logf("took %d MiB from the system", took)
			if took > 128 {
				t.Errorf("took %d MiB from the system", took)
			}
		})
	}
}
