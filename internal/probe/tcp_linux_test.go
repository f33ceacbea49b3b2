package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// connectTo makes one probe.
func connectTo(t *testing.T, p *Prober, target netip.AddrPort) fact.TCPProbe {
	t.Helper()
	return p.TCP(t.Context(), []fact.TCPProbe{{To: "task", Target: target}})[0]
}

// closedPort is one that nobody listens on, for now.
func closedPort(t *testing.T) netip.AddrPort {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// deaf is a listener whose queue of one is full: it drops every SYN.
func deaf(t *testing.T, in Sockets, addr netip.Addr) netip.AddrPort {
	t.Helper()
	target := listen(t, in, addr, 0)
	domain, to, _ := sockaddr(target)
	fd, err := in.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	return target
}

func TestTCPOpenEndsWithFIN(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			missing(t, "ipv6", err.Error())
		}
		defer l.Close()
		read := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				_, err = c.Read(make([]byte, 1))
				c.Close()
			}
			read <- err
		}()
		got := connectTo(t, from(plain{}), netip.MustParseAddrPort(l.Addr().String()))
		if got.Outcome != fact.Open || got.Err != "" || got.RTT <= 0 || got.Tries != 1 || got.Late || got.At.IsZero() || got.To != "task" {
			t.Errorf("got %+v", got)
		}
		if err := <-read; err == nil || err.Error() != "EOF" {
			t.Errorf("the server read %v, want EOF", err)
		}
	}
}

func TestTCPRefused(t *testing.T) {
	t.Parallel()
	got := connectTo(t, from(plain{}), closedPort(t))
	if got.Outcome != fact.Refused || got.Err != "connection refused" || got.RTT <= 0 || got.Tries != 1 || got.ICMP != nil {
		t.Errorf("got %+v", got)
	}
}

func TestTCPToItselfIsRefused(t *testing.T) {
	t.Parallel()
	target := closedPort(t)
	_, name, _ := sockaddr(target)
	in := socketFunc(func(domain, typ, proto int) (int, error) {
		fd, err := unix.Socket(domain, typ, proto)
		return fd, errors.Join(err, unix.Bind(fd, name))
	})
	if got := connectTo(t, from(in), target); got.Outcome != fact.Refused {
		t.Errorf("got %+v", got)
	}
}

func TestTCPTimeout(t *testing.T) {
	t.Parallel()
	p := from(plain{})
	start := time.Now()
	got := connectTo(t, p, deaf(t, plain{}, loopback))
	if got.Outcome != fact.Timeout || got.Err != "" || got.RTT != 0 || got.Tries != 2 || got.Late || got.Unsent || p.Budget.Made() != 2 {
		t.Errorf("got %+v, %d made", got, p.Budget.Made())
	}
	if took := time.Since(start); took < limit || took > 3*limit {
		t.Errorf("took %v", took)
	}
}

// The first socket is tied to a device that leads nowhere.
func TestTCPLate(t *testing.T) {
	t.Parallel()
	ns := fresh(t)
	ip(t, ns, "link add hole type veth peer name end", "link set hole up")
	var made atomic.Int32
	in := socketFunc(func(domain, typ, proto int) (int, error) {
		fd, err := ns.Socket(domain, typ, proto)
		if err == nil && made.Add(1) == 1 {
			err = unix.BindToDevice(fd, "hole")
		}
		return fd, err
	})
	got := connectTo(t, from(in), listen(t, ns, loopback, 16))
	if got.Outcome != fact.Open || !got.Late || got.Tries != 2 || got.RTT <= 0 || got.RTT > time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestTCPCannotBeMade(t *testing.T) {
	t.Parallel()
	gone := errors.New("make a socket in /run/x: file already closed")
	dead := from(socketFunc(func(int, int, int) (int, error) { return -1, gone }))
	shut := &Prober{Enter: func(fact.Source) (Sockets, error) { return nil, gone }, Budget: NewBudget(PerPair)}
	for name, p := range map[string]*Prober{"no socket": dead, "no namespace": shut} {
		got := connectTo(t, p, netip.MustParseAddrPort("127.0.0.1:1"))
		if got.Outcome != fact.ProbeError || got.Err != gone.Error() || got.Tries != 0 || p.Budget.Made() != 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	for _, target := range []netip.AddrPort{{}, netip.MustParseAddrPort("[fe80::1%eth0]:80")} {
		if got := connectTo(t, from(plain{}), target); got.Outcome != fact.ProbeError || got.Err == "" {
			t.Errorf("%v: got %+v", target, got)
		}
	}
}

func TestTCPOverBudget(t *testing.T) {
	t.Parallel()
	target := listen(t, plain{}, loopback, 64)
	p := from(plain{})
	refused := 0
	for _, got := range p.TCP(t.Context(), make12(target)) {
		if got.Outcome == fact.ProbeError && strings.Contains(got.Err, "10 connections") && got.Tries == 0 {
			refused++
		}
	}
	if refused != 2 || p.Budget.Made() != PerPair {
		t.Errorf("got %d refused, %d made", refused, p.Budget.Made())
	}
}

func make12(target netip.AddrPort) []fact.TCPProbe {
	ask := make([]fact.TCPProbe, 12)
	for i := range ask {
		ask[i].Target = target
	}
	return ask
}

// The second connection is what the budget has no room for.
func TestTCPTimeoutOfOne(t *testing.T) {
	t.Parallel()
	p := from(plain{})
	p.Budget = NewBudget(1)
	got := connectTo(t, p, deaf(t, plain{}, loopback))
	if got.Outcome != fact.Timeout || got.Tries != 1 || !strings.Contains(got.Err, "no more are allowed") {
		t.Errorf("got %+v", got)
	}
}

func TestTCPStopped(t *testing.T) {
	t.Parallel()
	open, silent := listen(t, plain{}, loopback, 16), deaf(t, plain{}, loopback)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	ask := []fact.TCPProbe{{Target: silent}, {Target: open}}
	for i := range 1000 {
		ask = append(ask, fact.TCPProbe{From: fact.Source{NetNS: strconv.Itoa(i)}, Target: silent})
	}
	start := time.Now()
	seen := from(plain{}).TCP(ctx, ask)
	if time.Since(start) > limit {
		t.Errorf("took %v to stop", time.Since(start))
	}
	if seen[1].Outcome != fact.Open {
		t.Errorf("what was learnt is lost: %+v", seen[1])
	}
	for _, i := range []int{0, len(seen) - 1} {
		if seen[i].Outcome != fact.ProbeError || seen[i].Err != stopped {
			t.Errorf("probe %d: got %+v", i, seen[i])
		}
	}
}

func TestPeers(t *testing.T) {
	t.Parallel()
	open := listen(t, plain{}, loopback, 16)
	var asked fact.Source
	p := &Prober{Budget: NewBudget(PerPair), Enter: func(s fact.Source) (Sockets, error) { asked = s; return plain{}, nil }}
	got := p.Peers(t.Context(), []fact.PeerProbe{{Node: "n1", Peer: "p", Target: open, What: "gossip"}})[0]
	if got.Outcome != fact.Open || got.RTT <= 0 || got.Peer != "p" || got.What != "gossip" || asked != (fact.Source{Node: "n1"}) {
		t.Errorf("got %+v from %+v", got, asked)
	}
}
