package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"fairway/internal/fact"
)

// resolver is a fake server: answer gets the nth datagram (from 0) and returns
// what to send back, in this order.
func resolver(t *testing.T, answer func(n int, q *dns.Msg) [][]byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for n := 0; ; n++ {
			size, to, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			q := new(dns.Msg)
			if q.Unpack(buf[:size]) != nil {
				continue
			}
			for _, b := range answer(n, q) {
				_, _ = c.WriteTo(b, to)
			}
		}
	}()
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

// reply10 answers any question with 10.0.1.9 after edit.
func reply10(q *dns.Msg, edit func(*dns.Msg)) []byte {
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{aRecord(q.Question[0].Name, "10.0.1.9", 600)}
	if edit != nil {
		edit(m)
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// look makes one probe for the A records of api.
func look(t *testing.T, server netip.AddrPort) fact.DNSProbe {
	t.Helper()
	return from(plain{}).DNS(t.Context(), []fact.DNSProbe{{Server: server, Name: "api", Type: "A"}})[0]
}

func isAnswer(p fact.DNSProbe) bool {
	return p.Outcome == fact.Open && p.RCode == "NOERROR" && p.RTT > 0 && p.TTL == 600*time.Second && p.Err == "" &&
		!p.Truncated && len(p.Addrs) == 1 && p.Addrs[0] == netip.MustParseAddr("10.0.1.9")
}

func TestDNSAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(n int, q *dns.Msg) [][]byte{
		"at once": func(_ int, q *dns.Msg) [][]byte { return [][]byte{reply10(q, nil)} },
		"only the second question": func(n int, q *dns.Msg) [][]byte {
			if n == 0 {
				return nil
			}
			return [][]byte{reply10(q, nil)}
		},
		"after garbage": func(_ int, q *dns.Msg) [][]byte {
			good := reply10(q, nil)
			flood := [][]byte{{}, {0}, good[:11], good[:20], []byte(strings.Repeat("x", 5000))}
			return append(flood, good)
		},
		"after another's": func(_ int, q *dns.Msg) [][]byte {
			return [][]byte{
				reply10(q, func(m *dns.Msg) { m.Id++; m.Rcode = dns.RcodeNameError }),
				reply10(q, func(m *dns.Msg) { m.Question[0].Name = "web."; m.Answer = nil }),
				reply10(q, nil),
			}
		},
		"slowly": func(_ int, q *dns.Msg) [][]byte {
			time.Sleep(800 * time.Millisecond)
			return [][]byte{reply10(q, nil)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := look(t, resolver(t, answer)); !isAnswer(got) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDNSNoSuchName(t *testing.T) {
	t.Parallel()
	server := resolver(t, func(_ int, q *dns.Msg) [][]byte {
		return [][]byte{reply10(q, func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeNameError, nil })}
	})
	if got := look(t, server); got.Outcome != fact.Open || got.RCode != "NXDOMAIN" || got.Err != "" || got.Addrs != nil {
		t.Errorf("got %+v", got)
	}
}

func TestDNSPTR(t *testing.T) {
	t.Parallel()
	server := resolver(t, func(_ int, q *dns.Msg) [][]byte {
		return [][]byte{reply10(q, func(m *dns.Msg) { m.Answer = []dns.RR{ptrRecord(q3, "api.1.x.app.")} })}
	})
	got := from(plain{}).DNS(t.Context(), []fact.DNSProbe{{Server: server, Name: "10.0.1.3", Type: "PTR"}})[0]
	if got.Name != "10.0.1.3" || len(got.Names) != 1 || got.Names[0] != "api.1.x.app" {
		t.Errorf("got %+v", got)
	}
}

func TestDNSSilence(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(n int, q *dns.Msg) [][]byte{
		"nothing":      func(int, *dns.Msg) [][]byte { return nil },
		"only garbage": func(int, *dns.Msg) [][]byte { return [][]byte{{1, 2, 3}, make([]byte, 512)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := look(t, resolver(t, answer)); got.Outcome != fact.Timeout || got.Err != "" || got.RCode != "" || got.RTT != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDNSNobodyListens(t *testing.T) {
	t.Parallel()
	if got := look(t, netip.MustParseAddrPort("127.0.0.1:1")); got.Outcome != fact.Refused || got.Err != "connection refused" {
		t.Errorf("got %+v", got)
	}
	ns := fresh(t)
	got := from(ns).DNS(t.Context(), []fact.DNSProbe{{Server: netip.MustParseAddrPort("10.0.0.1:53"), Name: "api", Type: "A"}})[0]
	if got.Outcome != fact.Unreachable || got.Err != "network is unreachable" {
		t.Errorf("got %+v", got)
	}
}

// truncating answers over UDP with the first record and the sign that there are
// more, and over TCP, on the same port, with what stream does.
func truncating(t *testing.T, stream func(net.Conn, *dns.Msg)) netip.AddrPort {
	t.Helper()
	server := resolver(t, func(_ int, q *dns.Msg) [][]byte {
		return [][]byte{reply10(q, func(m *dns.Msg) { m.Truncated = true })}
	})
	l, err := net.Listen("tcp", server.String())
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
			go func() {
				defer c.Close()
				conn := &dns.Conn{Conn: c}
				if q, err := conn.ReadMsg(); err == nil {
					stream(c, q)
				}
			}()
		}
	}()
	return server
}

func TestDNSTruncatedGoesToTCP(t *testing.T) {
	t.Parallel()
	server := truncating(t, func(c net.Conn, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for i := range 3000 {
			m.Answer = append(m.Answer, aRecord("api.", fmt.Sprintf("10.1.%d.%d", i/250, i%250), 600))
		}
		m.Compress = true
		_ = (&dns.Conn{Conn: c}).WriteMsg(m)
	})
	if got := look(t, server); got.Outcome != fact.Open || len(got.Addrs) != 3000 || got.Truncated || got.Err != "" {
		t.Errorf("got %d addresses, %v, %s, %q", len(got.Addrs), got.Truncated, got.Outcome, got.Err)
	}
}

// What came is kept, and marked as not everything.
func TestDNSTruncatedAndTCPFails(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]func(net.Conn, *dns.Msg){
		"hangs up":      func(net.Conn, *dns.Msg) {},
		"stops midway":  func(c net.Conn, _ *dns.Msg) { _, _ = c.Write([]byte{0xff, 0xff, 1, 2, 3}) },
		"says nothing":  func(c net.Conn, _ *dns.Msg) { _, _ = c.Read(make([]byte, 1)) },
		"sends garbage": func(c net.Conn, _ *dns.Msg) { _, _ = c.Write([]byte{0, 3, 1, 2, 3}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := look(t, truncating(t, stream))
			if got.Outcome != fact.Open || !got.Truncated || len(got.Addrs) != 1 || !strings.Contains(got.Err, "over TCP") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDNSCannotBeMade(t *testing.T) {
	t.Parallel()
	ask := []fact.DNSProbe{{Name: "api", Type: "MX"}, {Name: "a..b", Type: "A"}, {Name: "api", Type: "A"}}
	for _, got := range from(plain{}).DNS(t.Context(), ask) {
		if got.Outcome != fact.ProbeError || got.Err == "" {
			t.Errorf("got %+v", got)
		}
	}
}

func TestDNSStopped(t *testing.T) {
	t.Parallel()
	silent := resolver(t, func(int, *dns.Msg) [][]byte { return nil })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	got := from(plain{}).DNS(ctx, []fact.DNSProbe{{Server: silent, Name: "api", Type: "A"}})[0]
	if got.Outcome != fact.ProbeError || got.Err != stopped || time.Since(start) > limit {
		t.Errorf("got %+v after %v", got, time.Since(start))
	}
}
