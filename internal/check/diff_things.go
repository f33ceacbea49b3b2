package check

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// thing is one fact that two snapshots may both have.
type thing struct {
	picture, node, label string
	values               []string
	// parent is the key of what it belongs to: with its parent gone it is not told.
	parent string
	// owner tells what has the same name and is another's: a task that was replaced.
	owner string
	// fleeting things come and go with what was asked: only a change is told.
	fleeting bool
	// order are rows whose order matters, and that are things of their own.
	order []string
	// kind and ns say what hides it.
	kind fact.Kind
	ns   string
}

func (t *thing) value() string {
	slices.Sort(t.values)
	return strings.Join(slices.DeleteFunc(slices.Clone(t.values), func(v string) bool { return v == "" }), "; ")
}

// things are what one snapshot holds, by key.
type things struct {
	s      *fact.Snapshot
	of     map[string]*thing
	order  []string
	hidden []hiding
	// tasks are the running tasks by network and address, for names of rows.
	tasks map[addressOn]string
}

type addressOn struct {
	net fact.NetworkID
	ip  netip.Addr
}

// at names the task that has an address, in brackets; empty where none is known.
func (l *things) at(net fact.NetworkID, ip netip.Addr) string {
	if name := l.tasks[addressOn{net, ip}]; name != "" {
		return " (" + name + ")"
	}
	return ""
}

// whose names the task that has a MAC on an overlay.
func (l *things) whose(net fact.NetworkID, m fact.MAC) string {
	if m[0] != 0x02 || m[1] != 0x42 {
		return ""
	}
	return l.at(net, netip.AddrFrom4([4]byte(m[2:])))
}

type hiding struct {
	node, ns string
	kind     fact.Kind
}

// add puts a thing in; several of one key are one with all their values.
func (l *things) add(key string, t thing, value string) string {
	key = t.picture + "|" + t.node + "|" + key
	if have := l.of[key]; have != nil {
		have.values = append(have.values, value)
		return key
	}
	t.values = []string{value}
	l.of[key] = &t
	l.order = append(l.order, key)
	return key
}

// saw: this snapshot looked where the thing would be.
func (l *things) saw(t *thing) bool {
	if t.picture == "wanted" {
		return l.s.Wanted != nil
	}
	n := l.s.NodeNamed(t.node)
	switch {
	case n == nil:
		return false
	case t.picture == "believed" && n.Engine == nil, t.picture == "held" && n.Kernel == nil, t.picture == "said" && n.Said == nil:
		return false
	}
	return l.s.Missing(t.node, t.ns, t.kind) == nil
}

func inventory(s *fact.Snapshot) *things {
	l := &things{s: s, of: map[string]*thing{}, tasks: map[addressOn]string{}}
	for _, g := range s.Gaps {
		if g.Node != "" && g.Class != fact.ClassAside && g.Kind != fact.KindNode {
			l.hidden = append(l.hidden, hiding{g.Node, g.NetNS, g.Kind})
		}
	}
	if s.Wanted != nil {
		l.wanted(s.Wanted)
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Engine != nil {
			l.believed(n)
		}
		if n.Kernel != nil {
			l.held(n)
		}
		if n.Said != nil {
			l.said(n)
		}
	}
	l.seen()
	return l
}

func (l *things) wanted(w *fact.Wanted) {
	add := func(parent, name, what, value string) string {
		label := strings.TrimSuffix(name+": "+what, ": ")
		return l.add(label, thing{picture: "wanted", label: label, parent: parent}, value)
	}
	for _, n := range w.Nodes {
		p := add("", "node "+n.Hostname, "", "")
		for _, f := range [][2]string{{"role", n.Role}, {"availability", n.Availability}, {"state", n.State}, {"reachability", n.Reachability},
			{"engine", n.EngineVersion}, {"address", addrOrNone(n.Addr)}, {"leader", fmt.Sprint(n.Leader)}} {
			add(p, "node "+n.Hostname, f[0], f[1])
		}
	}
	for i := range w.Networks {
		n := &w.Networks[i]
		p := add("", "network "+n.Name, "", fmt.Sprintf("id %.12s", n.ID))
		add(p, "network "+n.Name, "definition", networkCommand(n))
		add(p, "network "+n.Name, "VNIs", fmt.Sprint(n.VNIs))
	}
	for i := range w.Services {
		l.wantedService(&w.Services[i], add)
	}
	l.wantedTasks(w, add)
}

