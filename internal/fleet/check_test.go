package fleet

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"fairway/internal/fact"
)

func TestCheckHello(t *testing.T) {
	good := Hello{Protocol: Protocol, Hash: "abc", Node: "n1id"}
	for _, c := range []struct {
		name   string
		change func(*Hello)
		want   string
	}{
		{"good", func(*Hello) {}, ""},
		{"engine silent", func(h *Hello) { h.Node = "" }, ""},
		{"newer", func(h *Hello) { h.Protocol = 9 }, "version 9"},
		{"none", func(h *Hello) { *h = Hello{} }, "version 0"},
		{"another node", func(h *Hello) { h.Node = "n2id" }, "it is node n2id and not n1id"},
		{"another program", func(h *Hello) { h.Hash = "def" }, "something else runs there"},
	} {
		h := good
		c.change(&h)
		if err := CheckHello("n1id", "abc", &h); c.want != "" {
			wantError(t, err, c.want)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCheckLook(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*LookAnswer)
		want   string
	}{
		{"good", func(*LookAnswer) {}, ""},
		{"own gap", func(a *LookAnswer) { a.Gaps = []fact.Gap{{Node: "n1", Kind: fact.KindFDB}} }, ""},
		{"engine silent", func(a *LookAnswer) {
			*a = LookAnswer{Gaps: []fact.Gap{{Kind: fact.KindInfo}}}
		}, ""},
		{"another node", func(a *LookAnswer) { *a = *lookOf("n2") }, "and not id-n1"},
		{"two nodes", func(a *LookAnswer) { a.Node.Engine.Swarm.NodeID = "id-n2" }, "names two nodes"},
		{"two names", func(a *LookAnswer) { a.Node.Name = "n2" }, "names two nodes"},
		{"a kernel alone", func(a *LookAnswer) { a.Node.Engine, a.Node.Kernel = nil, &fact.Kernel{} }, "without an engine"},
		{"somebody else's gap", func(a *LookAnswer) { a.Gaps = []fact.Gap{{Node: "n2", Kind: fact.KindNode}} }, "a gap of node \"n2\""},
		{"a gap of no kind", func(a *LookAnswer) { a.Gaps = []fact.Gap{{Node: "n1", Kind: "x"}} }, "unknown kind"},
	} {
		a := lookOf("n1")
		c.change(a)
		if err := CheckLook("id-n1", a); c.want != "" {
			wantError(t, err, c.want)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// questions is one probe of each kind from n1.
func questions() ProbeRequest {
	from := fact.Source{Node: "n1", NetNS: "abc"}
	target := netip.MustParseAddrPort("10.0.1.5:8080")
	return ProbeRequest{Limit: 2, Spaces: []Space{{Name: "host", Role: fact.RoleHost}}, Probes: fact.Seen{
		TCP:      []fact.TCPProbe{{From: from, Target: target}},
		DNS:      []fact.DNSProbe{{From: from, Server: netip.MustParseAddrPort("127.0.0.11:53"), Name: "web", Type: "A"}},
		MTU:      []fact.MTUProbe{{From: from, Target: target.Addr(), MTU: 1450}},
		Peers:    []fact.PeerProbe{{Node: "n1", Target: netip.MustParseAddrPort("192.0.2.2:7946"), What: "gossip"}},
		DataPath: []fact.DataPathProbe{{Node: "n1", Target: netip.MustParseAddrPort("192.0.2.2:4789"), VNI: 77, Size: 1500}},
	}}
}

func answered() *ProbeAnswer {
	a := &ProbeAnswer{Seen: questions().Probes}
	a.Seen.TCP[0].Outcome, a.Seen.TCP[0].RTT, a.Seen.TCP[0].Tries = fact.Open, time.Millisecond, 1
	a.Seen.DNS[0].Outcome, a.Seen.MTU[0].Passed, a.Seen.Peers[0].Outcome, a.Seen.DataPath[0].Sent = fact.Timeout, 1450, fact.Refused, 3
	a.Seen.Made = 2
	return a
}

func TestCheckProbe(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*ProbeAnswer)
		want   string
	}{
		{"good", func(*ProbeAnswer) {}, ""},
		{"none", func(a *ProbeAnswer) { a.Seen.TCP = nil }, "has 0 tcp probes"},
		{"more", func(a *ProbeAnswer) { a.Seen.TCP = append(a.Seen.TCP, a.Seen.TCP[0]) }, "has 2 tcp probes"},
		{"about another node", func(a *ProbeAnswer) { a.Seen.TCP[0].From.Node = "n2" }, "tcp probe 1"},
		{"about another target", func(a *ProbeAnswer) { a.Seen.Peers[0].Target = netip.AddrPort{} }, "peer probe 1"},
		{"an outcome of its own", func(a *ProbeAnswer) { a.Seen.TCP[0].Outcome = "fine" }, "tcp probe 1"},
		{"back in time", func(a *ProbeAnswer) { a.Seen.DNS[0].RTT = -1 }, "dns probe 1"},
		{"a huge packet", func(a *ProbeAnswer) { a.Seen.MTU[0].Passed = 1 << 20 }, "mtu probe 1"},
		{"the peer's counts", func(a *ProbeAnswer) { a.Seen.DataPath[0].Counted = true }, "data path probe 1"},
		{"flows", func(a *ProbeAnswer) { a.Seen.Flows = make([]fact.Flow, 1) }, "not asked for"},
		{"connections", func(a *ProbeAnswer) { a.Seen.Made = 1 << 30 }, "connections"},
		{"somebody else's gap", func(a *ProbeAnswer) { a.Gaps = []fact.Gap{{Node: "n3", Kind: fact.KindTCP}} }, "a gap of node"},
	} {
		a, q := answered(), questions()
		c.change(a)
		if err := CheckProbe("n1", &q, a); c.want != "" {
			wantError(t, err, c.want)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCheckWatch(t *testing.T) {
	q := WatchRequest{Gossip: true, DataPath: 4789, VNI: 77, Spaces: []Space{{Name: "host", Inode: 1}}}
	peer := netip.MustParseAddr("192.0.2.2")
	for _, c := range []struct {
		name string
		a    WatchAnswer
		want string
	}{
		{"good", WatchAnswer{Flows: []fact.Flow{{Node: "n1", What: "gossip", Peer: peer, Port: 7946, In: 1}, {Node: "n1", What: "data path", Peer: peer, Port: 4789}},
			Counters: []fact.SpaceCounters{{}, {NetNS: "host", Inode: 1}}}, ""},
		{"another node's", WatchAnswer{Flows: []fact.Flow{{Node: "n2", What: "gossip", Peer: peer}}}, "a flow of node"},
		{"another port", WatchAnswer{Flows: []fact.Flow{{Node: "n1", What: "data path", Peer: peer, Port: 1}}}, "not asked for"},
		{"no peer", WatchAnswer{Flows: []fact.Flow{{Node: "n1", What: "gossip"}}}, "a flow from"},
		{"another namespace", WatchAnswer{Counters: []fact.SpaceCounters{{NetNS: "host", Inode: 2}}}, "was not asked for"},
	} {
		if err := CheckWatch("n1", &q, &c.a); c.want != "" {
			wantError(t, err, c.want)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestCheckedNode: over a real connection, a node that lies gives nothing.
func TestCheckedNode(t *testing.T) {
	look := lookOf("n1")
	a := agent(t, fake{
		look:  func(context.Context, LookRequest) (*LookAnswer, error) { return look, nil },
		probe: func(_ context.Context, r ProbeRequest) (*ProbeAnswer, error) { return answered(), nil },
		watch: func(context.Context, WatchRequest) (*WatchAnswer, error) {
			return &WatchAnswer{Flows: []fact.Flow{{Node: look.Node.Name}}}, nil
		},
	}, Limits{})
	n := Checked("id-n1", "", a.operator(t))
	if _, err := n.Look(t.Context(), LookRequest{}); err != nil {
		t.Error(err)
	}
	if got, err := n.Probe(t.Context(), questions()); err != nil || got.Seen.TCP[0].Outcome != fact.Open {
		t.Errorf("%+v, %v", got, err)
	}
	_, err := n.Hello(t.Context())
	wantError(t, err, "it is node node1 and not id-n1")
	_, err = n.Watch(t.Context(), WatchRequest{})
	wantError(t, err, "not asked for")
	look = lookOf("n2")
	got, err := n.Look(t.Context(), LookRequest{})
	if wantError(t, err, "and not id-n1"); got != nil {
		t.Error("a lie came through")
	}
}

func TestAllow(t *testing.T) {
	engine := &fact.Engine{Swarm: fact.EngineSwarm{DataPathPort: 4789}, Networks: []fact.EngineNetwork{
		{Network: fact.Network{ID: "yvihhj4kp5egefotitf3lv7xf", Driver: "overlay", VNIs: []uint32{4097}, Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("10.0.1.0/24")}}}},
		{Network: fact.Network{Driver: "bridge", Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("172.18.0.0/16")}}}}}}
	port := netip.MustParseAddrPort
	for _, c := range []struct {
		name   string
		change func(*ProbeRequest)
		ok     bool
	}{
		{"what a diagnosis asks", func(*ProbeRequest) {}, true},
		{"the host's addresses", func(r *ProbeRequest) { r.Probes.TCP[0].Target = port("192.0.2.2:22") }, false},
		{"a bridge", func(r *ProbeRequest) { r.Probes.TCP[0].Target = port("172.18.0.2:80") }, false},
		{"loopback", func(r *ProbeRequest) { r.Probes.TCP[0].Target = port("127.0.0.1:2375") }, false},
		{"cloud metadata", func(r *ProbeRequest) { r.Probes.TCP[0].Target = port("169.254.169.254:80") }, false},
		{"ssh of a peer", func(r *ProbeRequest) { r.Probes.Peers[0].Target = port("192.0.2.2:22") }, false},
		{"managers", func(r *ProbeRequest) { r.Probes.Peers[0].Target = port("192.0.2.2:2377") }, true},
		{"gossip on loopback", func(r *ProbeRequest) { r.Probes.Peers[0].Target = port("127.0.0.1:7946") }, false},
		{"gossip of a mapped loopback", func(r *ProbeRequest) { r.Probes.Peers[0].Target = port("[::ffff:127.0.0.1]:7946") }, false},
		{"gossip to all", func(r *ProbeRequest) { r.Probes.Peers[0].Target = port("255.255.255.255:7946") }, false},
		{"gossip of no address", func(r *ProbeRequest) { r.Probes.Peers[0].Target = netip.AddrPort{} }, false},
		{"another name server", func(r *ProbeRequest) { r.Probes.DNS[0].Server = port("192.0.2.53:53") }, false},
		{"another type", func(r *ProbeRequest) { r.Probes.DNS[0].Type = "AXFR" }, false},
		{"a name without end", func(r *ProbeRequest) { r.Probes.DNS[0].Name = string(make([]byte, 254)) }, false},
		{"connections from an overlay's own namespace", func(r *ProbeRequest) { r.Probes.TCP[0].From.NetNS = "1-yvihhj4kp5" }, false},
		{"echoes from an overlay's own namespace", func(r *ProbeRequest) { r.Probes.MTU[0].From.NetNS = "2-yvihhj4kp5" }, false},
		{"DNS from the host", func(r *ProbeRequest) { r.Probes.DNS[0].From.NetNS = "host" }, false},
		{"echoes from a container to a host", func(r *ProbeRequest) { r.Probes.MTU[0].Target = netip.MustParseAddr("192.0.2.2") }, false},
		{"echoes between hosts", func(r *ProbeRequest) {
			r.Probes.MTU[0].From.NetNS, r.Probes.MTU[0].Target = "host", netip.MustParseAddr("192.0.2.2")
		}, true},
		{"another UDP port", func(r *ProbeRequest) { r.Probes.DataPath[0].Target = port("192.0.2.2:53") }, false},
		{"UDP to gossip", func(r *ProbeRequest) { r.Probes.DataPath[0].Target = port("192.0.2.2:7946") }, false},
		{"the port beside the data path's", func(r *ProbeRequest) { r.Probes.DataPath[0].Target = port("192.0.2.2:4790") }, true},
		{"a VNI in use", func(r *ProbeRequest) { r.Probes.DataPath[0].VNI = 4097 }, false},
		{"no VNI", func(r *ProbeRequest) { r.Probes.DataPath[0].VNI = 0 }, false},
		{"a hundred connections", func(r *ProbeRequest) { r.Limit = 100 }, false},
	} {
		r := questions()
		c.change(&r)
		if err := Allow(engine, &r); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	worker := *engine
	worker.Swarm.DataPathPort = 0
	r := questions()
	r.Probes.DataPath[0].Target = port("192.0.2.2:7777")
	if err := Allow(&worker, &r); err != nil {
		t.Errorf("a worker's data path port: %v", err)
	}
	r.Probes.DataPath[0].Target = port("192.0.2.2:7946")
	if Allow(&worker, &r) == nil {
		t.Error("a worker sends to gossip")
	}
	r = questions()
	if Allow(nil, &r) == nil {
		t.Error("allowed without an engine")
	}
}
