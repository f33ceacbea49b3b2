package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// mostRows bounds one listing; rows that the evidence names come first.
const mostRows = 100

// versions is one line a node, those that nobody looked at too.
func (b *bug) versions() []Listing {
	l := Listing{Title: "node, role, engine, API, kernel, OS/arch"}
	told := map[fact.NodeID]bool{}
	for i := range b.s.Nodes {
		n := &b.s.Nodes[i]
		told[n.ID] = true
		role, e := "", n.Engine
		if w := b.s.Wanted.Node(n.ID); w != nil {
			role = w.Role
			if w.Leader {
				role += ", leader"
			}
		}
		if e == nil {
			l.Lines = append(l.Lines, fmt.Sprintf("%s (%s): engine not asked", n.Name, cmp.Or(role, "role not known")))
			continue
		}
		l.Lines = append(l.Lines, fmt.Sprintf("%s (%s): Docker %s, API %s, kernel %s, %s/%s", n.Name, cmp.Or(role, "role not known"), e.Version, e.APIVersion,
			cmp.Or(e.KernelVersion, kernelRelease(n)), e.OS, e.Arch))
	}
	if b.s.Wanted != nil {
		for _, w := range b.s.Wanted.Nodes {
			if !told[w.ID] {
				l.Lines = append(l.Lines, fmt.Sprintf("%s (%s): Docker %s, %s/%s (by the managers, not looked at)", w.Hostname, w.Role, w.EngineVersion, w.OS, w.Arch))
			}
		}
	}
	if len(l.Lines) == 0 {
		return nil
	}
	return []Listing{l}
}

func kernelRelease(n *fact.Node) string {
	if n.Kernel == nil {
		return "not known"
	}
	return n.Kernel.Release
}

// info is what of `docker info` matters to a network, of all nodes that were
// looked at, those at both ends first.
func (b *bug) info() []Listing {
	list := slices.Clone(b.nodes)
	for i := range b.s.Nodes {
		if n := &b.s.Nodes[i]; !slices.Contains(list, n) && len(list) < mostBugInfos {
			list = append(list, n)
		}
	}
	var out []Listing
	for _, n := range list {
		if n.Engine != nil {
			out = append(out, b.infoOf(n))
		}
	}
	return out
}

func (b *bug) infoOf(n *fact.Node) Listing {
	e := n.Engine
	l := Listing{Title: "docker info, what matters here", Node: n.Name}
	add := func(key, format string, args ...any) {
		if value := fmt.Sprintf(format, args...); value != "" {
			l.Lines = append(l.Lines, key+": "+value)
		}
	}
	add("Server Version", "%s", e.Version)
	add("Kernel Version", "%s", cmp.Or(e.KernelVersion, kernelRelease(n)))
	add("OSType", "%s", e.OS)
	add("Architecture", "%s", e.Arch)
	add("Name", "%s", e.Name)
	add("Docker Root Dir", "%s", e.RootDir)
	add("Live Restore Enabled", "%t", e.LiveRestore)
	add("Rootless", "%t", e.Rootless)
	add("Writes iptables rules", "%s", cmp.Or(e.WritesRules, "not known"))
	add("Containers running", "%d", len(e.Containers))
	add("Swarm", "%s", e.Swarm.State)
	add("  NodeID", "%s", e.Swarm.NodeID)
	add("  Is Manager", "%t", e.Swarm.Manager)
	add("  Node Address", "%s", e.Swarm.NodeAddr)
	add("  Error", "%s", e.Swarm.Error)
	if b.s.Wanted != nil {
		add("  Data Path Port", "%d", b.s.Wanted.DataPathPort)
		add("  Nodes", "%d", len(b.s.Wanted.Nodes))
	}
	if n.Kernel != nil {
		add("Machine", "%s", n.Kernel.Vendor)
	}
	return l
}