func (l *things) wantedService(s *fact.Service, add func(parent, name, what, value string) string) {
	name := "service " + s.Name
	p := add("", name, "", fmt.Sprintf("id %.12s", s.ID))
	add(p, name, "mode", strings.TrimSuffix(fmt.Sprintf("%s, %d wanted", s.Mode, s.Replicas), ", 0 wanted"))
	add(p, name, "endpoint mode", s.EndpointMode)
	for _, port := range s.Ports {
		add(p, name, fmt.Sprintf("port %d/%s", port.Target, port.Proto), fmt.Sprintf("published on %d, mode %s", port.Published, port.Mode))
	}
	for _, v := range s.VIPs {
		add(p, name, "virtual IP on "+expect.NetworkName(l.s, v.Network), v.Addr.Addr().String())
	}
	for _, a := range s.Attached {
		add(p, name, "on network "+expect.NetworkName(l.s, a.Network), strings.Join(a.Aliases, " "))
	}
	add(p, name, "placement", strings.Join(s.Constraints, ", "))
	add(p, name, "update", s.UpdateState)
}

// wantedTasks pairs tasks by service and slot: a task that was replaced is the
// same one with another ID.
func (l *things) wantedTasks(w *fact.Wanted, add func(parent, name, what, value string) string) {
	bad := map[string]int{}
	for i := range w.Tasks {
		t := &w.Tasks[i]
		if slices.Contains([]string{"failed", "rejected", "orphaned"}, t.State) {
			bad[t.Service]++
		}
		if t.Desired != "running" || t.Terminal() {
			continue
		}
		name := "task " + l.short(t)
		p := add("", name, "", fmt.Sprintf("id %.12s", t.ID))
		add(p, name, "node", expect.NodeName(l.s, t.Node))
		add(p, name, "state", t.State)
		for _, a := range t.Addresses {
			l.tasks[addressOn{a.Network, a.Addr.Addr()}] = l.short(t)
			add(p, name, "address on "+expect.NetworkName(l.s, a.Network), a.Addr.Addr().String())
		}
	}
	for i := range w.Services {
		if s := &w.Services[i]; s.Name != "" {
			add("", "service "+s.Name, "failed tasks that the managers still keep", fmt.Sprint(bad[s.Name]))
		}
	}
}

// short is a task's name without its ID; that of a global service names its host.
func (l *things) short(t *fact.Task) string {
	if t.Slot == 0 && t.Node != "" {
		return t.Service + "." + expect.NodeName(l.s, t.Node)
	}
	return expect.ShortName(t)
}

// named is a name that others gave a task's endpoint or container, without the ID.
func (l *things) named(name string) string {
	if n, ok := expect.ParseTaskName(name); ok {
		// The slot of a global service is its node's ID.
		return n.Service + "." + expect.NodeName(l.s, fact.NodeID(n.Slot))
	}
	return name
}

func (l *things) believed(n *fact.Node) {
	e := n.Engine
	add := func(parent, label string, kind fact.Kind, value string) string {
		return l.add(label, thing{picture: "believed", node: n.Name, label: label, parent: parent, kind: kind}, value)
	}
	add("", "engine: version", fact.KindInfo, e.Version)
	add("", "engine: place in the Swarm", fact.KindInfo, strings.TrimSuffix(fmt.Sprintf("%s, address %s: %s", e.Swarm.State, addrOrNone(e.Swarm.NodeAddr), e.Swarm.Error), ": "))
	add("", "engine: settings", fact.KindInfo, fmt.Sprintf("live restore %t, rootless %t, writes rules %q", e.LiveRestore, e.Rootless, e.WritesRules))
	for _, c := range e.Containers {
		add("", "container "+l.named(c.Name), fact.KindContainers, strings.TrimSuffix(c.State+", "+c.Health, ", "))
	}
	for i := range e.Networks {
		l.believedNetwork(&e.Networks[i], add)
	}
}

func (l *things) believedNetwork(net *fact.EngineNetwork, add func(parent, label string, kind fact.Kind, value string) string) {
	if net.Driver != "overlay" {
		return
	}
	name := "network " + net.Name
	p := add("", name, fact.KindNetworks, map[bool]string{true: "in use", false: "not in use here"}[net.Instantiated])
	if !net.Instantiated {
		return
	}
	for _, peer := range net.Peers {
		add(p, name+": peer "+peer.IP.String(), fact.KindNetworks, peer.Name)
	}
	for _, e := range net.Endpoints {
		add(p, name+": endpoint "+l.named(e.Name), fact.KindNetworks, e.Addr.Addr().String()+" "+e.MAC.String())
	}
	for _, s := range net.Services {
		sp := p
		if s.Name != "" {
			sp = add(p, fmt.Sprintf("%s: service %s", name, s.Name), fact.KindNetworks, fmt.Sprintf("virtual IP %s, mark %d", addrOrNone(s.VIP), s.FWMark))
		}
		for _, t := range s.Tasks {
			add(sp, fmt.Sprintf("%s: name %s", name, l.named(t.Name)), fact.KindNetworks, fmt.Sprintf("%s at %s", t.IP, addrOrNone(t.HostIP)))
		}
	}
}

