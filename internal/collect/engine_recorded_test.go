package collect

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/fact"
)

var update = flag.Bool("update-engine", false, "rewrite the golden facts of recorded engines")

// TestRecordedEngines compares the facts read from real engines' answers with
// those that were checked by eye against docker service ls, ps, inspect and
// docker network inspect -v.
func TestRecordedEngines(t *testing.T) {
	for _, name := range []string{"engine-20.10-manager", "engine-20.10-worker", "engine-29-manager", "engine-29-worker"} {
		t.Run(name, func(t *testing.T) {
			e := dial(t, recorded(t, name+".txtar"), 0)
			wanted, gaps := e.Wanted(t.Context())
			believed, more := e.Believed(t.Context())
			believed.ClockOffset = 0
			for i := range gaps {
				gaps[i].Reason = strings.ReplaceAll(gaps[i].Reason, e.Host(), "HOST")
			}
			got, err := json.MarshalIndent(struct {
				Wanted   *fact.Wanted
				Believed *fact.Engine
				Gaps     []fact.Gap
			}{wanted, believed, append(gaps, more...)}, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(got, []byte("keep-me-not")) {
				t.Error("an environment value was kept")
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
				t.Errorf("facts differ (-want +got); -update-engine rewrites:\n%s", diff)
			}
		})
	}
}

// TestRecordedTraps names what the golden files must not lose unnoticed.
func TestRecordedTraps(t *testing.T) {
	for _, version := range []string{"20.10", "29"} {
		t.Run(version, func(t *testing.T) {
			e := dial(t, recorded(t, "engine-"+version+"-manager.txtar"), 0)
			w, _ := e.Wanted(t.Context())
			b, _ := e.Believed(t.Context())
			net := func(name string) *fact.EngineNetwork {
				for i := range b.Networks {
					if b.Networks[i].Name == name {
						return &b.Networks[i]
					}
				}
				t.Fatalf("no network %s", name)
				return nil
			}
			idle, app := net("idle"), net("app")
			if idle.Instantiated || !app.Instantiated || !net("ingress").Instantiated {
				t.Errorf("instantiated: idle %v, app %v, ingress %v; want false, true, true",
					idle.Instantiated, app.Instantiated, net("ingress").Instantiated)
			}
			if !idle.Encrypted || app.Encrypted || idle.MTU != 1400 {
				t.Errorf("idle: encrypted %v, MTU %d; app: encrypted %v", idle.Encrypted, idle.MTU, app.Encrypted)
			}
			for _, s := range app.Services {
				if dnsrr := s.Name == "api" || s.Name == "web" || s.Name == ""; dnsrr == s.VIP.IsValid() {
					t.Errorf("service %q: VIP %v", s.Name, s.VIP)
				}
			}
			for _, s := range w.Services {
				if s.ResolvConfMount != (s.Name == "mounted") {
					t.Errorf("service %s: ResolvConfMount %v", s.Name, s.ResolvConfMount)
				}
			}
			if p := w.ServiceNamed("api").Ports; len(p) != 1 || p[0].Mode != "host" {
				t.Errorf("api: ports %v, want one in host mode", p)
			}
			if b.Started.IsZero() || b.Started.After(b.SystemTime) {
				t.Errorf("started %v, clock %v", b.Started, b.SystemTime)
			}
		})
	}
}

// TestWorkerIsNotAsked holds that a worker is not asked what it must refuse:
// each refusal is an error in its log.
func TestWorkerIsNotAsked(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	answers := recorded(t, "engine-20.10-worker.txtar")
	e := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		answers(w, r)
	}), 0)
	if w, gaps := e.Wanted(t.Context()); w != nil || len(gaps) != 1 || !strings.Contains(gaps[0].Do, "10.77.0.11:2377") {
		t.Errorf("wanted %v, gaps %v", w, gaps)
	}
	for _, p := range asked {
		if p != "/_ping" && !strings.HasSuffix(p, "/info") {
			t.Errorf("asked %s", p)
		}
	}
}

// TestClockOffset uses an engine whose clock is an hour ahead.
func TestClockOffset(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	ahead := func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"ID": "x", "SystemTime": at.Add(time.Hour).Format(time.RFC3339Nano)})
	}
	where := Where{Host: serve(t, instead("/info", ahead, recorded(t, "engine-29-manager.txtar"))),
		Now: func() time.Time { return at }}
	e, err := Dial(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	b, _ := e.Believed(t.Context())
	if b.ClockOffset != time.Hour {
		t.Errorf("offset %v, want 1h", b.ClockOffset)
	}
}

// TestNoAddressIsNoGarble holds the words that mean "none" in some release.
func TestNoAddressIsNoGarble(t *testing.T) {
	var bad garbled
	for _, s := range []string{"", "<nil>", "invalid IP"} {
		if a := bad.addr("x", s); a.IsValid() || bad.n != 0 {
			t.Errorf("%q: %v, %s", s, a, &bad)
		}
	}
	if a := bad.addr("x", "::ffff:10.0.0.1"); a != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("got %v", a)
	}
	if bad.addr("VIP", "10.0.0.x"); bad.n != 1 || !strings.Contains(bad.String(), `VIP is no address: "10.0.0.x"`) {
		t.Errorf("noted %d: %s", bad.n, &bad)
	}
}
