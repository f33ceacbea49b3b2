package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/collect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

const recordedManager = "engine-29-manager.txtar"

// lines collects what is logged.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// wait returns the rest of the first line with a word.
func (l *lines) wait(t *testing.T, word string) string {
	t.Helper()
	for range 500 {
		if _, rest, ok := strings.Cut(l.String(), word); ok {
			if line, _, whole := strings.Cut(rest, "\n"); whole {
				return line
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q in the log:\n%s", word, l)
	return ""
}

// secrets writes the files that a deployment gives an agent, and returns the
// flags for them and the operator's settings.
func secrets(t *testing.T) (flags []string, operator *tls.Config) {
	t.Helper()
	now := time.Now()
	a, err := fleet.NewAuthority(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := a.Issue(rand.Reader, now, fleet.ForAgent)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, name := range []string{"ca", "cert", "key"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, [][]byte{a.Certificate(), cert, key}[i], 0o600); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, "--"+name, path)
	}
	own, ownKey, err := a.Issue(rand.Reader, now, fleet.ForOperator)
	if err != nil {
		t.Fatal(err)
	}
	operator, err = fleet.ClientTLS(a.Certificate(), own, ownKey, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return flags, operator
}

// runMain runs the command line and returns its exit code.
func runMain(ctx context.Context, stderr io.Writer, args ...string) int {
	return Main(ctx, args, Env{Stdout: io.Discard, Stderr: stderr, Width: func(io.Writer) int { return 0 },
		Getenv: func(string) string { return "" }, Now: time.Now, Look: Look})
}

// startAgent runs an agent against an engine and returns it as a node.
func startAgent(t *testing.T, host string) (fleet.Node, *lines) {
	t.Helper()
	flags, operator := secrets(t)
	var log lines
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- runMain(ctx, &log, append([]string{"agent", "--listen", "127.0.0.1:0", "-H", host}, flags...)...)
	}()
	addr, _, _ := strings.Cut(log.wait(t, "msg=listening address="), " ")
	n := fleet.Dial("n1", func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: operator}).DialContext(ctx, "tcp", addr)
	})
	t.Cleanup(func() {
		n.Close()
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("the agent ended with %d:\n%s", code, &log)
		}
		if !strings.Contains(log.String(), "msg=stopped") {
			t.Errorf("the agent did not say that it stopped:\n%s", &log)
		}
	})
	return n, &log
}