func (l *things) said(n *fact.Node) {
	count := map[string]int{}
	for _, st := range n.Said.Statements {
		if !st.Benign {
			count[st.ID]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(count)) {
		l.add(id, thing{picture: "said", node: n.Name, label: id, kind: fact.KindLogs}, fmt.Sprintf("%d %s", count[id], plural(count[id], "time", "times")))
	}
}

// seen are the outcomes of probes. Which were made depends on the question.
func (l *things) seen() {
	add := func(node, label, value string) {
		l.add(label, thing{picture: "seen", node: node, label: label, fleeting: true}, value)
	}
	for i := range l.s.Seen.TCP {
		p := &l.s.Seen.TCP[i]
		add(p.From.Node, fmt.Sprintf("connection %s → %s port %d on %s", l.source(&p.From), l.task(p.To), p.Target.Port(), expect.NetworkName(l.s, p.Network)), string(p.Outcome))
	}
	for i := range l.s.Seen.DNS {
		p := &l.s.Seen.DNS[i]
		value := string(p.Outcome)
		if p.Outcome == fact.Open {
			value = dnsAnswer(p)
		}
		add(p.From.Node, fmt.Sprintf("DNS %s %s in %s", p.Name, p.Type, l.source(&p.From)), value)
	}
	for i := range l.s.Seen.MTU {
		p := &l.s.Seen.MTU[i]
		add(p.From.Node, fmt.Sprintf("largest packet %s → %s on %s", l.source(&p.From), l.task(p.To), expect.NetworkName(l.s, p.Network)), fmt.Sprintf("%d bytes", p.Passed))
	}
	for _, p := range l.s.Seen.Peers {
		add(p.Node, fmt.Sprintf("%s connection to %s", p.What, expect.NodeName(l.s, p.Peer)), string(p.Outcome))
	}
	for _, p := range l.s.Seen.DataPath {
		if p.Counted {
			add(p.Node, fmt.Sprintf("datagrams of %d bytes to %s", p.Size, expect.NodeName(l.s, p.Peer)), map[bool]string{true: "arrive", false: "do not arrive"}[p.Wire > 0])
		}
	}
	l.published()
}

// dnsAnswer is what a DNS question got.
func dnsAnswer(p *fact.DNSProbe) string {
	list := slices.Clone(p.Names)
	for _, a := range p.Addrs {
		list = append(list, a.String())
	}
	if len(list) == 0 || p.RCode != "NOERROR" {
		list = append([]string{p.RCode}, list...)
	}
	return strings.Join(list, " ")
}

// published are requests to published ports and virtual IPs, all of one kind
// together.
func (l *things) published() {
	good, all := map[string]int{}, map[string]int{}
	var labels []thing
	for i := range l.s.Seen.Published {
		q := &l.s.Seen.Published[i]
		svc, where := string(q.Service), "virtual IP"
		if s := l.s.Wanted.Service(q.Service); s != nil {
			svc = s.Name
		}
		if q.Published != 0 {
			where = fmt.Sprintf("port %d at %s (%s)", q.Published, expect.NodeName(l.s, q.Node), q.Stage)
		}
		label := fmt.Sprintf("requests to %s, %s, from %s", svc, where, l.source(&q.From))
		if _, ok := all[q.From.Node+label]; !ok {
			labels = append(labels, thing{picture: "seen", node: q.From.Node, label: label, fleeting: true})
		}
		for k := range q.Requests {
			all[q.From.Node+label]++
			if q.Good(&q.Requests[k]) {
				good[q.From.Node+label]++
			}
		}
	}
	for _, t := range labels {
		of, well := all[t.node+t.label], good[t.node+t.label]
		value := "some answered well"
		switch {
		case of == 0:
			continue
		case well == of:
			value = "all answered well"
		case well == 0:
			value = "none answered well"
		}
		l.add(t.label, t, value)
	}
}

func (l *things) source(f *fact.Source) string {
	switch t := l.s.Wanted.Task(f.Task); {
	case t != nil:
		return l.short(t)
	case f.Task == "" && f.Container == "":
		return f.NetNS
	}
	if n := l.s.NodeNamed(f.Node); n != nil && n.Engine != nil {
		if c := n.Engine.Container(f.Container); c != nil {
			return l.named(c.Name)
		}
	}
	return fmt.Sprintf("%.12s", string(f.Task)+string(f.Container))
}

func (l *things) task(id fact.TaskID) string {
	if t := l.s.Wanted.Task(id); t != nil {
		return l.short(t)
	}
	return fmt.Sprintf("task %.12s", id)
}
