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

// target is whom the question's name means: a service, or a container.
type target struct {
	Subject Subject
	// What it is, for people.
	What      string
	Service   fact.ServiceID
	Container fact.ContainerID
	// Names are what it is known by on the shared networks, its own name first.
	Names []string
}

// rival is somebody else who has one of a target's names on a network.
type rival struct {
	// Name is the one both have.
	Name, What     string
	Service        fact.ServiceID
	Addrs          []netip.Addr
	Relief, Impact string
}

func (in *In) targets() []target {
	var out []target
	for _, id := range in.Scope.ToServices {
		if svc := in.Wanted.Service(id); svc != nil {
			t := target{Subject: ServiceSubject(svc), What: "service " + svc.Name, Service: id, Names: []string{svc.Name}}
			for _, net := range in.Scope.Overlays() {
				t.Names = append(t.Names, aliases(svc, net)...)
			}
			out = append(out, t)
		}
	}
	for i := range in.Scope.To {
		if e := &in.Scope.To[i]; e.Service == "" && e.Name != "" {
			out = append(out, target{Subject: EndSubject(e), What: "container " + e.Name, Container: e.Container, Names: []string{e.Name}})
		}
	}
	return out
}

// known is a target by the names it has on one network; false where it is not on
// it.
func (in *In) known(t target, net fact.NetworkID) (target, bool) {
	svc := in.Wanted.Service(t.Service)
	if svc == nil {
		return t, true
	}
	t.Names = append([]string{svc.Name}, aliases(svc, net)...)
	there := slices.ContainsFunc(svc.Attached, func(a fact.Attachment) bool { return a.Network == net }) ||
		slices.ContainsFunc(in.Wanted.Tasks, func(k fact.Task) bool { return k.ServiceID == svc.ID && k.Running() && k.Addr(net).IsValid() })
	return t, there
}

// told reports whether the same services were found to collide on the same
// network, seen from another one of them.
func (in *In) told(list []Finding, f *Finding) bool {
	return len(f.Services) > 1 && slices.ContainsFunc(list, func(o Finding) bool {
		return o.Network == f.Network && len(o.Services) == len(f.Services) &&
			!slices.ContainsFunc(f.Services, func(id fact.ServiceID) bool { return !slices.Contains(o.Services, id) })
	})
}

// aliases are the names beside its own that a service has on a network.
func aliases(s *fact.Service, net fact.NetworkID) []string {
	var out []string
	for _, a := range s.Attached {
		if a.Network == net {
			out = append(out, a.Aliases...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// rivals lists who else has a name of the target on a network, by definition, or
// because the target's own name led to a container's address.
func (in *In) rivals(t *target, net fact.NetworkID, led []netip.Addr) []rival {
	var out []rival
	for i := range in.Wanted.Services {
		s := &in.Wanted.Services[i]
		attached := slices.ContainsFunc(s.Attached, func(a fact.Attachment) bool { return a.Network == net })
		if name := firstOf(t.Names, append([]string{s.Name}, aliases(s, net)...)); attached && s.ID != t.Service && name != "" {
			out = append(out, in.rivalService(t, s, net, name))
		}
	}
	for i := range in.Nodes {
		out = append(out, in.rivalContainers(t, &in.Nodes[i], net, led)...)
	}
	slices.SortFunc(out, func(a, b rival) int {
		return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.Relief, b.Relief))
	})
	// A container on one node is gossiped to all others; its own node knows best.
	var once []rival
	for _, r := range out {
		same := func(o rival) bool { return r.Service == "" && o.Service == "" && slices.Equal(o.Addrs, r.Addrs) }
		if i := slices.IndexFunc(once, same); i < 0 {
			once = append(once, r)
		} else if once[i].Relief == "" {
			once[i] = r
		}
	}
	return once
}

func firstOf(names, among []string) string {
	for _, n := range names {
		if slices.Contains(among, n) {
			return n
		}
	}
	return ""
}

func (in *In) rivalService(t *target, s *fact.Service, net fact.NetworkID, name string) rival {
	r := rival{Name: name, What: "service " + s.Name, Service: s.ID}
	for i := range in.Wanted.Tasks {
		if k := &in.Wanted.Tasks[i]; k.ServiceID == s.ID && k.Running() && k.Addr(net).IsValid() {
			r.Addrs = append(r.Addrs, k.Addr(net))
		}
	}
	for _, v := range s.VIPs {
		if v.Network == net {
			r.Addrs = append(r.Addrs, v.Addr.Addr())
		}
	}
	slices.SortFunc(r.Addrs, netip.Addr.Compare)
	loser := s // an alias gives way to a name
	if own := in.Wanted.Service(t.Service); s.Name == name && own != nil {
		loser = own
	}
	r.Relief, r.Impact = in.dropAlias(loser, net, name), "all tasks of "+loser.Name
	return r
}

// dropAlias is the command that takes an alias away from a service: it leaves
// the network and comes back with what other aliases it has.
func (in *In) dropAlias(s *fact.Service, net fact.NetworkID, alias string) string {
	n := in.NetworkName(net)
	add := "name=" + n
	for _, a := range aliases(s, net) {
		if a != alias {
			add += ",alias=" + a
		}
	}
	return fmt.Sprintf("on a manager: docker service update --network-rm %s --network-add %s %s", quoted(n), quoted(add), quoted(s.Name))
}

// rivalContainers lists a node's containers without a task that have a name of
// the target, or an address it led to, and those gossip tells of there.
func (in *In) rivalContainers(t *target, n *fact.Node, net fact.NetworkID, led []netip.Addr) []rival {
	var out []rival
	add := func(id fact.ContainerID, a netip.Addr, names ...string) {
		name := firstOf(t.Names, names)
		if name == "" && slices.Contains(led, a) {
			name = t.Names[0]
		}
		if name == "" || id == t.Container && id != "" || t.Container != "" && in.ownAddress(t, net, a) {
			return
		}
		r := rival{Name: name, What: "container " + names[0], Addrs: []netip.Addr{a}, Impact: ImpactTask}
		if id != "" {
			r.What += " on " + n.Name
			r.Relief = fmt.Sprintf("on %s: docker network disconnect %s %.12s", n.Name, quoted(in.NetworkName(net)), id)
		}
		out = append(out, r)
	}
	if n.Engine == nil {
		return nil
	}
	for _, c := range n.Engine.Containers {
		if ep := c.On(net); ep != nil && c.TaskID == "" {
			add(c.ID, ep.Addr.Addr(), append([]string{c.Name}, ep.Aliases...)...)
		}
	}
	if b := n.Engine.Network(net); b != nil {
		for _, svc := range b.Services {
			for _, k := range svc.Tasks {
				if _, task := expect.ParseTaskName(k.Name); svc.Name == "" && !task {
					add("", k.IP, k.Name)
				}
			}
		}
	}
	return out
}

// ownAddress: gossip tells of the target itself, too.
func (in *In) ownAddress(t *target, net fact.NetworkID, a netip.Addr) bool {
	return slices.ContainsFunc(in.Scope.To, func(e expect.End) bool { return e.Container == t.Container && e.Addr(net) == a })
}