func TestAgentAnswers(t *testing.T) {
	n, log := startAgent(t, engine(t, recordedManager, nil))
	h, err := n.Hello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.Node == "" || h.Name == "" || len(h.Hash) != 64 || h.Hash != ownHash() || h.Protocol != fleet.Protocol || time.Since(h.Clock).Abs() > time.Minute {
		t.Errorf("hello: %+v", h)
	}
	if err := fleet.CheckHello(h.Node, h.Hash, h); err != nil {
		t.Error(err)
	}
	checked := fleet.Checked(h.Node, h.Hash, n)
	a, err := checked.Look(t.Context(), fleet.LookRequest{})
	if err != nil || a.Node.Engine == nil || len(a.Node.Engine.Networks) == 0 {
		t.Fatalf("look: %+v, %v", a, err)
	}
	// It allows what a diagnosis asks, and nothing else.
	from := fact.Source{Node: h.Name, NetNS: "gone"}
	subnet := overlaySubnet(t, a.Node.Engine)
	ask := fleet.ProbeRequest{Limit: 1, Probes: fact.Seen{TCP: []fact.TCPProbe{{From: from, Target: netip.AddrPortFrom(subnet.Addr().Next(), 80)}}}}
	p, err := checked.Probe(t.Context(), ask)
	if err != nil || p.Seen.TCP[0].Outcome != fact.ProbeError || !strings.Contains(p.Seen.TCP[0].Err, "it was not read") {
		t.Errorf("probe: %+v, %v", p, err)
	}
	ask.Probes.TCP[0].Target = netip.MustParseAddrPort("192.0.2.1:22")
	if _, err := checked.Probe(t.Context(), ask); err == nil || !strings.Contains(err.Error(), "does not do") {
		t.Errorf("probe of a host: %v", err)
	}
	w, err := checked.Watch(t.Context(), fleet.WatchRequest{For: time.Millisecond, Gossip: true})
	if err != nil || len(w.Gaps) != 1 {
		t.Errorf("watch without a namespace: %+v, %v", w, err)
	}
	for _, want := range []string{"msg=hello", "msg=look", "msg=probe tcp=1", "msg=watch", "took="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
	for _, secret := range []string{"PRIVATE", "192.0.2.1", subnet.Addr().Next().String()} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

func overlaySubnet(t *testing.T, e *fact.Engine) netip.Prefix {
	t.Helper()
	for _, n := range e.Networks {
		if n.Driver == "overlay" && len(n.Subnets) > 0 {
			return n.Subnets[0].Prefix
		}
	}
	t.Fatal("no overlay was recorded")
	return netip.Prefix{}
}

// TestAgentProbesBeforeALook: an agent that restarted since the look asks its
// engine itself.
func TestAgentProbesBeforeALook(t *testing.T) {
	host := engine(t, recordedManager, nil)
	n, _ := startAgent(t, host)
	e, err := collect.Dial(t.Context(), collect.Where{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	believed, _ := e.Believed(t.Context())
	target := netip.AddrPortFrom(overlaySubnet(t, believed).Addr().Next(), 80)
	a, err := n.Probe(t.Context(), fleet.ProbeRequest{Limit: 1, Probes: fact.Seen{TCP: []fact.TCPProbe{{From: fact.Source{NetNS: "x"}, Target: target}}}})
	if err != nil || len(a.Seen.TCP) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAgentWithoutEngine: it answers, says what is missing, and finds the engine
// as soon as it is there.
func TestAgentWithoutEngine(t *testing.T) {
	dir, err := os.MkdirTemp("", "e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	sock := filepath.Join(dir, "s")
	n, _ := startAgent(t, "unix://"+sock)
	h, err := n.Hello(t.Context())
	if err != nil || h.Node != "" || h.Hash == "" {
		t.Errorf("hello: %+v, %v", h, err)
	}
	a, err := n.Look(t.Context(), fleet.LookRequest{})
	if err != nil || len(a.Gaps) != 1 || !strings.Contains(a.Gaps[0].Reason, "no engine answers") {
		t.Errorf("look: %+v, %v", a, err)
	}
	if err := fleet.CheckLook("some node", a); err != nil {
		t.Error(err)
	}
	_, err = n.Probe(t.Context(), fleet.ProbeRequest{})
	if err == nil || !strings.Contains(err.Error(), "no engine answers") {
		t.Errorf("probe: %v", err)
	}
	real := strings.TrimPrefix(engine(t, recordedManager, nil), "unix://")
	if err := os.Symlink(real, sock); err != nil {
		t.Fatal(err)
	}
	if h, err := n.Hello(t.Context()); err != nil || h.Node == "" {
		t.Errorf("hello: %+v, %v", h, err)
	}
}

// TestAgentSurvivesItsEngine: an engine that sends garbage, hangs up or panics
// ours costs an answer.
func TestAgentSurvivesItsEngine(t *testing.T) {
	bad := false
	n, _ := startAgent(t, engine(t, recordedManager, func(w http.ResponseWriter, r *http.Request) bool {
		if bad {
			io.WriteString(w, "\x00garbage{[")
		}
		return bad
	}))
	if _, err := n.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	bad = true
	a, err := n.Look(t.Context(), fleet.LookRequest{})
	if err != nil || len(a.Gaps) == 0 || a.Node.Engine != nil {
		t.Errorf("%+v, %v", a, err)
	}
	bad = false
	if a, err = n.Look(t.Context(), fleet.LookRequest{}); err != nil || a.Node.Engine == nil {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAgentCannotStart(t *testing.T) {
	flags, _ := secrets(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no secrets", []string{"--listen", "127.0.0.1:0"}, check.ExitTool, "`fairway deploy` puts them there"},
		{"no key", append(flags[:4:4], "--key", key, "--listen", "127.0.0.1:0"), check.ExitTool, "read certificate and key"},
		{"port taken", append(flags[:6:6], "--listen", taken.Addr().String()), check.ExitTool, "address already in use"},
		{"not our address", append(flags[:6:6], "--listen", "192.0.2.1:9747"), check.ExitTool, "cannot assign"},
		{"a name", append(flags[:6:6], "--listen", "localhost:9747"), check.ExitUsage, "is no IP address"},
		{"no port", append(flags[:6:6], "--listen", "127.0.0.1"), check.ExitUsage, "is no [address]:port"},
		{"a port beyond", append(flags[:6:6], "--listen", "127.0.0.1:70000"), check.ExitUsage, "is no [address]:port"},
		{"a folder", append(flags[:6:6], "--netns-dir", "netns"), check.ExitUsage, "is no absolute path"},
		{"an argument", []string{"now"}, check.ExitUsage, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log lines
			if code := runMain(t.Context(), &log, append([]string{"agent"}, c.args...)...); code != c.code || !strings.Contains(log.String(), c.want) {
				t.Errorf("exit %d: %s", code, &log)
			}
		})
	}
}

// TestAgentWaitsForItsAddress: without an address to listen on it asks the
// engine, and a signal ends the wait.
func TestAgentWaitsForItsAddress(t *testing.T) {
	flags, _ := secrets(t)
	var log lines
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- runMain(ctx, &log, append([]string{"agent", "--listen", ":0", "-H", "unix:///nonexistent/docker.sock"}, flags...)...)
	}()
	log.wait(t, "waiting for the engine")
	cancel()
	if code := <-ended; code != check.ExitTool {
		t.Errorf("exit %d:\n%s", code, &log)
	}
}

// TestStdio: the same answers on a pair of streams, and the end of the input
// is the end.
func TestStdio(t *testing.T) {
	in, toAgent := io.Pipe()
	fromAgent, out := io.Pipe()
	a := newAgent(collect.Where{Host: engine(t, recordedManager, nil), Now: time.Now}, "", logPlaces{}, slog.New(slog.DiscardHandler))
	defer a.Close()
	ended := make(chan error, 1)
	go func() { ended <- serveStdio(t.Context(), in, out, a, fleet.Limits{}) }()
	used := false
	n := fleet.Dial("n1", func(context.Context) (net.Conn, error) {
		if used {
			return nil, errors.New("used")
		}
		used = true
		near, far := net.Pipe()
		go func() { io.Copy(toAgent, far); toAgent.Close() }()
		go func() { io.Copy(far, fromAgent); far.Close() }()
		return near, nil
	})
	for range 3 {
		if h, err := n.Hello(t.Context()); err != nil || h.Node == "" {
			t.Fatalf("%+v, %v", h, err)
		}
	}
	n.Close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it goes on without input")
	}
}

// TestStdioGarbage: whatever comes, it ends.
func TestStdioGarbage(t *testing.T) {
	for _, in := range []string{"", "hello\n", "\x00\xff", "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00"} {
		a := newAgent(collect.Where{Host: "unix:///nonexistent", Now: time.Now}, "", logPlaces{}, slog.New(slog.DiscardHandler))
		var out lines
		if err := serveStdio(t.Context(), strings.NewReader(in), &out, a, fleet.Limits{}); err != nil {
			t.Errorf("%q: %v", in, err)
		}
		a.Close()
	}
}

func TestAgentLogIsSparing(t *testing.T) {
	var out lines
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	log := agentLog(&out, slog.LevelInfo, func() time.Time { return now })
	for i := range 10 * agentLines {
		log.Warn("refused", "n", i, "error", fmt.Errorf("a\nb"))
	}
	if n := strings.Count(out.String(), "\n"); n != agentLines {
		t.Errorf("%d lines, %d are allowed", n, agentLines)
	}
	now = now.Add(time.Minute)
	log.Warn("refused")
	if want := fmt.Sprintf("left_out=%d", 9*agentLines); !strings.Contains(out.String(), want) {
		t.Errorf("no %q", want)
	}
}
