package fleet

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"fairway/internal/fact"
)

// zeros is an endless body.
type zeros struct{ b byte }

func (z zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = z.b
	}
	return len(p), nil
}

// post sends a body to an agent, by hand.
func (r *running) post(t testing.TB, method, path string, body io.Reader) (int, string, error) {
	t.Helper()
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: r.client(t, at(made)), DisableKeepAlives: true}, Timeout: 30 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+r.addr+path, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(b), err
}

func TestBadRequests(t *testing.T) {
	a := agent(t, fake{}, Limits{PerSecond: 1000})
	many := func(n int, each string) io.Reader {
		return strings.NewReader(`{"Probes":{"TCP":[` + strings.TrimSuffix(strings.Repeat(each+",", n), ",") + `]}}`)
	}
	for _, c := range []struct {
		name, method, path string
		body               io.Reader
		code               int
		says               string
	}{
		{"1 GiB of spaces", "POST", "/v1/look", io.LimitReader(zeros{' '}, 1<<30), 413, "too large"},
		{"1 GiB of brackets", "POST", "/v1/look", io.LimitReader(zeros{'['}, 1<<30), 413, "too large"},
		{"deep", "POST", "/v1/look", io.LimitReader(zeros{'['}, 1<<20), 413, "nested deeper"},
		{"a million nothings", "POST", "/v1/probe", many(800_000, "null"), 413, "more than 65536 parts"},
		{"too many probes", "POST", "/v1/probe", many(8193, "{}"), 422, "8192 are allowed"},
		{"garbage", "POST", "/v1/look", strings.NewReader("\x00\xff\x13"), 400, "read the request"},
		{"wrong kind", "POST", "/v1/watch", strings.NewReader(`{"For":"long"}`), 400, "read the request"},
		{"watch for a day", "POST", "/v1/watch", strings.NewReader(`{"For":86400000000000}`), 422, "is the most"},
		{"watch backwards", "POST", "/v1/watch", strings.NewReader(`{"For":-1}`), 422, "is the most"},
		{"a path as a namespace", "POST", "/v1/probe", strings.NewReader(`{"Spaces":[{"Name":"../../../proc/1/ns/net"}]}`), 422, "no name of a namespace"},
		{"the same to count", "POST", "/v1/watch", strings.NewReader(`{"Spaces":[{"Name":".."}]}`), 422, "no name of a namespace"},
		{"GET", "GET", "/v1/look", nil, 405, ""},
		{"another path", "POST", "/v1/exec", nil, 404, ""},
		{"a path with dots", "POST", "/v1/../debug/pprof/", nil, 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, says, err := a.post(t, c.method, c.path, c.body)
			// A server that has enough may close before all was sent.
			if err != nil && c.code == 413 && code == 0 {
				return
			}
			if err != nil || code != c.code && code != 307 || !strings.Contains(says, c.says) {
				t.Errorf("%d %q, %v; want %d with %q", code, says, err, c.code, c.says)
			}
		})
	}
	a.alive(t)
}

// TestStrangers: nothing that cannot do the handshake holds an agent up.
func TestStrangers(t *testing.T) {
	a := agent(t, fake{}, Limits{})
	for _, c := range []struct {
		name string
		send []byte
	}{
		{"a scan", nil},
		{"plain HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"HTTP/2 without TLS", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
		{"garbage", bytes.Repeat([]byte{0x16, 3, 1, 0xff, 0xff, 7}, 1000)},
		{"zeros", make([]byte, 64<<10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", a.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if c.send == nil {
				return
			}
			conn.Write(c.send)
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			got, _ := io.ReadAll(conn)
			if bytes.Contains(got, []byte("HTTP")) {
				t.Errorf("it said %q before the handshake", got)
			}
		})
	}
	a.alive(t)
}

// TestSlowLoris: a byte now and then, before and after the handshake, is cut
// off, and the operator is served meanwhile.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	a := agent(t, fake{}, Limits{})
	var wg sync.WaitGroup
	drip := func(what string, conn net.Conn, bytes string) {
		wg.Go(func() {
			defer conn.Close()
			start := time.Now()
			for i := 0; time.Since(start) < 20*time.Second; i++ {
				if _, err := conn.Write([]byte{bytes[i%len(bytes)]}); err != nil {
					return
				}
				time.Sleep(300 * time.Millisecond)
			}
			t.Errorf("%s: still connected after 20 s", what)
		})
	}
	for range 5 {
		raw, err := net.Dial("tcp", a.addr)
		if err != nil {
			t.Fatal(err)
		}
		drip("handshake", raw, "\x16\x03\x01\x02\x00\x01")
		secure, err := tls.Dial("tcp", a.addr, a.client(t, at(made)))
		if err != nil {
			t.Fatal(err)
		}
		drip("header", secure, "POST /v1/look HTTP/1.1\r\n"+strings.Repeat("X-A: b\r\n", 100))
	}
	a.alive(t)
	wg.Wait()
	a.alive(t)
}

