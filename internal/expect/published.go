package expect

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Published is a port that a service publishes.
type Published struct {
	Service fact.ServiceID
	Name    string // the service's
	Port    fact.Port
	// Network is the routing mesh's; empty for a port published in host mode, and
	// where no network is the mesh.
	Network fact.NetworkID
}

// String is ":8080/tcp of api".
func (p Published) String() string {
	return fmt.Sprintf(":%d/%s of %s", p.Port.Published, p.Port.Proto, p.Name)
}

// Overlays are the networks on the paths of the question, the routing mesh's
// among them.
func (sc *Scope) Overlays() []fact.NetworkID {
	out := slices.Clone(sc.Networks)
	for _, p := range sc.Mesh {
		if p.Network != "" {
			out = union(out, []fact.NetworkID{p.Network})
		}
	}
	return out
}

// Ingress is the network of the routing mesh, whatever its name; nil when there is none.
func Ingress(s *fact.Snapshot) *fact.Network {
	if s.Wanted == nil {
		return nil
	}
	for i := range s.Wanted.Networks {
		if n := &s.Wanted.Networks[i]; n.Ingress {
			return n
		}
	}
	return nil
}

// publishing lists the published ports of services, of all where none is named, by number.
func publishing(s *fact.Snapshot, of []fact.ServiceID) []Published {
	if s.Wanted == nil {
		return nil
	}
	var out []Published
	for _, svc := range s.Wanted.Services {
		if of != nil && !slices.Contains(of, svc.ID) || svc.AgentPort != 0 {
			continue
		}
		for _, p := range svc.Ports {
			if p.Published == 0 {
				continue
			}
			one := Published{Service: svc.ID, Name: svc.Name, Port: p}
			if n := Ingress(s); n != nil && p.Mode == "ingress" {
				one.Network = n.ID
			}
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b Published) int {
		return cmp.Or(cmp.Compare(a.Port.Published, b.Port.Published), strings.Compare(a.Port.Proto, b.Port.Proto), strings.Compare(a.Name, b.Name))
	})
	return out
}

// resolvePublished finds who publishes the port of the question, and adds the
// ends of that path: every node on one side, its tasks on the other.
func resolvePublished(s *fact.Snapshot, sc *Scope) error {
	q := s.Question
	if q.Published != 0 {
		all := publishing(s, nil)
		for _, p := range all {
			if p.Port.Published == q.Published && (q.PublishedProto == "" || q.PublishedProto == p.Port.Proto) {
				sc.Mesh = append(sc.Mesh, p)
			}
		}
		if len(sc.Mesh) == 0 {
			return notPublished(s, all)
		}
	}
	if q.Mesh {
		sc.Mesh = append(sc.Mesh, slices.DeleteFunc(publishing(s, slices.Concat(sc.FromServices, sc.ToServices)), func(p Published) bool {
			return p.Network == ""
		})...)
	}
	alone := q.To == "" && !q.All
	for _, p := range sc.Mesh {
		if alone && !slices.Contains(sc.ToServices, p.Service) {
			sc.To = append(sc.To, serviceEnds(s, p.Service)...)
			sc.ToServices = append(sc.ToServices, p.Service)
		}
	}
	if len(sc.Mesh) > 0 && s.Wanted != nil {
		sc.Nodes = entrances(s)
	}
	return nil
}

// entrances are the nodes that the routing mesh listens on: all that are not
// down, drained ones too; these only where they were asked for, because no agent
// runs there.
func entrances(s *fact.Snapshot) []fact.NodeID {
	var out []fact.NodeID
	for _, n := range s.Wanted.Nodes {
		if n.State == "ready" && (n.Availability != "drain" || !s.Question.Mesh) {
			out = append(out, n.ID)
		}
	}
	return out
}

func notPublished(s *fact.Snapshot, all []Published) error {
	q := s.Question
	e := &NameError{What: "published port", Name: fmt.Sprintf(":%d", q.Published), Why: "is not published by any service"}
	if q.PublishedProto != "" {
		e.Name += "/" + q.PublishedProto
	}
	if s.Wanted == nil {
		e.Why = "cannot be looked up: the managers do not answer, and they alone know what is published"
		return e
	}
	var list []string
	for _, p := range all {
		one := p.String()
		if p.Port.Mode == "host" {
			one += " (host mode)"
		}
		list = append(list, one)
	}
	switch n := len(list); {
	case n == 0:
		e.Why = "is not published: no service publishes any port"
	case n > 12:
		e.Why += fmt.Sprintf("; published are %s and %d more", strings.Join(list[:12], ", "), n-12)
	default:
		e.Why += "; published are " + strings.Join(list, ", ")
	}
	return e
}

// RequestsEach is how many requests one source may make to one target in one
// look; two looks stay within the 10 of a run.
const RequestsEach = 5

// MaxRequests is how many requests one node's published port gets in one look.
const MaxRequests = 20

// requests is how many requests each node gets: twice the number of backends,
// so that round robin meets every backend (runbook I2).
func requests(s *fact.Snapshot, p Published) int {
	n := 0
	for _, e := range serviceEnds(s, p.Service) {
		if e.Running {
			n++
		}
	}
	return min(MaxRequests, max(1, 2*n))
}

