package expect

import (
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// RequestsEach is how many requests one source may make to one target in one
// look; two looks stay within the 10 of a run.
const RequestsEach = 5

// MaxRequests is how many requests one node's published port gets in one look.
const MaxRequests = 20

// PairRequests is how many requests one source may make to one target in a
// run, in both looks together (design: "Probing must not hurt").
const PairRequests = 2 * RequestsEach

// Requests is how many requests to a node's published port are wanted: twice
// the number of backends, so that round robin meets every backend (runbook I2);
// two where the whole Swarm is asked, from different nodes where there are so
// many. In host mode a node's own tasks are the backends.
func (p *Published) Requests(s *fact.Snapshot, id fact.NodeID) int {
	n := 0
	for _, e := range serviceEnds(s, p.Service) {
		if e.Running && (p.Port.Mode != "host" || e.Node == id) {
			n++
		}
	}
	if s.Question.All {
		return 2
	}
	return min(MaxRequests, max(1, 2*n))
}

// Mesh plans the requests to every node's published port: from other nodes that
// were seen, in turn, and from each seen node to itself, which is another way;
// to every backend, and to virtual IPs.
func Mesh(s *fact.Snapshot, sc *Scope) []fact.PublishedProbe {
	out, _ := meshPlan(s, sc)
	return out
}

// meshPlan is Mesh; of a whole Swarm it is no more than MaxTCP requests, those to
// nodes first, and the share says how many.
func meshPlan(s *fact.Snapshot, sc *Scope) ([]fact.PublishedProbe, Share) {
	var nodes, rest []fact.PublishedProbe
	for i := range sc.Mesh {
		p := &sc.Mesh[i]
		for _, id := range sc.Asked {
			if p.Unaskable(s, id) == "" {
				nodes = append(nodes, p.ask(s, id)...)
			}
		}
		rest = append(rest, p.backends(s)...)
	}
	rest = append(rest, virtual(s, sc)...)
	if !s.Question.All {
		return append(nodes, rest...), Share{}
	}
	return frugal(nodes, rest)
}

// frugal keeps a look at the whole Swarm small: one request a probe, and no
// more than MaxTCP probes, taken evenly.
func frugal(nodes, rest []fact.PublishedProbe) ([]fact.PublishedProbe, Share) {
	of := len(nodes) + len(rest)
	nodes = evenly(nodes, MaxTCP)
	out := append(nodes, evenly(rest, MaxTCP-len(nodes))...)
	for i := range out {
		out[i].Count = 1
	}
	return out, Share{N: len(out), Of: of}
}

// evenly takes so many of a list, from all over it.
func evenly(list []fact.PublishedProbe, most int) []fact.PublishedProbe {
	if len(list) <= most {
		return list
	}
	out := make([]fact.PublishedProbe, 0, most)
	for i := range most {
		out = append(out, list[i*len(list)/most])
	}
	return out
}

// Unaskable says why nobody asks a node's published port; empty where somebody
// may.
func (p *Published) Unaskable(s *fact.Snapshot, id fact.NodeID) string {
	n := s.Wanted.Node(id)
	switch {
	case n != nil && n.State != "ready":
		return "the node is " + n.State
	case p.Port.Proto != "tcp" && p.Port.Proto != "udp":
		return p.Port.Proto + " is not spoken by fairway"
	case p.swarms(s):
		return "the port is one of Swarm itself"
	case p.Port.Mode == "host" && s.Question.Published != p.Port.Published && !p.served(s, id):
		return "no task is there, and the port is in host mode"
	case !HostAddr(s, id).IsValid():
		return "nobody knows an address of the node"
	}
	return ""
}

// swarms: what Swarm itself listens on is never sent a request or a datagram.
func (p *Published) swarms(s *fact.Snapshot) bool {
	port := p.Port.Published
	return port == GossipPort || port == ManagerPort || p.Port.Proto == "udp" && (port == s.Wanted.DataPathPort || port == usualDataPath)
}

// usualDataPath is the port of VXLAN where a Swarm chose no other.
const usualDataPath = 4789

// served: a node has a running task of the service.
func (p *Published) served(s *fact.Snapshot, id fact.NodeID) bool {
	return slices.ContainsFunc(serviceEnds(s, p.Service), func(e End) bool { return e.Node == id && e.Running })
}

// asks: the host of this node may ask published ports.
func asks(s *fact.Snapshot, n *fact.Node) bool {
	return n.Kernel.Host() != nil && (s.Question.Node == "" || s.Question.Node == n.Name)
}

// ask plans the requests to one node.
func (p *Published) ask(s *fact.Snapshot, id fact.NodeID) []fact.PublishedProbe {
	var others, own []fact.PublishedProbe
	for i := range s.Nodes {
		n := &s.Nodes[i]
		addr := knownAs(s, n, id)
		if !asks(s, n) || !addr.IsValid() {
			continue
		}
		one := p.probe(s, fact.StageNode, netip.AddrPortFrom(addr, p.Port.Published))
		one.Node, one.From = id, fact.Source{Node: n.Name, NetNS: n.Kernel.Host().Name}
		if n.ID == id {
			one.Stage, one.Count = fact.StageSelf, min(RequestsEach, p.Requests(s, id))
			own = append(own, one)
			continue
		}
		others = append(others, one)
	}
	return append(spread(others, p.Requests(s, id), id), own...)
}

// knownAs is the address by which one node's engine knows another: no agent
// makes requests to a host of which its own engine knows nothing. Not valid
// where it knows none, as an engine does that lost its peers.
func knownAs(s *fact.Snapshot, n *fact.Node, id fact.NodeID) netip.Addr {
	for _, a := range []netip.Addr{HostAddr(s, id), Advertised(s, id), VTEP(s, id)} {
		if n.Engine.KnowsNode(a) {
			return a
		}
	}
	return netip.Addr{}
}

// More plans what is lacking of the requests to a node where few nodes can ask
// and everything was answered so far: what a second look would have had.
func More(s *fact.Snapshot, sc *Scope) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	for i := range sc.Mesh {
		p := &sc.Mesh[i]
		for _, id := range sc.Asked {
			out = append(out, p.more(s, id)...)
		}
	}
	return out
}

