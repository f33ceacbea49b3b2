package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// held is what a node's kernel holds, namespace by namespace. Rows that the kernel
// learns and forgets by itself are left out: they come and go with traffic.
func (l *things) held(n *fact.Node) {
	l.add("kernel", thing{picture: "held", node: n.Name, label: "kernel", kind: fact.KindKernel}, n.Kernel.Release)
	for _, f := range n.Kernel.Features {
		l.add("feature "+f.Name, thing{picture: "held", node: n.Name, label: "kernel: " + f.Name, kind: fact.KindKernel},
			map[bool]string{true: "there", false: "absent"}[f.Present])
	}
	for i := range n.Kernel.Namespaces {
		ns := &n.Kernel.Namespaces[i]
		label, owner := l.space(n, ns)
		if label == "" {
			continue
		}
		h := &space{l: l, node: n, ns: ns, label: label, owner: owner}
		h.parent = l.add("namespace "+label, thing{picture: "held", node: n.Name, label: "namespace " + label, owner: owner, kind: fact.KindKernel}, "")
		h.all()
	}
}

// space is a namespace of one node.
type space struct {
	l                    *things
	node                 *fact.Node
	ns                   *fact.NetNS
	label, owner, parent string
}

// space names a namespace so that it is the same after a restart of the engine,
// and says whose it is; those of nobody have no name.
func (l *things) space(n *fact.Node, ns *fact.NetNS) (label, owner string) {
	switch ns.Role {
	case fact.RoleHost:
		return "host", ""
	case fact.RoleOverlay:
		return "overlay " + expect.NetworkName(l.s, ns.Network), ""
	case fact.RoleLB:
		return "balancer of " + expect.NetworkName(l.s, ns.Network), ""
	case fact.RoleIngress:
		return "ingress_sbox", ""
	case fact.RoleContainer:
		for _, id := range ns.Containers {
			if c := n.Engine; c != nil && c.Container(id) != nil {
				return "of " + l.named(c.Container(id).Name), string(id)
			}
		}
	}
	return "", ""
}

// add puts in what a namespace holds.
func (h *space) add(kind fact.Kind, what, value string) { h.put(kind, what, value, thing{}) }

// put adds what more there is to say of a thing: its label is what and whatever
// stands in the label already, which names it and does not tell it apart.
func (h *space) put(kind fact.Kind, what, value string, t thing) {
	t.picture, t.node, t.parent, t.owner, t.kind, t.ns = "held", h.node.Name, h.parent, h.owner, kind, h.ns.Name
	t.label = strings.TrimPrefix(h.label+": ", "host: ") + what + t.label
	h.l.add(h.label+"|"+what, t, value)
}

func (h *space) all() {
	h.links()
	for _, r := range h.ns.Routes {
		if (r.Table == 254 || r.Table == 0) && !r.Dst.Addr().IsLinkLocalUnicast() {
			h.add(fact.KindRoutes, "route to "+routeTo(&r), strings.TrimSpace(fmt.Sprintf("%s dev %s type %d", viaOf(&r), h.linkLabel(r.Link), r.Type)))
		}
	}
	for _, e := range h.ns.FDB {
		if e.Permanent && e.Dst.IsValid() {
			h.put(fact.KindFDB, "forwarding row "+e.MAC.String(), "→ "+e.Dst.String(), thing{label: h.l.whose(h.ns.Network, e.MAC)})
		}
	}
	for _, e := range h.ns.Neighbours {
		if !e.MAC.IsZero() {
			h.put(fact.KindNeighbours, "neighbour "+e.IP.String(), e.MAC.String(), thing{label: h.l.at(h.ns.Network, e.IP), fleeting: e.State != fact.Permanent})
		}
	}
	for _, s := range h.ns.Sysctls {
		if strings.HasSuffix(s.Key, "_count") { // a figure, not a setting
			continue
		}
		h.add(fact.KindSysctls, s.Key, s.Value)
	}
	for _, s := range h.ns.Sockets {
		if s.Proto == "tcp" && s.Local.Addr().String() != "127.0.0.11" {
			h.add(fact.KindSockets, "listener "+s.Local.String(), "")
			if s.Owner != "" { // looked up where the question needs it
				h.put(fact.KindSockets, "owner of listener "+s.Local.String(), s.Owner, thing{fleeting: true})
			}
		}
	}
	if r := h.ns.Resolv; r != nil { // read of the tasks in question only
		h.put(fact.KindResolv, "resolv.conf", fmt.Sprintf("nameserver %v search %v options %v", r.Nameservers, r.Search, r.Options), thing{fleeting: true})
	}
	h.balancing()
	h.rules()
}

func routeTo(r *fact.Route) string {
	if !r.Dst.IsValid() {
		return "anywhere"
	}
	return r.Dst.String()
}