// Mesh plans the requests to every node's published port: from other nodes that
// were seen, in turn, and from each seen node to itself, which is another way.
func Mesh(s *fact.Snapshot, sc *Scope) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	for _, p := range sc.Mesh {
		for _, id := range sc.Nodes {
			out = append(out, p.ask(s, id)...)
		}
		out = append(out, p.backends(s)...)
	}
	out = append(out, virtual(s, sc)...)
	if s.Question.All {
		return frugal(out)
	}
	return out
}

// frugal keeps a look at the whole Swarm small: one request a probe, and no
// more than MaxTCP probes.
func frugal(list []fact.PublishedProbe) []fact.PublishedProbe {
	for i := range list {
		list[i].Count = 1
	}
	return list[:min(MaxTCP, len(list))]
}

// Onward reports whether what was asked is whole and one of its ends publishes
// a port through the routing mesh, so that the runbook goes on to part I (U4).
func Onward(s *fact.Snapshot, sc *Scope) bool {
	q := s.Question
	if q.All || q.To == "" || q.Published != 0 || q.Mesh || len(s.Seen.TCP) == 0 {
		return false
	}
	if slices.ContainsFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.Outcome != fact.Open }) {
		return false
	}
	return slices.ContainsFunc(publishing(s, slices.Concat(sc.FromServices, sc.ToServices)), func(p Published) bool { return p.Network != "" })
}

// ask plans the requests to one node.
func (p Published) ask(s *fact.Snapshot, id fact.NodeID) []fact.PublishedProbe {
	addr := HostAddr(s, id)
	if !addr.IsValid() {
		return nil
	}
	base := p.probe(s, fact.StageNode, netip.AddrPortFrom(addr, p.Port.Published))
	base.Node = id
	var others []fact.PublishedProbe
	var own []fact.PublishedProbe
	for i := range s.Nodes {
		n := &s.Nodes[i]
		host := n.Kernel.Host()
		if host == nil {
			continue
		}
		one := base
		one.From = fact.Source{Node: n.Name, NetNS: host.Name}
		if n.ID == id {
			one.Stage, one.Count = fact.StageSelf, min(RequestsEach, requests(s, p))
			own = append(own, one)
			continue
		}
		others = append(others, one)
	}
	return append(spread(others, requests(s, p), id), own...)
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
func (p Published) probe(s *fact.Snapshot, st fact.Stage, to netip.AddrPort) fact.PublishedProbe {
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
	n := requests(s, Published{Service: svc.ID})
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
func (p Published) backends(s *fact.Snapshot) []fact.PublishedProbe {
	if p.Network == "" || p.Port.Proto != "tcp" {
		return nil
	}
	var out []fact.PublishedProbe
	ends := serviceEnds(s, p.Service)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		ns := IngressSandbox(n)
		if ns == nil {
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
		if v := IngressVirtual(n, &p); v != nil {
			for _, b := range v.Backends {
				to(b.Addr.Addr(), "", "")
			}
		}
	}
	return out
}

// IngressSandbox is a node's namespace of the routing mesh, or nil.
func IngressSandbox(n *fact.Node) *fact.NetNS {
	if n.Kernel == nil {
		return nil
	}
	for i := range n.Kernel.Namespaces {
		if ns := &n.Kernel.Namespaces[i]; ns.Role == fact.RoleIngress {
			return ns
		}
	}
	return nil
}

// MeshStages plans what isolates one stage each, where something failed: the
// ingress sandbox from its host, and the application from inside its task.
func MeshStages(s *fact.Snapshot, sc *Scope) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	for _, p := range sc.Mesh {
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

func (p Published) sandboxes(s *fact.Snapshot) []fact.PublishedProbe {
	var out []fact.PublishedProbe
	for i := range s.Nodes {
		n := &s.Nodes[i]
		at := SandboxAddr(n)
		if p.Network == "" || !at.IsValid() {
			continue
		}
		q := p.probe(s, fact.StageSandbox, netip.AddrPortFrom(at, p.Port.Published))
		q.From, q.Node, q.Count = fact.Source{Node: n.Name, NetNS: n.Kernel.Host().Name}, n.ID, min(RequestsEach, requests(s, p))
		out = append(out, q)
	}
	return out
}

// inside asks each seen task on its own loopback, where nothing but the
// application can be in the way.
func (p Published) inside(s *fact.Snapshot) []fact.PublishedProbe {
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

// GatewayBridge is the name of the bridge that every task and the ingress
// sandbox have their second leg on (all versions).
const GatewayBridge = "docker_gwbridge"

// SandboxAddr is the address of a node's ingress sandbox on the gateway bridge,
// found by the bridge's own subnet; not valid when there is none or it was not
// read.
func SandboxAddr(n *fact.Node) netip.Addr {
	host, ns := n.Kernel.Host(), IngressSandbox(n)
	if host == nil || ns == nil {
		return netip.Addr{}
	}
	bridge := host.LinkNamed(GatewayBridge)
	if bridge == nil {
		return netip.Addr{}
	}
	for _, sub := range bridge.Addrs {
		for i := range ns.Links {
			for _, a := range ns.Links[i].Addrs {
				if sub.Addr().Is4() && sub.Contains(a.Addr()) {
					return a.Addr()
				}
			}
		}
	}
	return netip.Addr{}
}