// tables are gossip's, as `docker network inspect -v` shows them.
func (b *bug) tables() []Listing {
	var out []Listing
	for _, n := range b.nodes {
		for _, id := range b.nets {
			net := n.Engine.Network(id)
			if net == nil {
				continue
			}
			l := Listing{Title: "docker network inspect -v " + fact.Quoted(net.Name) + " (peers, endpoints, services)", Node: n.Name}
			if !net.Instantiated {
				l.Lines = append(l.Lines, "this node has no endpoint there, so its tables are empty")
			}
			for _, p := range net.Peers {
				l.Lines = append(l.Lines, fmt.Sprintf("peer %s %s", p.IP, p.Name))
			}
			for _, e := range net.Endpoints {
				l.Lines = append(l.Lines, fmt.Sprintf("endpoint %s %s mac %s id %.12s", e.Name, e.Addr, e.MAC, e.ID))
			}
			for _, s := range net.Services {
				l.Lines = append(l.Lines, fmt.Sprintf("service %q vip %s fwmark %d", s.Name, addrOrNone(s.VIP), s.FWMark))
				for _, t := range s.Tasks {
					l.Lines = append(l.Lines, fmt.Sprintf("  task %s %s at %s endpoint %.12s", t.Name, t.IP, t.HostIP, t.Endpoint))
				}
			}
			l.Lines = b.cut(l.Lines)
			out = append(out, l)
		}
	}
	return out
}

func addrOrNone(a netip.Addr) string {
	if !a.IsValid() {
		return "none"
	}
	return a.String()
}

// kernel is what the kernels at both ends hold of the networks in question.
func (b *bug) kernel() []Listing {
	var out []Listing
	add := func(n *fact.Node, ns *fact.NetNS, command string, kind fact.Kind, lines []string) {
		if g := b.s.Missing(n.Name, ns.Name, kind); g != nil && len(lines) == 0 {
			lines = []string{"not seen: " + fact.OneLine(g.Reason)}
		}
		if len(lines) > 0 {
			out = append(out, Listing{Title: command + " in " + fact.Quoted(ns.Name), Node: n.Name, Lines: b.cut(lines)})
		}
	}
	for _, n := range b.nodes {
		if n.Kernel == nil {
			continue
		}
		for i := range n.Kernel.Namespaces {
			ns := &n.Kernel.Namespaces[i]
			balancer := ns.Role == fact.RoleLB || ns.Role == fact.RoleIngress
			if !slices.Contains(b.nets, ns.Network) || ns.Role != fact.RoleOverlay && !balancer {
				continue
			}
			add(n, ns, "ip -d link show", fact.KindLinks, bugLinks(ns))
			if ns.Role == fact.RoleOverlay {
				add(n, ns, "bridge fdb show", fact.KindFDB, bugFDB(ns))
				add(n, ns, "ip neigh show", fact.KindNeighbours, bugNeighbours(ns))
				continue
			}
			add(n, ns, "ipvsadm -L -n", fact.KindIPVS, bugIPVS(ns.IPVS))
			add(n, ns, "iptables-save", fact.KindRules, bugRules(ns.Netfilter, ""))
		}
		if host := n.Kernel.Host(); host != nil && b.entering() {
			add(n, host, "iptables-save | grep DOCKER-INGRESS", fact.KindRules, bugRules(host.Netfilter, "DOCKER-INGRESS"))
		}
	}
	return out
}

// entering: requests come in through published ports.
func (b *bug) entering() bool {
	return len(b.sc.Mesh) > 0 || slices.ContainsFunc(b.nets, func(id fact.NetworkID) bool {
		n := expect.Network(b.s, id)
		return n != nil && n.Ingress
	})
}

// cut bounds rows; those with an address that the evidence names stay.
func (b *bug) cut(rows []string) []string {
	if len(rows) <= mostRows {
		return rows
	}
	var named []string
	for i := range b.r.Causes {
		for _, e := range b.r.Causes[i].Evidence {
			for _, w := range strings.FieldsFunc(e.Want+" "+e.Got, func(r rune) bool { return strings.ContainsRune(" ,()→/", r) }) {
				if strings.ContainsAny(w, ".:") && strings.ContainsAny(w, "0123456789") {
					named = append(named, w)
				}
			}
		}
	}
	first := func(row string) bool {
		return slices.ContainsFunc(named, func(w string) bool { return strings.Contains(row, w) })
	}
	out := slices.DeleteFunc(slices.Clone(rows), func(r string) bool { return !first(r) })
	rest := slices.DeleteFunc(slices.Clone(rows), first)
	if len(out) < mostRows {
		out = append(out, rest[:min(len(rest), mostRows-len(out))]...)
	}
	return append(out[:mostRows], fmt.Sprintf("… and %d rows more", len(rows)-mostRows))
}

