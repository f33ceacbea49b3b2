package check

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// overlayHandle matches the names the engine gives the handles of overlays:
// "<epoch>-<network ID>", cut to twelve characters (libnetwork, all versions).
var overlayHandle = regexp.MustCompile(`^[0-9]+-[0-9a-z]{7,10}$`)

// transientLink matches the names of vxlan links before the engine moves them
// into an overlay's namespace: "vx-<VNI>-<network ID>" (libnetwork, all versions).
var transientLink = regexp.MustCompile(`^vx-[0-9a-f]{6}-[0-9a-z]+$`)

// takenVNI is a vxlan link that takes the VNI and port of a network outside the
// network's own namespace, so that the engine cannot make its own.
type takenVNI struct {
	NS   *fact.NetNS
	Link *fact.Link
	// Net is nil when nobody knows a network of that number.
	Net *fact.Network
}

// takenVNIs lists the vxlan links of a node that stand in a network's way. The
// kernel allows a number once for each port in the namespace where links are
// made; the engine makes them in the host's.
func (in *In) takenVNIs(node *fact.Node) []takenVNI {
	var out []takenVNI
	port := expect.DataPathPort(in.Snapshot, node)
	for i := range node.Kernel.Namespaces {
		ns := &node.Kernel.Namespaces[i]
		if !in.Can(node, ns.Name, fact.KindLinks) {
			continue
		}
		for k := range ns.Links {
			l := &ns.Links[k]
			if l.VXLAN == nil || l.VXLAN.Port != port || l.VXLAN.MadeElsewhere == (ns.Role == fact.RoleHost) {
				continue
			}
			net := in.networkOf(node, l.VXLAN.ID)
			leftover := in.Wanted == nil && ns.Role == fact.RoleHost && transientLink.MatchString(l.Name)
			if net != nil && ns.Network != net.ID || net == nil && leftover {
				out = append(out, takenVNI{ns, l, net})
			}
		}
	}
	return out
}

// networkOf is the overlay that has a VNI, by the managers, else by the engine.
func (in *In) networkOf(node *fact.Node, vni uint32) *fact.Network {
	if in.Wanted != nil {
		for i := range in.Wanted.Networks {
			if n := &in.Wanted.Networks[i]; n.Driver == "overlay" && slices.Contains(n.VNIs, vni) {
				return n
			}
		}
	}
	if node.Engine != nil {
		for i := range node.Engine.Networks {
			if n := &node.Engine.Networks[i].Network; n.Driver == "overlay" && slices.Contains(n.VNIs, vni) {
				return n
			}
		}
	}
	return nil
}

// refused lists the tasks of a node that ended because the engine could not
// build an overlay: their error holds one of these words.
func (in *In) refused(node fact.NodeID, net fact.NetworkID, words ...string) []*fact.Task {
	var out []*fact.Task
	if in.Wanted == nil || node == "" {
		return nil
	}
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		says := slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t.Err, w) })
		if t.Node == node && says && in.attached(t, net) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *fact.Task) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// attached: the task has an address on the network, or its service asks for it.
func (in *In) attached(t *fact.Task, net fact.NetworkID) bool {
	if net == "" || t.Addr(net).IsValid() {
		return true
	}
	svc := in.Wanted.Service(t.ServiceID)
	return svc != nil && slices.ContainsFunc(svc.Attached, func(a fact.Attachment) bool { return a.Network == net })
}

// suffer makes a finding rest on tasks that the engine refused because of it.
func (f *Finding) suffer(tasks []*fact.Task) {
	for _, t := range tasks {
		f.Tasks = append(f.Tasks, t.ID)
		f.Probed, f.Recurring = true, true
		if e := (Evidence{"task " + expect.NameOf(t), "running", t.State + ": " + t.Err}); len(f.Evidence) < 4 {
			f.Evidence = append(f.Evidence, e)
		}
	}
}

// inhabited: something an overlay is made of is in the namespace.
func inhabited(ns *fact.NetNS) bool { return parts(ns) != "nothing" }

// holdsVNI: a vxlan link is in the namespace, and takes its number. Without one a
// leftover is in nobody's way: the engine leaves one whenever it could not build
// an overlay (seen on 20.10 to 29).
func holdsVNI(ns *fact.NetNS) bool {
	return slices.ContainsFunc(ns.Links, func(l fact.Link) bool { return l.VXLAN != nil })
}

func parts(ns *fact.NetNS) string {
	var out []string
	for _, l := range ns.Links {
		if l.VXLAN != nil || l.Kind == "bridge" || l.Kind == "veth" {
			out = append(out, l.Name)
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	slices.Sort(out)
	return listed(out)
}

// moving: somebody is on the way in or out of the namespace's network, as far as
// anybody knows; without the managers that is always possible.
func (in *In) moving(node *fact.Node, ns *fact.NetNS) bool {
	if in.Wanted == nil {
		in.Blind("%s: without the managers nobody knows whether %s is in use", node.Name, ns.Name)
		return true
	}
	id := ns.Network
	for _, n := range in.Wanted.Networks {
		if _, cut, _ := strings.Cut(ns.Name, "-"); strings.HasPrefix(string(n.ID), cut) {
			id = n.ID
		}
	}
	return id != "" && slices.ContainsFunc(in.Wanted.Tasks, func(t fact.Task) bool {
		fresh := !t.Terminal() || in.Taken.Sub(t.StateSince) < time.Minute
		return t.Node == node.ID && fresh && in.attached(&t, id)
	})
}
