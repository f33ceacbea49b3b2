package fleet

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

// meshEngine is what a node's engine tells of a Swarm with a published port; one
// container shares the host's namespace.
func meshEngine() *fact.Engine {
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	return &fact.Engine{
		Swarm: fact.EngineSwarm{NodeAddr: addr("192.0.2.1"), DataPathPort: 4789, Managers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.3:2377")}},
		Networks: []fact.EngineNetwork{
			{Network: fact.Network{ID: "yvihhj4kp5egefotitf3lv7xf", Driver: "overlay", Subnets: []fact.Subnet{{Prefix: prefix("10.0.1.0/24")}}}},
			{Network: fact.Network{ID: "ingressnetwork", Driver: "overlay", Ingress: true, Subnets: []fact.Subnet{{Prefix: prefix("10.0.0.0/24")}}},
				Peers: []fact.Peer{{IP: addr("192.0.2.2")}}},
			{Network: fact.Network{Name: "docker_gwbridge", Driver: "bridge", Subnets: []fact.Subnet{{Prefix: prefix("172.18.0.0/16"), Gateway: addr("172.18.0.1")}}}},
			{Network: fact.Network{Name: "bridge", Driver: "bridge", Subnets: []fact.Subnet{{Prefix: prefix("172.17.0.0/16"), Gateway: addr("172.17.0.1")}}}}},
		Containers: []fact.Container{
			{ID: "c1", TaskID: "t1", NetworkMode: "ingress", SandboxKey: "/var/run/docker/netns/c1ns"},
			{ID: "alone", NetworkMode: "app", SandboxKey: "/var/run/docker/netns/alonens"},
			{ID: "joined", Name: "j", NetworkMode: "container:c1"},
			{ID: "joinedhost", NetworkMode: "container:onhost"},
			{ID: "onhost", TaskID: "t2", NetworkMode: "host", SandboxKey: "/var/run/docker/netns/default"}},
	}
}

// published are the probes of each stage that a diagnosis asks for.
func published() map[fact.Stage]fact.PublishedProbe {
	port := netip.MustParseAddrPort
	host, task := fact.Source{Node: "n1", NetNS: "host"}, fact.Source{Node: "n1", NetNS: "c1ns", Container: "c1", Task: "t1"}
	p := func(st fact.Stage, from fact.Source, to, proto string) fact.PublishedProbe {
		return fact.PublishedProbe{From: from, Stage: st, Service: "api", Published: 8080, Target: port(to), Proto: proto, Count: 5}
	}
	return map[fact.Stage]fact.PublishedProbe{
		fact.StageNode:    p(fact.StageNode, host, "192.0.2.2:8080", "http"),
		fact.StageSelf:    p(fact.StageSelf, host, "192.0.2.1:8080", "https"),
		fact.StageSandbox: p(fact.StageSandbox, host, "172.18.0.9:8080", "tcp"),
		fact.StageBackend: p(fact.StageBackend, fact.Source{Node: "n1", NetNS: "ingress_sbox"}, "10.0.0.21:8080", "tcp"),
		fact.StageTask:    p(fact.StageTask, task, "127.0.0.1:80", "http"),
		fact.StageVIP:     p(fact.StageVIP, task, "10.0.1.100:80", "tcp"),
	}
}

// asking is a request for one probe, with the names of namespaces as somebody
// may claim them.
func asking(p fact.PublishedProbe) *ProbeRequest {
	return &ProbeRequest{Limit: 5, Probes: fact.Seen{Published: []fact.PublishedProbe{p}},
		Spaces: []Space{{Name: "host", Role: fact.RoleHost}, {Name: "c1ns", Role: fact.RoleContainer}, {Name: "ingress_sbox", Role: fact.RoleIngress}, {Name: "default", Role: fact.RoleContainer}}}
}

func TestAllowPublished(t *testing.T) {
	for st, p := range published() {
		if err := Allow(meshEngine(), asking(p)); err != nil {
			t.Errorf("%s: %v", st, err)
		}
	}
	joined := published()[fact.StageVIP]
	joined.From.Container = "joined"
	if err := Allow(meshEngine(), asking(joined)); err != nil {
		t.Errorf("from a container in another's namespace: %v", err)
	}
	node, self, sandbox, backend, task, vip := fact.StageNode, fact.StageSelf, fact.StageSandbox, fact.StageBackend, fact.StageTask, fact.StageVIP
	to := func(s string) func(*fact.PublishedProbe) {
		return func(p *fact.PublishedProbe) { p.Target = netip.MustParseAddrPort(s) }
	}
	speaking := func(proto string) func(*fact.PublishedProbe) {
		return func(p *fact.PublishedProbe) { p.Proto = proto }
	}
	in := func(netns string, c fact.ContainerID) func(*fact.PublishedProbe) {
		return func(p *fact.PublishedProbe) { p.From.NetNS, p.From.Container = netns, c }
	}
	for _, c := range []struct {
		name   string
		of     []fact.Stage
		change func(*fact.PublishedProbe)
	}{
		{"a stranger", []fact.Stage{node, self}, to("198.51.100.7:80")},
		{"the neighbour of a node", []fact.Stage{node, self}, to("192.0.2.4:8080")},
		{"loopback", []fact.Stage{node, self, sandbox, backend, vip}, to("127.0.0.1:8080")},
		{"loopback, mapped", []fact.Stage{node, self, sandbox, backend, vip, task}, to("[::ffff:127.0.0.1]:8080")},
		{"loopback of IPv6", []fact.Stage{node, self, task}, to("[::1]:8080")},
		{"another loopback", []fact.Stage{task}, to("127.0.0.11:53")},
		{"cloud metadata", []fact.Stage{node, self, sandbox, backend, vip, task}, to("169.254.169.254:80")},
		{"all hosts", []fact.Stage{node, self}, to("255.255.255.255:8080")},
		{"nobody", []fact.Stage{node, self, task}, to("0.0.0.0:8080")},
		{"no port", []fact.Stage{node, self, sandbox, backend, vip, task}, func(p *fact.PublishedProbe) { p.Target = netip.AddrPortFrom(p.Target.Addr(), 0) }},
		{"no address", []fact.Stage{node, self, sandbox, backend, vip, task}, func(p *fact.PublishedProbe) { p.Target = netip.AddrPort{} }},
		{"the host by its bridge", []fact.Stage{sandbox}, to("172.18.0.1:22")},
		{"another bridge", []fact.Stage{sandbox, backend, vip}, to("172.17.0.2:80")},
		{"an overlay that is not the mesh's", []fact.Stage{backend}, to("10.0.1.5:80")},
		{"none", []fact.Stage{node, self, sandbox, backend, vip, task}, func(p *fact.PublishedProbe) { p.Count = 0 }},
		{"fewer than none", []fact.Stage{node, self, sandbox, backend, vip, task}, func(p *fact.PublishedProbe) { p.Count = -1 }},
		{"many", []fact.Stage{node, self, sandbox, backend, vip, task}, func(p *fact.PublishedProbe) { p.Count = 11 }},
		{"a word of its own", []fact.Stage{node, self, sandbox, backend, vip, task}, speaking("sctp")},
		{"HTTP on the way", []fact.Stage{sandbox, backend, vip}, speaking("http")},
		{"datagrams inside", []fact.Stage{backend, vip, task}, speaking("udp")},
		{"no stage", []fact.Stage{node}, func(p *fact.PublishedProbe) { p.Stage = "" }},
		{"a second header", []fact.Stage{node, self, task}, func(p *fact.PublishedProbe) { p.Host = "a\r\nX: y" }},
		{"a second request", []fact.Stage{node, self, task}, func(p *fact.PublishedProbe) { p.Path = "/ HTTP/1.1\r\n\r\nDELETE /" }},
		{"a long name", []fact.Stage{node}, func(p *fact.PublishedProbe) { p.Host = strings.Repeat("x", 1025) }},
		{"a proxy's path", []fact.Stage{node, self, task}, func(p *fact.PublishedProbe) { p.Path = "http://198.51.100.7/" }},
		{"from a container", []fact.Stage{node, self, sandbox}, in("c1ns", "c1")},
		{"from the host", []fact.Stage{backend, vip, task}, in("host", "c1")},
		{"from nowhere", []fact.Stage{backend, vip, task}, in("", "c1")},
		{"from the host by a container's handle", []fact.Stage{backend, vip, task}, in("default", "onhost")},
		{"from the host by another's name", []fact.Stage{backend, vip, task}, in("default", "c1")},
		{"from the host by way of a container", []fact.Stage{vip, task}, in("default", "joinedhost")},
		{"from a container that nobody knows", []fact.Stage{vip, task}, in("c1ns", "c9")},
		{"from no container", []fact.Stage{vip, task}, in("c1ns", "")},
		{"from inside somebody's own container", []fact.Stage{task}, in("alonens", "alone")},
		{"from the sandbox", []fact.Stage{vip, task}, in("ingress_sbox", "c1")},
		{"from an overlay's own namespace", []fact.Stage{backend, vip, task}, in("1-yvihhj4kp5", "c1")},
		{"gossip by UDP", []fact.Stage{node, self, sandbox}, func(p *fact.PublishedProbe) { p.Proto = "udp"; p.Target = netip.AddrPortFrom(p.Target.Addr(), 7946) }},
		{"the data path by UDP", []fact.Stage{node, self, sandbox}, func(p *fact.PublishedProbe) { p.Proto = "udp"; p.Target = netip.AddrPortFrom(p.Target.Addr(), 4789) }},
		{"managers by HTTP", []fact.Stage{node, self}, func(p *fact.PublishedProbe) { p.Proto = "https"; p.Target = netip.AddrPortFrom(p.Target.Addr(), 2377) }},
	} {
		for _, st := range c.of {
			p := published()[st]
			c.change(&p)
			if Allow(meshEngine(), asking(p)) == nil {
				t.Errorf("%s, stage %s: allowed", c.name, st)
			}
		}
	}
}

// TestAllowPublishedOnAWorker: a worker is not told the data path's port.
func TestAllowPublishedOnAWorker(t *testing.T) {
	e := meshEngine()
	e.Swarm.DataPathPort = 0
	p := published()[fact.StageNode]
	p.Proto, p.Target = "udp", netip.MustParseAddrPort("192.0.2.2:53")
	if err := Allow(e, asking(p)); err != nil {
		t.Error(err)
	}
	p.Target = netip.MustParseAddrPort("192.0.2.2:4789")
	if Allow(e, asking(p)) == nil {
		t.Error("datagrams to VXLAN's port")
	}
}

func TestCheckPublished(t *testing.T) {
	good := func() fact.PublishedProbe {
		p := published()[fact.StageNode]
		p.Host, p.Path, p.Expect = "my.example", "/health", 200
		for range p.Count {
			p.Requests = append(p.Requests, fact.Request{Outcome: fact.Open, Status: 200, Connect: time.Millisecond, Took: time.Millisecond})
		}
		return p
	}
	for _, c := range []struct {
		name   string
		change func(*fact.PublishedProbe)
		ok     bool
	}{
		{"good", func(*fact.PublishedProbe) {}, true},
		{"fewer", func(p *fact.PublishedProbe) { p.Requests = p.Requests[:1] }, true},
		{"more", func(p *fact.PublishedProbe) { p.Requests = append(p.Requests, p.Requests[0]) }, false},
		{"a million more", func(p *fact.PublishedProbe) { p.Count, p.Requests = 1<<20, make([]fact.Request, 1<<20) }, false},
		{"another target", func(p *fact.PublishedProbe) { p.Target = netip.MustParseAddrPort("198.51.100.7:80") }, false},
		{"another node's", func(p *fact.PublishedProbe) { p.Node = "n3" }, false},
		{"from another", func(p *fact.PublishedProbe) { p.From.Node = "n2" }, false},
		{"another service's", func(p *fact.PublishedProbe) { p.Service = "web" }, false},
		{"another stage", func(p *fact.PublishedProbe) { p.Stage = fact.StageSelf }, false},
		{"another expectation", func(p *fact.PublishedProbe) { p.Expect = 500 }, false},
		{"another protocol", func(p *fact.PublishedProbe) { p.Proto = "tcp" }, false},
		{"an outcome of its own", func(p *fact.PublishedProbe) { p.Requests[0].Outcome = "fine" }, false},
		{"back in time", func(p *fact.PublishedProbe) { p.Requests[0].Took = -1 }, false},
		{"an hour", func(p *fact.PublishedProbe) { p.Requests[0].Connect = time.Hour }, false},
		{"no status", func(p *fact.PublishedProbe) { p.Requests[0].Status = 1000 }, false},
		{"a negative status", func(p *fact.PublishedProbe) { p.Requests[0].Status = -1 }, false},
		{"a long error", func(p *fact.PublishedProbe) { p.Requests[4].Err = strings.Repeat("x", 1<<20) }, false},
		{"a long note", func(p *fact.PublishedProbe) { p.Requests[4].Note = strings.Repeat("x", 1<<20) }, false},
	} {
		q := good()
		q.Requests = nil
		a := good()
		c.change(&a)
		err := CheckProbe("n1", asking(q), &ProbeAnswer{Seen: fact.Seen{Published: []fact.PublishedProbe{a}, Made: 5}})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	q := good()
	q.Proto = "tcp" // a status where nothing was asked
	bare := q
	bare.Requests = nil
	if CheckProbe("n1", asking(bare), &ProbeAnswer{Seen: fact.Seen{Published: []fact.PublishedProbe{q}}}) == nil {
		t.Error("a status of a server that was not asked")
	}
	if CheckProbe("n1", asking(bare), &ProbeAnswer{Seen: fact.Seen{Published: []fact.PublishedProbe{bare}, Made: 6}}) == nil {
		t.Error("more connections than were asked for")
	}
}
