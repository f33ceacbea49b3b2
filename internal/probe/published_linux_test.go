package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fairway/internal/fact"
)

// askPublished makes one probe of one request, unless told otherwise.
func askPublished(t *testing.T, q fact.PublishedProbe) fact.PublishedProbe {
	t.Helper()
	if q.Count == 0 {
		q.Count = 1
	}
	return from(plain{}).Published(t.Context(), []fact.PublishedProbe{q})[0]
}

// serve answers every connection with what f writes; it returns the address.
func serve(t *testing.T, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// respond reads a request and writes an answer.
func respond(answer string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			fmt.Fprint(c, answer)
		}
	}
}

func TestPublishedSpeaksHTTPOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	var bytes atomic.Int64
	to := serve(t, func(c net.Conn) {
		n, _ := c.Read(make([]byte, 100))
		bytes.Add(int64(n))
	})
	got := askPublished(t, fact.PublishedProbe{Target: to, Proto: "tcp", Count: 3})
	if len(got.Requests) != 3 || !got.Good(&got.Requests[0]) || got.Requests[0].Status != 0 || !got.Requests[0].Local.IsValid() {
		t.Errorf("got %+v", got)
	}
	time.Sleep(50 * time.Millisecond)
	if bytes.Load() != 0 {
		t.Errorf("%d bytes were sent to a port that is no HTTP", bytes.Load())
	}
}

func TestPublishedHTTP(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Method + " " + r.Host + r.URL.Path)
		if r.URL.Path == "/loop" {
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		}
		w.WriteHeader(map[string]int{"/": 204, "/gone": 404, "/broken": 503}[r.URL.Path])
	}))
	defer site.Close()
	to := netip.MustParseAddrPort(site.Listener.Addr().String())
	for _, c := range []struct {
		path   string
		expect int
		status int
		good   bool
	}{{"", 0, 204, true}, {"/gone", 0, 404, true}, {"/gone", 200, 404, false}, {"/broken", 0, 503, false}, {"/broken", 503, 503, true}, {"/loop", 0, 302, true}} {
		got := askPublished(t, fact.PublishedProbe{Target: to, Proto: "http", Host: "my.example", Path: c.path, Expect: c.expect})
		r := got.Requests[0]
		if r.Outcome != fact.Open || r.Status != c.status || got.Good(&r) != c.good {
			t.Errorf("%q expecting %d: %+v, good %v", c.path, c.expect, r, got.Good(&r))
		}
	}
	if seen.Load() != "GET my.example/loop" {
		t.Errorf("the server saw %q", seen.Load())
	}
}

func TestPublishedBadServers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		server func(net.Conn)
		want   fact.Outcome
		err    string
	}{
		{"never answers", func(c net.Conn) { time.Sleep(5 * time.Second) }, fact.Timeout, "no answer within 3s"},
		{"closes", func(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }, fact.Open, "closed without an answer"},
		{"headers without end", func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
			line := "X: " + strings.Repeat("x", 1000) + "\r\n"
			for range 5000 {
				if _, err := fmt.Fprint(c, line); err != nil {
					return
				}
			}
		}, fact.Open, "longer than 64 KiB"},
		{"no HTTP", respond("SSH-2.0-x\r\n"), fact.Open, "malformed HTTP"},
		{"no HTTP, and much of it", respond(strings.Repeat("x", 60000) + "\r\n\r\n"), fact.Open, "malformed HTTP"},
		{"resets", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			_ = c.(*net.TCPConn).SetLinger(0)
		}, fact.Refused, "reset before an answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			got := askPublished(t, fact.PublishedProbe{Target: serve(t, c.server), Proto: "http"})
			r := got.Requests[0]
			if r.Outcome != c.want || !strings.Contains(r.Err, c.err) || got.Good(&r) {
				t.Errorf("got %+v, want %s, %q", r, c.want, c.err)
			}
			if len(r.Err) > 400 {
				t.Errorf("%d bytes say what is wrong", len(r.Err))
			}
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestPublishedTLS(t *testing.T) {
	t.Parallel()
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) }))
	var name atomic.Value
	site.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { name.Store(h.ServerName); return nil, nil }}
	site.StartTLS()
	defer site.Close()
	to := netip.MustParseAddrPort(site.Listener.Addr().String())
	got := askPublished(t, fact.PublishedProbe{Target: to, Proto: "https", Host: "wrong.example.org"})
	r := got.Requests[0]
	if !got.Good(&r) || r.Status != 200 || !strings.Contains(r.Note, "not for wrong.example.org") || name.Load() != "wrong.example.org" {
		t.Errorf("got %+v, name %v", r, name.Load())
	}
	if got := askPublished(t, fact.PublishedProbe{Target: to, Proto: "https", Host: "example.com"}); got.Requests[0].Note != "" {
		t.Errorf("a certificate for its own name is remarked upon: %+v", got.Requests[0])
	}
	plain := serve(t, respond("HTTP/1.1 200 OK\r\n\r\n"))
	if got := askPublished(t, fact.PublishedProbe{Target: plain, Proto: "https"}); !strings.Contains(got.Requests[0].Err, "TLS") || got.Good(&got.Requests[0]) {
		t.Errorf("TLS to a plain server: %+v", got.Requests[0])
	}
}