func (p *Published) more(s *fact.Snapshot, id fact.NodeID) []fact.PublishedProbe {
	lack := p.Requests(s, id)
	var list []fact.PublishedProbe
	for _, q := range s.Seen.Published {
		if q.Stage != fact.StageNode || q.Node != id || q.Service != p.Service || q.Published != p.Port.Published {
			continue
		}
		if bad(&q) {
			return nil
		}
		lack -= len(q.Requests)
		q.Requests = nil
		list = append(list, q)
	}
	for i := range list {
		list[i].Count = max(0, min(PairRequests-list[i].Count, lack))
		lack -= list[i].Count
	}
	return slices.DeleteFunc(list, func(q fact.PublishedProbe) bool { return q.Count == 0 })
}

// spread gives each asking node its share of the requests, beginning at another
// one for every target.
func spread(list []fact.PublishedProbe, total int, id fact.NodeID) []fact.PublishedProbe {
	if len(list) == 0 {
		return nil
	}
	start := 0
	for _, c := range id {
		start += int(c)
	}
	list = inTurn(list, start)
	for i := range total {
		if p := &list[i%len(list)]; p.Count < RequestsEach {
			p.Count++
		}
	}
	return slices.DeleteFunc(list, func(p fact.PublishedProbe) bool { return p.Count == 0 })
}

// probe is one with what is spoken filled in: HTTP where the operator asked for
// it or the port is a usual one of HTTP, and not a byte elsewhere.
func (p *Published) probe(s *fact.Snapshot, st fact.Stage, to netip.AddrPort) fact.PublishedProbe {
	out := fact.PublishedProbe{Stage: st, Target: to, Service: p.Service, Published: p.Port.Published, Proto: p.Port.Proto}
	q := s.Question.HTTP
	if p.Port.Proto != "tcp" || q == nil && !usual(p.Port.Target) {
		return out
	}
	out.Proto = "http"
	if q != nil {
		out.Host, out.Path, out.Expect = q.Host, q.Path, q.Expect
	}
	if q != nil && q.TLS || p.Port.Target == 443 || p.Port.Target == 8443 {
		out.Proto = "https"
	}
	return out
}

// usual: ports that HTTP is spoken to without being asked (design: "Probing must
// not hurt").
func usual(port uint16) bool { return slices.Contains([]uint16{80, 8080, 443, 8443}, port) }

// virtual plans connections from every seen source task to the virtual IPs of
// the targets' services on the shared networks: so many that round robin meets
// every backend, or RequestsEach.
func virtual(s *fact.Snapshot, sc *Scope) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	if sc.Proto != "tcp" || s.Wanted == nil || s.Question.All {
		return nil
	}
	for i := range sc.From {
		src, ok := source(s, &sc.From[i])
		if !ok {
			continue
		}
		for _, id := range sc.ToServices {
			svc := s.Wanted.Service(id)
			if svc == nil || svc.EndpointMode != "vip" {
				continue
			}
			out = append(out, toVIPs(s, sc, svc, src)...)
		}
	}
	return out
}

