package cli

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// someone is a node that only says who it is.
type someone struct{ fleet.Node }

func (someone) Hello(context.Context) (*fleet.Hello, error) { return &fleet.Hello{Node: "other"}, nil }

func (someone) Close() error { return nil }

// keysFor puts an operator's keys for a Swarm below a configuration folder.
func keysFor(t *testing.T, config, cluster string) *fleet.Authority {
	t.Helper()
	a, err := fleet.NewAuthority(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := a.Issue(rand.Reader, time.Now(), fleet.ForOperator)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(config, "fairway", cluster)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"ca.crt": a.Certificate(), "client.crt": cert, "client.key": key} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// TestAgentsAreFoundWithoutManagers: no manager names the agents, the keys of two
// Swarms are here, and only the agent whose CA fits is spoken to.
func TestAgentsAreFoundWithoutManagers(t *testing.T) {
	config := t.TempDir()
	s, h := &fact.Snapshot{}, host{name: "127.0.0.77", addr: netip.MustParseAddr("127.0.0.77")}
	w := &ways{config: config, now: time.Now, found: map[string]way{}}
	if n, gap := w.to(t.Context(), s, h); n != nil || !strings.Contains(gap.Reason, "without the managers") {
		t.Fatalf("without keys: %v, %+v", n, gap)
	}
	keysFor(t, config, "a")
	authority := keysFor(t, config, "b")
	if n, gap := w.to(t.Context(), s, h); n != nil || !strings.Contains(gap.Reason, "127.0.0.77:9747 (connection refused)") {
		t.Fatalf("without an agent: %v, %+v", n, gap)
	}
	cert, key, err := authority.Issue(rand.Reader, time.Now(), fleet.ForAgent)
	if err != nil {
		t.Fatal(err)
	}
	tls, err := fleet.ServerTLS(authority.Certificate(), cert, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.77:9747")
	if err != nil {
		t.Fatal(err)
	}
	go fleet.Serve(t.Context(), fleet.Listen(l, tls, func(fleet.Event) {}), someone{}, fleet.Limits{})
	n, gap := w.to(t.Context(), s, h)
	if gap != nil {
		t.Fatalf("%+v", gap)
	}
	w.knows(h.name, "other")
	if w.open("other") != n {
		t.Error("what is sent to it goes elsewhere")
	}
	n.Close()
}