func TestPublishedUDP(t *testing.T) {
	t.Parallel()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := netip.MustParseAddrPort(c.LocalAddr().String())
	if got := askPublished(t, fact.PublishedProbe{Target: open, Proto: "udp"}); got.Requests[0].Outcome != fact.Open {
		t.Errorf("silence of an open port: %+v", got.Requests[0])
	}
	c.Close()
	if got := askPublished(t, fact.PublishedProbe{Target: open, Proto: "udp"}); got.Requests[0].Outcome != fact.Refused {
		t.Errorf("a closed port: %+v", got.Requests[0])
	}
}

// TestPublishedSilentServer: a server that never answers takes as long for ten
// requests as for few, and one that answers is asked one at a time.
func TestPublishedSilentServer(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	to := serve(t, func(net.Conn) { <-done })
	begin := time.Now()
	got := askPublished(t, fact.PublishedProbe{Target: to, Proto: "http", Count: PerPair})
	for _, r := range got.Requests {
		if r.Outcome != fact.Timeout {
			t.Errorf("got %+v", r)
		}
	}
	if took := time.Since(begin); took > PublishedLimit || len(got.Requests) != PerPair {
		t.Errorf("%d requests took %v", len(got.Requests), took)
	}
	var now, most atomic.Int64
	inTurn(PerPair, time.Minute, func(int) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		now.Add(-1)
	})
	if most.Load() != 1 {
		t.Errorf("%d requests at once", most.Load())
	}
}

func TestPublishedStaysWithinItsBudget(t *testing.T) {
	t.Parallel()
	to := serve(t, func(net.Conn) {})
	p := &Prober{Enter: func(fact.Source) (Sockets, error) { return plain{}, nil }, Budget: NewBudget(2)}
	got := p.Published(t.Context(), []fact.PublishedProbe{{Target: to, Proto: "tcp", Count: 1000}})[0]
	made := 0
	for _, r := range got.Requests {
		if r.Outcome == fact.Open {
			made++
		}
	}
	if made != 2 || len(got.Requests) > PerPair || p.Budget.Made() != 2 {
		t.Errorf("%d connections, %d requests", made, len(got.Requests))
	}
}

func TestPublishedStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	to := serve(t, func(c net.Conn) { time.Sleep(10 * time.Second) })
	time.AfterFunc(200*time.Millisecond, cancel)
	begin := time.Now()
	got := from(plain{}).Published(ctx, []fact.PublishedProbe{{Target: to, Proto: "http", Count: 1}})[0]
	if r := got.Requests[0]; r.Outcome != fact.ProbeError || r.Err != stopped || time.Since(begin) > 2*time.Second {
		t.Errorf("got %+v after %v", r, time.Since(begin))
	}
}