func toVIPs(s *fact.Snapshot, sc *Scope, svc *fact.Service, src fact.Source) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	n := (&Published{Service: svc.ID}).Requests(s, "")
	for _, v := range svc.VIPs {
		if !slices.Contains(sc.Networks, v.Network) {
			continue
		}
		for _, port := range sc.Ports {
			out = append(out, fact.PublishedProbe{From: src, Service: svc.ID, Stage: fact.StageVIP, Network: v.Network,
				Target: netip.AddrPortFrom(v.Addr.Addr(), port), Proto: "tcp", Count: min(RequestsEach, n)})
		}
	}
	return out
}

// backends plans one connection from every seen ingress sandbox to every task of
// the published service, and to whatever else its load balancer knows, on the
// published port: the task redirects it and drops all others (runbook I6).
func (p *Published) backends(s *fact.Snapshot) []fact.PublishedProbe {
	if p.Network == "" || p.Port.Proto != "tcp" {
		return nil
	}
	var out []fact.PublishedProbe
	ends := serviceEnds(s, p.Service)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		ns := IngressSandbox(n)
		if ns == nil || !asks(s, n) {
			continue
		}
		asked := map[netip.Addr]bool{}
		to := func(a netip.Addr, task fact.TaskID, node fact.NodeID) {
			if a.IsValid() && !asked[a] {
				asked[a] = true
				out = append(out, fact.PublishedProbe{From: fact.Source{Node: n.Name, NetNS: ns.Name}, Node: node, Service: p.Service,
					Published: p.Port.Published, Stage: fact.StageBackend, To: task, Target: netip.AddrPortFrom(a, p.Port.Published), Proto: "tcp", Count: 1})
			}
		}
		for j := range ends {
			if ends[j].Running {
				to(ends[j].Addr(p.Network), ends[j].Task, ends[j].Node)
			}
		}
		if v := IngressVirtual(n, p); v != nil {
			for _, b := range v.Backends {
				to(b.Addr.Addr(), "", "")
			}
		}
	}
	return out
}

// MeshStages plans what isolates one stage each, where something failed: the
// ingress sandbox from its host, and the application from inside its task.
func MeshStages(s *fact.Snapshot, sc *Scope) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	for i := range sc.Mesh {
		p := &sc.Mesh[i]
		if !slices.ContainsFunc(s.Seen.Published, func(q fact.PublishedProbe) bool {
			return q.Service == p.Service && q.Published == p.Port.Published && bad(&q)
		}) {
			continue
		}
		out = append(append(out, p.sandboxes(s)...), p.inside(s)...)
	}
	return out
}

// NotAsked are the probes of a plan that have no answer yet.
func NotAsked(s *fact.Snapshot, plan []fact.PublishedProbe) []fact.PublishedProbe {
	return slices.DeleteFunc(plan, func(p fact.PublishedProbe) bool {
		return slices.ContainsFunc(s.Seen.Published, func(q fact.PublishedProbe) bool {
			return q.From == p.From && q.Stage == p.Stage && q.Target == p.Target && q.Service == p.Service
		})
	})
}

func bad(q *fact.PublishedProbe) bool {
	return slices.ContainsFunc(q.Requests, func(r fact.Request) bool { return !q.Good(&r) })
}

func (p *Published) sandboxes(s *fact.Snapshot) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	for i := range s.Nodes {
		n := &s.Nodes[i]
		at := SandboxAddr(n)
		if p.Network == "" || !at.IsValid() || !asks(s, n) || p.Unaskable(s, n.ID) != "" {
			continue
		}
		// Whether it is whole is seen by a connection: not a byte is said.
		q := fact.PublishedProbe{Stage: fact.StageSandbox, Target: netip.AddrPortFrom(at, p.Port.Published), Service: p.Service, Published: p.Port.Published, Proto: p.Port.Proto}
		q.From, q.Node, q.Count = fact.Source{Node: n.Name, NetNS: n.Kernel.Host().Name}, n.ID, min(RequestsEach, p.Requests(s, n.ID))
		out = append(out, q)
	}
	return out
}

// inside asks each seen task on its own loopback, where nothing but the
// application can be in the way.
func (p *Published) inside(s *fact.Snapshot) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	ends := serviceEnds(s, p.Service)
	for i := range ends {
		src, ok := source(s, &ends[i])
		if !ok || p.Port.Proto != "tcp" {
			continue
		}
		q := p.probe(s, fact.StageTask, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p.Port.Target))
		q.From, q.Node, q.To, q.Count = src, ends[i].Node, ends[i].Task, 1
		out = append(out, q)
	}
	return out
}
