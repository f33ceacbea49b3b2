package probe

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

const (
	vxlanPort = 4789
	noVNI     = 0xfa1234
)

// tool runs one of the system's own tools inside ns.
func tool(t testing.TB, ns *netns.NS, line string) string {
	t.Helper()
	f := strings.Fields(line)
	if _, err := exec.LookPath(f[0]); err != nil {
		missing(t, f[0], err.Error())
	}
	var out []byte
	err := ns.Do(func() (err error) {
		out, err = exec.Command(f[0], f[1:]...).CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// watch counts in ns until the function it returns is called.
func watch(t testing.TB, ns *netns.NS, what string, port uint16, vni uint32) func() []fact.Flow {
	t.Helper()
	type result struct {
		flows []fact.Flow
		err   error
	}
	done := make(chan result, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		flows, err := Count(ctx, ns, 20*time.Second, vni, fact.Flow{Node: "n", What: what, Port: port})
		done <- result{flows, err}
	}()
	// The sockets are there when /proc lists them.
	for range 500 {
		rows := tool(t, ns, "cat /proc/thread-self/net/packet") + tool(t, ns, "cat /proc/thread-self/net/raw")
		if strings.Count(rows, "\n") >= 4 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return func() []fact.Flow {
		t.Helper()
		time.Sleep(50 * time.Millisecond)
		cancel()
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.flows
	}
}

func dataPathTo(ns *netns.NS, size int) fact.DataPathProbe {
	q := fact.DataPathProbe{Node: "n", Target: netip.AddrPortFrom(server, vxlanPort), VNI: noVNI, Size: size}
	return from(ns).DataPath(context.Background(), []fact.DataPathProbe{q})[0]
}

// TestDataPathTellsWhoDrops: own OUTPUT, the wire, and the peer's INPUT look
// different.
func TestDataPathTellsWhoDrops(t *testing.T) {
	t.Parallel()
	client := netip.MustParseAddr("10.9.1.2")
	for _, c := range []struct {
		name   string
		at     func(street) *netns.NS
		rule   string
		sent   int
		err    string
		wire   uint64
		host   uint64
		icmpBy string
	}{
		{"nothing drops", nil, "", 3, "", 3, 3, "10.9.2.2"},
		{"own output", func(s street) *netns.NS { return s.client }, "-A OUTPUT -p udp --dport 4789 -j DROP", 0, "operation not permitted", 0, 0, ""},
		{"the wire", func(s street) *netns.NS { return s.router }, "-A FORWARD -p udp --dport 4789 -j DROP", 3, "", 0, 0, ""},
		{"the wire, told", func(s street) *netns.NS { return s.router }, "-A FORWARD -p udp --dport 4789 -j REJECT --reject-with icmp-admin-prohibited", 3, "", 0, 0, "10.9.1.1"},
		{"the peer's input", func(s street) *netns.NS { return s.server }, "-A INPUT -p udp --dport 4789 -j DROP", 3, "", 3, 0, ""},
		{"the peer's raw table", func(s street) *netns.NS { return s.server }, "-t raw -A PREROUTING -p udp --dport 4789 -j DROP", 3, "", 3, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStreet(t)
			if c.at != nil {
				tool(t, c.at(s), "iptables -w "+c.rule)
			}
			stop := watch(t, s.server, "data path", vxlanPort, noVNI)
			got := dataPathTo(s.client, 600)
			flows := stop()
			if got.Sent != c.sent || got.Err != c.err {
				t.Errorf("sender: %+v, want %d sent, %q", got, c.sent, c.err)
			}
			if by := icmpFrom(got); by != c.icmpBy {
				t.Errorf("sender: ICMP from %q, want %q", by, c.icmpBy)
			}
			var want []fact.Flow
			if c.wire > 0 {
				want = []fact.Flow{{Node: "n", What: "data path", Peer: client, Port: vxlanPort, Size: 600, In: c.wire, Host: c.host}}
			}
			if d := cmp.Diff(want, flows, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(fact.Flow{}, "For")); d != "" {
				t.Errorf("receiver (-want +got):\n%s", d)
			}
		})
	}
}

func icmpFrom(q fact.DataPathProbe) string {
	if q.ICMP == nil {
		return ""
	}
	return q.ICMP.From.String()
}

// TestDataPathIsALadder: of several sizes, those arrive that fit, and who stood
// in the way is told.
func TestDataPathIsALadder(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	ip(t, s.router, "link set r2 mtu 1400")
	stop := watch(t, s.server, "data path", vxlanPort, noVNI)
	var ask []fact.DataPathProbe
	for _, size := range []int{smallestDatagram, 1280, 1400, 1401, 1500, 1501, 9000} {
		ask = append(ask, fact.DataPathProbe{Node: "n", Target: netip.AddrPortFrom(server, vxlanPort), VNI: noVNI, Size: size})
	}
	got := from(s.client).DataPath(t.Context(), ask)
	arrived := map[int]uint64{}
	for _, f := range stop() {
		arrived[f.Size] = f.Host
	}
	for _, q := range got {
		fits := q.Size <= 1400
		if (arrived[q.Size] == perDataPath) != fits || arrived[q.Size] != 0 && !fits {
			t.Errorf("%d bytes: %d arrived", q.Size, arrived[q.Size])
		}
		switch {
		case q.Size > 1500:
			if q.Sent != 0 || q.Err != syscall.EMSGSIZE.Error() {
				t.Errorf("%d bytes, over the link's MTU: %+v", q.Size, q)
			}
		case q.Sent != perDataPath || q.Err != "":
			t.Errorf("%d bytes: %+v", q.Size, q)
		}
		if told := q.Size > 1400 && q.Size <= 1500; told != (q.ToldMTU == 1400) || told != (icmpFrom(q) == "10.9.1.1") {
			t.Errorf("%d bytes: told %d by %q", q.Size, q.ToldMTU, icmpFrom(q))
		}
	}
}

// TestDataPathLeavesNothing: a real VXLAN port with another VNI takes the
// datagrams and keeps nothing of them; nobody complains.
func TestDataPathLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	// Without IPv6 addresses: the groups they join show in the table when duplicate
	// detection ends, which is any time.
	ip(t, s.server, "link add br0 type bridge", "link set br0 addrgenmode none", "link set br0 up",
		"link add vx0 type vxlan id 4097 dstport 4789 learning dev s0", "link set vx0 addrgenmode none", "link set vx0 master br0", "link set vx0 up")
	before := tool(t, s.server, "bridge fdb show")
	packets := func() string {
		return tool(t, s.server, "ip -s link show vx0")
	}
	quiet := packets()
	stop := watch(t, s.server, "data path", vxlanPort, noVNI)
	got := dataPathTo(s.client, 1450)
	flows := stop()
	if got.Sent != perDataPath || got.ICMP != nil || len(flows) != 1 || flows[0].Host != perDataPath {
		t.Errorf("%+v; %+v", got, flows)
	}
	if after := tool(t, s.server, "bridge fdb show"); after != before {
		t.Errorf("rows:\n%s\nbefore:\n%s", after, before)
	}
	if after := packets(); receivedBy(after) != receivedBy(quiet) {
		t.Errorf("the vxlan link took something:\n%s\nbefore:\n%s", after, quiet)
	}
}

// receivedBy is the line of numbers below "RX:" of ip -s.
func receivedBy(text string) string {
	_, rest, _ := strings.Cut(text, "RX:")
	_, rest, _ = strings.Cut(rest, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Join(strings.Fields(line)[:2], " ")
}

// TestDataPathNeverSends: what must not be sent is not.
func TestDataPathNeverSends(t *testing.T) {
	opened := 0
	p := from(socketFunc(func(int, int, int) (int, error) { opened++; return -1, unix.EMFILE }))
	at := netip.AddrPortFrom(server, vxlanPort)
	for _, q := range []fact.DataPathProbe{
		{Target: netip.AddrPortFrom(server, 7946), VNI: noVNI, Size: 600},
		{Target: netip.MustParseAddrPort("[2001:db8::1]:4789"), VNI: noVNI, Size: 600},
		{Target: netip.AddrPort{}, VNI: noVNI, Size: 600},
		{Target: at, VNI: 0, Size: 600}, {Target: at, VNI: 1 << 24, Size: 600},
		{Target: at, VNI: noVNI, Size: 0}, {Target: at, VNI: noVNI, Size: -1}, {Target: at, VNI: noVNI, Size: 1 << 20},
	} {
		if got := p.DataPath(t.Context(), []fact.DataPathProbe{q})[0]; got.Err == "" || got.Sent != 0 {
			t.Errorf("%+v", got)
		}
	}
	if opened > 0 {
		t.Errorf("%d sockets were opened", opened)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := p.DataPath(ctx, []fact.DataPathProbe{{Target: at, VNI: noVNI, Size: 600}})[0]; got.Err != stopped {
		t.Errorf("stopped: %+v", got)
	}
}

// say sends one plain datagram from ns.
func say(t testing.TB, ns *netns.NS, fromPort, toPort uint16, payload []byte) {
	t.Helper()
	fd, err := ns.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(fromPort)}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendto(fd, payload, 0, &unix.SockaddrInet4{Port: int(toPort), Addr: server.As4()}); err != nil {
		t.Fatal(err)
	}
}

// TestGossipIsCounted: real packets to 7946 in and out, per peer, seen from
// both ends, past the firewall or not; nothing else.
func TestGossipIsCounted(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	tool(t, s.server, "iptables -w -A INPUT -p udp --dport 7946 -m length --length 128: -j DROP")
	atServer, atClient := watch(t, s.server, "gossip", 7946, 0), watch(t, s.client, "gossip", 7946, 0)
	for range 4 {
		say(t, s.client, 7946, 7946, []byte("gossip"))
	}
	say(t, s.client, 7946, 7946, make([]byte, 200)) // too long for the server's firewall
	say(t, s.client, 7946, 7947, []byte("not gossip"))
	say(t, s.client, 5000, 53, []byte("not gossip"))
	want := func(peer string, in, out, host uint64) []fact.Flow {
		return []fact.Flow{{Node: "n", What: "gossip", Peer: netip.MustParseAddr(peer), Port: 7946, In: in, Out: out, Host: host}}
	}
	options := []cmp.Option{cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(fact.Flow{}, "For")}
	if d := cmp.Diff(want("10.9.1.2", 5, 0, 4), atServer(), options...); d != "" {
		t.Errorf("server (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want("10.9.2.2", 0, 5, 0), atClient(), options...); d != "" {
		t.Errorf("client (-want +got):\n%s", d)
	}
}

// TestPacketsAreCountedOnce: a bridge and its port both show each packet.
func TestPacketsAreCountedOnce(t *testing.T) {
	t.Parallel()
	a, b := fresh(t), fresh(t)
	wire(t, a, "a0", "10.9.2.1/24", b, "b0", "10.9.9.9/24")
	ip(t, b, "addr flush dev b0", "link add br0 type bridge", "link set b0 master br0", "link set br0 up", "addr add 10.9.2.2/24 dev br0")
	carrier(t, b, "br0")
	stop := watch(t, b, "data path", vxlanPort, noVNI)
	got := dataPathTo(a, 600)
	if flows := stop(); len(flows) != 1 || flows[0].In != uint64(got.Sent) || flows[0].Host != uint64(got.Sent) || got.Sent != perDataPath {
		t.Errorf("%+v; %+v", got, flows)
	}
}

// TestWatchLooksAtNothingElse: of other packets not one reaches the process,
// and of those counted only headers.
func TestWatchLooksAtNothingElse(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	stopFlood := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		for {
			select {
			case <-stopFlood:
				return
			default:
				say(t, s.client, 0, 9999, []byte("private"))
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var got [][]byte
	for _, w := range []*watcher{{wire: true}, {}} {
		if err := w.open(ctx, s.server, 7946, 0); err != nil {
			t.Fatal(err)
		}
		defer w.close()
		for range 3 {
			time.Sleep(100 * time.Millisecond)
			say(t, s.client, 7946, 7946, []byte("secret secret secret"))
		}
		time.Sleep(50 * time.Millisecond)
		w.control(func(fd int) {
			buf := make([]byte, 2048)
			for {
				n, _, err := unix.Recvfrom(fd, buf, 0)
				if err != nil {
					return
				}
				got = append(got, slices.Clone(buf[:n]))
			}
		})
	}
	close(stopFlood)
	flood.Wait()
	if len(got) != 6 {
		t.Errorf("%d packets reached the process, want 6", len(got))
	}
	for _, b := range got {
		if len(b) != ipHeader+udpHeader {
			t.Errorf("%d bytes of a packet were copied: %q", len(b), b)
		}
	}
}

// TestManyAddressesAreBounded: forged addresses cost no more than so much.
func TestManyAddressesAreBounded(t *testing.T) {
	y := tally{n: map[place]uint64{}}
	for i := range 3 * maxFlows {
		y.add(counted{src: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}, 1, wayIn)
	}
	w := watcher{tally: y}
	if len(y.n) != maxFlows || w.trouble() == nil {
		t.Errorf("%d places, %v", len(y.n), w.trouble())
	}
}

func FuzzReadCounted(f *testing.F) {
	f.Add([]byte{})
	f.Add(append([]byte{0x45, 0, 1, 0}, make([]byte, 24)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := readCounted(b); ok && (!c.src.Is4() || c.size > 1<<16) {
			t.Errorf("%x: %+v", b, c)
		}
	})
}

func TestVXLANDatagram(t *testing.T) {
	b := vxlanDatagram(0x123456, 100)
	if want := "0800000012345600" + "02fa17000002" + "02fa17000001" + "88b5"; fmt.Sprintf("%x", b[:22]) != want || len(b) != 72 {
		t.Errorf("%x (%d bytes)", b[:22], len(b))
	}
}
