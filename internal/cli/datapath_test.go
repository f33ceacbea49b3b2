package cli

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestCounted(t *testing.T) {
	s := facttest.Healthy()
	other := netip.MustParseAddr("10.77.1.11")
	host := facttest.NodeOf(s, 1).Kernel.Host()
	host.Links[1].Addrs = append(host.Links[1].Addrs, netip.PrefixFrom(other, 24))
	sent := []fact.DataPathProbe{
		{Node: "n1", Peer: facttest.Node(3), Target: netip.AddrPortFrom(facttest.VTEP(3), 4789), Size: 1500, Sent: 3},
		{Node: "n1", Peer: facttest.Node(3), Target: netip.AddrPortFrom(facttest.VTEP(3), 4789), Size: 128, Sent: 3},
		{Node: "n1", Peer: facttest.Node(2), Target: netip.AddrPortFrom(facttest.VTEP(2), 4789), Size: 128, Sent: 3},
	}
	flow := func(node string, peer netip.Addr, port uint16, size int, in, host uint64) fact.Flow {
		return fact.Flow{Node: node, What: "data path", Peer: peer, Port: port, Size: size, In: in, Host: host}
	}
	w := &watched{on: map[watchKey]bool{{"n3", 4789}: true, {"n2", 4790}: true}, flows: []fact.Flow{
		flow("n3", facttest.VTEP(1), 4789, 128, 2, 0),
		flow("n3", other, 4789, 128, 1, 1),            // another address of the sender
		flow("n3", facttest.VTEP(2), 4789, 128, 9, 9), // another sender
		flow("n3", facttest.VTEP(1), 4790, 128, 9, 9), // another port
		flow("n2", facttest.VTEP(1), 4789, 128, 9, 9), // a watch that did not end
	}}
	got := counted(s, sent, w)
	want := []struct {
		peer       fact.NodeID
		size       int
		wire, host int
		counted    bool
	}{{facttest.Node(2), 128, 0, 0, false}, {facttest.Node(3), 128, 3, 1, true}, {facttest.Node(3), 1500, 0, 0, true}}
	for i, x := range want {
		if p := got[i]; p.Peer != x.peer || p.Size != x.size || p.Wire != x.wire || p.Host != x.host || p.Counted != x.counted {
			t.Errorf("%+v, want %+v", p, x)
		}
	}
}

// Who watches costs every diagnosis of a black hole a second and a half: only
// ends of a plan do, and nobody does where no receiver was seen.
func TestWatchers(t *testing.T) {
	s := facttest.Healthy()
	plan := []fact.DataPathProbe{{Node: "n1", Peer: facttest.Node(3)}}
	names := func() (out []string) {
		for _, n := range watchers(s, plan) {
			out = append(out, n.Name)
		}
		return out
	}
	if got := names(); !slices.Equal(got, []string{"n1", "n3"}) {
		t.Errorf("%v watch, want both ends and not n2", got)
	}
	s.Nodes[2].Kernel = nil
	if got := names(); got != nil {
		t.Errorf("%v watch, and the receiver was not seen", got)
	}
}

func TestSilence(t *testing.T) {
	s := facttest.Healthy()
	s.Wanted.Node(facttest.Node(3)).State = "down"
	w := &watched{on: map[watchKey]bool{{"n1", 0}: true, {"n2", 0}: true}, flows: []fact.Flow{
		{Node: "n1", What: "gossip", Peer: facttest.VTEP(2), Port: 7946, In: 4}}}
	got := silence(s, w, 3*time.Second)
	if len(got) != 2 || got[0].In != 4 || got[1].Node != "n2" || got[1].Peer != facttest.VTEP(1) || got[1].For != 3*time.Second {
		t.Errorf("%+v, want n1's flow, and one of nothing from n1 at n2", got)
	}
}

func TestSilenceOverIPv6IsNotCounted(t *testing.T) {
	s := facttest.Healthy()
	six := netip.MustParseAddr("2001:db8::13")
	facttest.NodeOf(s, 3).Engine.Swarm.NodeAddr = six
	w := &watched{on: map[watchKey]bool{{"n1", 0}: true}}
	if got := silence(s, w, time.Second); len(got) != 1 || got[0].Peer != facttest.VTEP(2) {
		t.Errorf("%+v, want only n2 silent", got)
	}
	gaps := left(s, expect.DataPathPlan{IPv6: 2}, time.Second)
	if len(gaps) != 2 || !strings.Contains(gaps[0].Reason, "2 pairs") || !strings.Contains(gaps[1].Reason, "n3") {
		t.Errorf("%+v", gaps)
	}
	if gaps := left(facttest.Healthy(), expect.DataPathPlan{}, time.Second); len(gaps) != 0 {
		t.Errorf("healthy: %+v", gaps)
	}
}

func TestSilenceIsAtTheAdvertisedAddress(t *testing.T) {
	s := facttest.Healthy()
	for i := range s.Nodes {
		net := s.Nodes[i].Engine.Network(facttest.App)
		for k := range net.Services {
			for n := range net.Services[k].Tasks {
				net.Services[k].Tasks[n].HostIP = netip.AddrFrom4([4]byte{10, 88, 0, byte(11 + n)})
			}
		}
	}
	w := &watched{on: map[watchKey]bool{{"n1", 0}: true}, flows: []fact.Flow{{Node: "n1", What: "gossip", Peer: facttest.VTEP(2), Port: 7946, In: 4}}}
	if got := silence(s, w, time.Second); len(got) != 2 || got[1].Peer != facttest.VTEP(3) {
		t.Errorf("%+v, want n2's flow, and nothing from n3's advertised address", got)
	}
}

func TestEncryptedNetworksAreNamed(t *testing.T) {
	s := facttest.Healthy()
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	plan := &expect.DataPathPlan{Probes: make([]fact.DataPathProbe, 1)}
	if got := unencrypted(s, &sc, plan); len(got) != 0 {
		t.Errorf("plain: %+v", got)
	}
	s.Wanted.Networks[0].Encrypted = true
	if got := unencrypted(s, &sc, plan); len(got) != 1 || !strings.Contains(got[0].Reason, "app are encrypted") || got[0].Class != fact.ClassAside {
		t.Errorf("encrypted: %+v", got)
	}
	if got := unencrypted(s, &sc, &expect.DataPathPlan{}); len(got) != 0 {
		t.Errorf("nothing was sent: %+v", got)
	}
}