// TestIdleConnections: one address may have so many, and who leaves makes room.
func TestIdleConnections(t *testing.T) {
	a := agent(t, fake{}, Limits{})
	var held []net.Conn
	for range maxPerSource {
		c, err := tls.Dial("tcp", a.addr, a.client(t, at(made)))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	more, err := tls.Dial("tcp", a.addr, a.client(t, at(made)))
	if err == nil {
		more.Close()
		t.Error("one connection more was let in")
	}
	a.noted(t, "refused", "as one address may have")
	for _, c := range held {
		c.Close()
	}
	a.alive(t)
}

// from opens a connection from an address of the loopback network.
func (r *running) from(t testing.TB, ip string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0))}
	c, err := d.DialContext(t.Context(), "tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStrangersMakeRoom: silent connections from many addresses fill every
// place there is, and the operator still gets in.
func TestStrangersMakeRoom(t *testing.T) {
	a := agent(t, fake{}, Limits{})
	var held []net.Conn
	for i := range maxStrangers + 20 {
		held = append(held, a.from(t, fmt.Sprintf("127.1.%d.1", i/8)))
	}
	start := time.Now()
	a.alive(t)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the operator waited %v", took)
	}
	for _, c := range held {
		c.Close()
	}
}

// TestConnectionFlood: what comes too fast is closed; the agent stays small.
func TestConnectionFlood(t *testing.T) {
	a := agent(t, fake{}, Limits{})
	before := runtime.NumGoroutine()
	most := before
	for i := range 1000 {
		a.from(t, fmt.Sprintf("127.2.%d.%d", i/200, 1+i%200)).Close()
		most = max(most, runtime.NumGoroutine())
	}
	if most > before+2*maxStrangers {
		t.Errorf("%d goroutines in a flood, %d before", most, before)
	}
	a.noted(t, "refused", "in this second")
	a.alive(t)
}

func TestRequestFlood(t *testing.T) {
	a := agent(t, fake{}, Limits{PerSecond: 5})
	n := a.operator(t)
	refused := 0
	for range 20 {
		// Below Hello, which would wait and ask again.
		if _, err := n.(*remote).ask(t.Context(), "hello", struct{}{}); err != nil {
			wantError(t, err, "too many requests")
			refused++
		}
	}
	if _, err := n.Hello(t.Context()); err != nil {
		t.Errorf("a busy agent was not asked again: %v", err)
	}
	if refused < 10 {
		t.Errorf("%d of 20 requests were refused, 5 a second are allowed", refused)
	}
	a.noted(t, "hello", "too many requests")
	a.alive(t)
}

// TestAtOnce: no more requests at a time than there are places, and places come
// back.
func TestAtOnce(t *testing.T) {
	busy, release := make(chan struct{}, 2), make(chan struct{})
	a := agent(t, fake{look: func(ctx context.Context, _ LookRequest) (*LookAnswer, error) {
		busy <- struct{}{}
		<-release
		return &LookAnswer{}, nil
	}}, Limits{AtOnce: 2, PerSecond: 100})
	n := a.operator(t)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := n.Look(t.Context(), LookRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
	<-busy
	<-busy
	_, err := n.Hello(t.Context())
	wantError(t, err, "too many requests at once")
	close(release)
	wg.Wait()
	a.alive(t)
}

func TestProbesOfAMinute(t *testing.T) {
	a := agent(t, fake{}, Limits{PerMinute: 10})
	n := a.operator(t)
	r := ProbeRequest{Probes: fact.Seen{TCP: make([]fact.TCPProbe, 6)}}
	if _, err := n.Probe(t.Context(), r); err != nil {
		t.Error(err)
	}
	_, err := n.Probe(t.Context(), r)
	wantError(t, err, "in a minute")
}

func TestPanics(t *testing.T) {
	a := agent(t, fake{look: func(context.Context, LookRequest) (*LookAnswer, error) {
		var p *LookAnswer
		return &LookAnswer{Node: p.Node}, nil
	}}, Limits{})
	_, err := a.operator(t).Look(t.Context(), LookRequest{})
	wantError(t, err, "stumbled")
	a.noted(t, "panic", "agent_test.go")
	a.alive(t)
}

// TestLongestRequest: what takes too long, or whose asker is gone, ends.
func TestLongestRequest(t *testing.T) {
	ended := make(chan error, 2)
	a := agent(t, fake{watch: func(ctx context.Context, _ WatchRequest) (*WatchAnswer, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}}, Limits{Longest: 300 * time.Millisecond})
	_, err := a.operator(t).Watch(t.Context(), WatchRequest{})
	wantError(t, err, "deadline")
	<-ended

	slow := agent(t, fake{watch: func(ctx context.Context, _ WatchRequest) (*WatchAnswer, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}}, Limits{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = slow.operator(t).Watch(ctx, WatchRequest{})
	wantError(t, err, "deadline")
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the agent went on for an asker who had left")
	}
}

// TestGracefulStop: an agent told to stop finishes what it is at, within a
// second.
func TestGracefulStop(t *testing.T) {
	busy := make(chan struct{})
	a := agent(t, fake{look: func(context.Context, LookRequest) (*LookAnswer, error) {
		close(busy)
		time.Sleep(300 * time.Millisecond)
		return lookOf("n1"), nil
	}}, Limits{})
	go func() {
		<-busy
		a.stop()
	}()
	got, err := a.operator(t).Look(t.Context(), LookRequest{})
	if err != nil || got.Node.Name != "n1" {
		t.Errorf("%+v, %v", got, err)
	}
}