func viaOf(r *fact.Route) string {
	if !r.Gateway.IsValid() {
		return ""
	}
	return "via " + r.Gateway.String()
}

// links are those with a name that lasts; veth are counted by their state, as the
// engine draws their names by lot.
func (h *space) links() {
	for i := range h.ns.Links {
		k := &h.ns.Links[i]
		if k.Kind == "veth" && h.ns.Role != fact.RoleContainer {
			continue
		}
		value := []string{k.Kind, upOrDown(k), fmt.Sprintf("mtu %d", k.MTU)}
		if m := h.ns.Link(k.Master); k.Master != 0 && m != nil {
			value = append(value, "in "+m.Name)
		}
		if v := k.VXLAN; v != nil {
			value = append(value, fmt.Sprintf("VNI %d port %d learning %t", v.ID, v.Port, v.Learning))
		}
		if !k.MAC.IsZero() && k.VXLAN == nil && k.Kind != "bridge" { // both are random, or the lowest of their ports'
			value = append(value, k.MAC.String())
		}
		addrs := make([]string, 0, len(k.Addrs))
		for _, a := range k.Addrs {
			if !a.Addr().IsLinkLocalUnicast() {
				addrs = append(addrs, a.String())
			}
		}
		slices.Sort(addrs)
		h.add(fact.KindLinks, "link "+k.Name, strings.Join(slices.DeleteFunc(append(value, addrs...), func(s string) bool { return s == "" }), ", "))
		for _, o := range k.Offload {
			h.add(fact.KindOffload, "link "+k.Name+": "+o.Name, map[bool]string{true: "on", false: "off"}[o.On])
		}
	}
	h.ports()
}

func (h *space) ports() {
	count := map[string]int{}
	for i := range h.ns.Links {
		k := &h.ns.Links[i]
		if k.Kind != "veth" || h.ns.Role == fact.RoleContainer {
			continue
		}
		bridge := "no bridge"
		if m := h.ns.Link(k.Master); k.Master != 0 && m != nil {
			bridge = m.Name
		}
		count[upOrDown(k)+" in "+bridge]++
	}
	if len(count) == 0 {
		return
	}
	for state, n := range count {
		h.add(fact.KindLinks, "veth links", fmt.Sprintf("%d %s", n, state))
	}
}

func (h *space) linkLabel(index int) string {
	if k := h.ns.Link(index); k != nil && k.Kind == "veth" && h.ns.Role != fact.RoleContainer {
		return "veth"
	}
	return linkName(h.ns, index)
}

func (h *space) balancing() {
	if h.ns.IPVS == nil {
		return
	}
	for i := range h.ns.IPVS.Services {
		s := &h.ns.IPVS.Services[i]
		name, note := "virtual service "+virtualName(s), h.marked(s.Mark)
		h.put(fact.KindIPVS, name, s.Scheduler, thing{label: note})
		for _, r := range s.Backends {
			h.put(fact.KindIPVS, name+": backend "+r.Addr.Addr().String(), fmt.Sprintf("%s, weight %d", r.Forward, r.Weight), thing{label: h.l.at(h.ns.Network, r.Addr.Addr()) + note})
		}
	}
}

// marked names the service that a mark of this node is for.
func (h *space) marked(mark uint32) string {
	if h.node.Engine == nil || mark == 0 {
		return ""
	}
	for i := range h.node.Engine.Networks {
		net := &h.node.Engine.Networks[i]
		for _, s := range net.Services {
			if s.FWMark == mark && s.Name != "" && (h.ns.Network == "" || h.ns.Network == net.ID) {
				return " (" + s.Name + ")"
			}
		}
	}
	return ""
}

// rules are told one by one; a chain whose rules only stand in another order is
// told as that.
func (h *space) rules() {
	if h.ns.Netfilter == nil {
		return
	}
	for i := range h.ns.Netfilter.Tables {
		t := &h.ns.Netfilter.Tables[i]
		for k := range t.Chains {
			h.chain(t, &t.Chains[k])
		}
	}
}

func (h *space) chain(t *fact.RuleTable, c *fact.Chain) {
	name := fmt.Sprintf("%s table %s", cmp.Or(t.Family, "ip"), t.Name)
	if t.Backend != "" {
		name += " (" + string(t.Backend) + ")"
	}
	if c.Policy != "" {
		h.add(fact.KindRules, fmt.Sprintf("%s: policy of %s", name, c.Name), c.Policy)
	}
	var lines []string
	for _, r := range c.Rules {
		line := r.Line(c.Name)
		lines = append(lines, line)
		h.add(fact.KindRules, name+": "+line, "there")
	}
	if len(lines) > 1 {
		h.put(fact.KindRules, fmt.Sprintf("%s: order of the rules of %s", name, c.Name), "", thing{order: lines})
	}
}
