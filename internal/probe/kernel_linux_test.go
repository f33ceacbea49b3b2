package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

var server = netip.MustParseAddr("10.9.2.2")

func TestTCPAcrossRouter(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	p := from(s.client)
	if got := connectTo(t, p, listen(t, s.server, server, 16)); got.Outcome != fact.Open {
		t.Errorf("open: got %+v", got)
	}
	if got := connectTo(t, p, netip.AddrPortFrom(server, 1)); got.Outcome != fact.Refused || got.ICMP != nil {
		t.Errorf("refused: got %+v", got)
	}
	if got := connectTo(t, p, deaf(t, s.server, server)); got.Outcome != fact.Timeout || got.Unsent {
		t.Errorf("dropped: got %+v", got)
	}
}

// Each verdict of a route, first the client's own and then the router's.
func TestTCPRouteVerdicts(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	router := netip.MustParseAddr("10.9.1.1")
	for i, c := range []struct {
		verdict       string
		word          syscall.Errno
		routerOutcome fact.Outcome
		routerWord    string
		code          uint8
	}{
		{"unreachable", syscall.EHOSTUNREACH, fact.Unreachable, "no route to host", 1},
		{"prohibit", syscall.EACCES, fact.Unreachable, "no route to host", 13},
		{"blackhole", syscall.EINVAL, fact.Timeout, "", 0},
	} {
		own, far := fmt.Sprintf("10.9.7.%d", i+1), fmt.Sprintf("10.9.8.%d", i+1)
		ip(t, s.client, "route add "+c.verdict+" "+own+"/32")
		ip(t, s.router, "route add "+c.verdict+" "+far+"/32")
		got := connectTo(t, from(s.client), netip.MustParseAddrPort(own+":80"))
		if got.Outcome != fact.Unreachable || got.Err != c.word.Error() || got.ICMP != nil {
			t.Errorf("own %s: got %+v", c.verdict, got)
		}
		got = connectTo(t, from(s.client), netip.MustParseAddrPort(far+":80"))
		if got.Outcome != c.routerOutcome || got.Err != c.routerWord || got.Unsent {
			t.Errorf("router's %s: got %+v", c.verdict, got)
		}
		if c.code != 0 && (got.ICMP == nil || *got.ICMP != fact.ICMPError{Type: 3, Code: c.code, From: router}) {
			t.Errorf("router's %s: got ICMP %+v", c.verdict, got.ICMP)
		}
	}
}

func TestTCPNoRoute(t *testing.T) {
	t.Parallel()
	got := connectTo(t, from(fresh(t)), netip.MustParseAddrPort("10.0.1.3:80"))
	if got.Outcome != fact.Unreachable || got.Err != "network is unreachable" {
		t.Errorf("got %+v", got)
	}
}

// ARP without an answer is a timeout for the first 3 s; that the SYN never left
// tells it from a drop further on.
func TestTCPNeighbourSilent(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	if got := connectTo(t, from(s.client), netip.MustParseAddrPort("10.9.1.77:80")); got.Outcome != fact.Timeout || !got.Unsent {
		t.Errorf("own neighbour: got %+v", got)
	}
	ip(t, s.client, "neigh add 10.9.1.78 lladdr 02:00:00:00:00:01 dev c0")
	if got := connectTo(t, from(s.client), netip.MustParseAddrPort("10.9.1.78:80")); got.Outcome != fact.Timeout || got.Unsent {
		t.Errorf("wrong hardware address: got %+v", got)
	}
}

// The namespace is gone: its handle was closed.
func TestTCPNamespaceGone(t *testing.T) {
	t.Parallel()
	ns := fresh(t)
	ns.Close()
	got := connectTo(t, from(ns), netip.MustParseAddrPort("10.0.1.3:80"))
	if got.Outcome != fact.ProbeError || got.Err == "" {
		t.Errorf("got %+v", got)
	}
}