func bugLinks(ns *fact.NetNS) []string {
	var out []string
	for i := range ns.Links {
		l := &ns.Links[i]
		row := fmt.Sprintf("%d: %s mtu %d %s %s", l.Index, l.Name, l.MTU, upOrDown(l), cmp.Or(l.Kind, "nic"))
		if m := ns.Link(l.Master); l.Master != 0 && m != nil {
			row += " master " + m.Name
		}
		if v := l.VXLAN; v != nil {
			row += fmt.Sprintf(" id %d dstport %d learning=%t proxy=%t l2miss=%t l3miss=%t", v.ID, v.Port, v.Learning, v.Proxy, v.L2Miss, v.L3Miss)
		}
		if !l.MAC.IsZero() {
			row += " link/ether " + l.MAC.String()
		}
		for _, a := range l.Addrs {
			row += " inet " + a.String()
		}
		out = append(out, row)
	}
	return out
}

func upOrDown(l *fact.Link) string {
	switch {
	case !l.Up:
		return "DOWN"
	case !l.Carrier:
		return "UP,NO-CARRIER"
	}
	return "UP"
}

func linkName(ns *fact.NetNS, index int) string {
	if l := ns.Link(index); l != nil {
		return l.Name
	}
	return fmt.Sprintf("if%d", index)
}

func bugFDB(ns *fact.NetNS) []string {
	var out []string
	for _, e := range ns.FDB {
		row := fmt.Sprintf("%s dev %s", e.MAC, linkName(ns, e.Link))
		if e.Dst.IsValid() {
			row += " dst " + e.Dst.String()
		}
		if l := ns.Link(e.Link); !e.Self && l != nil && l.Master != 0 {
			row += " master " + linkName(ns, l.Master)
		}
		if e.Self {
			row += " self"
		}
		if e.Permanent {
			row += " permanent"
		}
		out = append(out, row)
	}
	return out
}

func bugNeighbours(ns *fact.NetNS) []string {
	var out []string
	for _, e := range ns.Neighbours {
		row := fmt.Sprintf("%s dev %s", e.IP, linkName(ns, e.Link))
		if !e.MAC.IsZero() {
			row += " lladdr " + e.MAC.String()
		}
		out = append(out, row+" "+string(e.State))
	}
	return out
}

func bugIPVS(v *fact.IPVS) []string {
	if v == nil {
		return nil
	}
	var out []string
	for i := range v.Services {
		s := &v.Services[i]
		out = append(out, fmt.Sprintf("%s %s", virtualName(s), s.Scheduler))
		for _, r := range s.Backends {
			out = append(out, fmt.Sprintf("  -> %s %s weight %d active %d inactive %d", r.Addr, r.Forward, r.Weight, r.Active, r.Inactive))
		}
	}
	return out
}

// virtualName is a virtual service as ipvsadm names it.
func virtualName(s *fact.VirtualService) string {
	if s.Mark != 0 {
		return fmt.Sprintf("FWM %d %s", s.Mark, s.Family)
	}
	return strings.ToUpper(s.Proto) + " " + s.Addr.String()
}

// bugRules are a namespace's rules as iptables-save writes them, of chains whose
// name or jump holds a word; "" for all.
func bugRules(nf *fact.Netfilter, word string) []string {
	if nf == nil {
		return nil
	}
	var out []string
	for _, t := range nf.Tables {
		head := fmt.Sprintf("*%s (%s, %s)", t.Name, t.Backend, t.Family)
		for _, c := range t.Chains {
			if c.Policy != "" && word == "" {
				out, head = heading(out, head), ""
				out = append(out, fmt.Sprintf(":%s %s", c.Name, strings.ToUpper(c.Policy)))
			}
			for _, r := range c.Rules {
				line := r.Line(c.Name)
				if word != "" && !strings.Contains(line, word) {
					continue
				}
				out, head = heading(out, head), ""
				if r.Hits.Counted {
					line = fmt.Sprintf("[%d:%d] %s", r.Hits.Packets, r.Hits.Bytes, line)
				}
				out = append(out, line)
			}
		}
	}
	return out
}

func heading(out []string, head string) []string {
	if head == "" {
		return out
	}
	return append(out, head)
}