// ladderTo climbs from the client to the server.
func ladderTo(t *testing.T, in Sockets, target netip.Addr, mtu int) fact.MTUProbe {
	t.Helper()
	start := time.Now()
	got := from(in).MTU(t.Context(), []fact.MTUProbe{{Target: target, MTU: mtu, To: "task"}})[0]
	if took := time.Since(start); took > 2*limit {
		t.Errorf("took %v", took)
	}
	t.Logf("%+v", got)
	return got
}

func TestMTUHealthy(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	for _, size := range []int{1500, 1000, 68} {
		if got := ladderTo(t, s.client, server, size); got.Passed != size || got.Failed != 0 || got.Err != "" || got.ToldMTU != 0 || got.To != "task" {
			t.Errorf("got %+v", got)
		}
	}
	if got := ladderTo(t, s.client, netip.MustParseAddr("10.9.1.2"), 1500); got.Passed != 1500 {
		t.Errorf("to itself: got %+v", got)
	}
}

// A veth drops what is longer than the receiving end's MTU and a VLAN tag, and
// says nothing.
func TestMTUBlackhole(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	ip(t, s.server, "link set s0 mtu 1396")
	if got := ladderTo(t, s.client, server, 1500); got.Passed != 1400 || got.Failed != 1401 || got.ToldMTU != 0 || got.Err != "" {
		t.Errorf("got %+v", got)
	}
}

func TestMTURouterTells(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	ip(t, s.router, "link set r2 mtu 1300")
	want := netip.MustParseAddr("10.9.1.1")
	// Twice: the kernel's memory of the first answer must not hide the wire.
	for range 2 {
		if got := ladderTo(t, s.client, server, 1500); got.Passed != 1300 || got.Failed != 1301 || got.ToldMTU != 1300 || got.ToldBy != want {
			t.Errorf("got %+v", got)
		}
	}
	ip(t, s.router, "link set r2 mtu 1500")
	if got := ladderTo(t, s.client, server, 1500); got.Passed != 1500 {
		t.Errorf("healed: got %+v", got)
	}
}

func TestMTUInterfaceSmaller(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	ip(t, s.client, "link set c0 mtu 1200")
	if got := ladderTo(t, s.client, server, 1500); got.Passed != 1200 || got.Failed != 1201 || got.ToldMTU != 1200 || got.ToldBy.IsValid() {
		t.Errorf("got %+v", got)
	}
}

func TestMTUNoEchoes(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	sysctl(t, s.server, "net.ipv4.icmp_echo_ignore_all", "1")
	if got := ladderTo(t, s.client, server, 1500); got.Passed != 0 || got.Err != "" {
		t.Errorf("got %+v", got)
	}
	ip(t, s.router, "route add unreachable 10.9.8.1/32")
	got := ladderTo(t, s.client, netip.MustParseAddr("10.9.8.1"), 1500)
	if got.Passed != 0 || got.Err != "send echoes to 10.9.8.1: no route to host" {
		t.Errorf("unreachable: got %+v", got)
	}
}

func TestMTUCannotBeMade(t *testing.T) {
	t.Parallel()
	ns := fresh(t)
	gone := errors.New("gone")
	dead := socketFunc(func(int, int, int) (int, error) { return -1, gone })
	for _, c := range []struct {
		in     Sockets
		target string
		mtu    int
	}{{dead, "127.0.0.1", 1500}, {ns, "127.0.0.1", 67}, {ns, "127.0.0.1", 1 << 20}, {ns, "fe80::1", 1500}, {ns, "10.0.1.3", 1500}} {
		if got := ladderTo(t, c.in, netip.MustParseAddr(c.target), c.mtu); got.Err == "" || got.Passed != 0 || got.Failed != 0 {
			t.Errorf("%+v: got %+v", c, got)
		}
	}
}

// Many ladders to one target share its replies and must not mix them up.
func TestMTUManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	ask := make([]fact.MTUProbe, 100)
	for i := range ask {
		ask[i] = fact.MTUProbe{Target: server, MTU: 1000 + i}
	}
	for i, got := range from(s.client).MTU(t.Context(), ask) {
		if got.Passed != 1000+i || got.Failed != 0 || got.Err != "" {
			t.Errorf("got %+v", got)
		}
	}
}

var _ Sockets = (*netns.NS)(nil)
