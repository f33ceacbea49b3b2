package check

import (
	"fmt"
	"time"

	"fairway/internal/fact"
)

// VXLANFileExists finds vxlan links that take a network's number and port on a
// node, so that its engine cannot make the network's own link.
var VXLANFileExists = &Check{
	ID:    "vxlan-file-exists",
	Title: "another vxlan link takes the network's number on this node",
	Doc: Doc{
		Symptom: "On one node, tasks of one network are Rejected (\"error creating vxlan interface: file exists\"); standalone containers say only \"attaching to network failed … context deadline exceeded\".",
		Cause: "The kernel allows one vxlan link for each number (VNI) and port. A link of an earlier life of the engine is left in the host's namespace (its name begins with vx-) " +
			"or in one that nobody owns any more, or another product uses the same number and port.",
		ByHand: "On the node `ip -d link show type vxlan` in the host's namespace and in each of /var/run/docker/netns: the network's number (`docker network inspect`, vxlanid_list) must be in the network's own namespace only.",
		Relief: "Delete the link that is in the way; the next try of the task succeeds. Restarting the engine does not help.",
		Fix:    "If it comes back, another product makes it: give that one another port or other numbers. Otherwise upgrade the engine, and stop it with its service manager, never with SIGKILL.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Because: []string{"stale-overlay-netns", "vni-mismatch"},
	Run:     vxlanFileExists,
}

func vxlanFileExists(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		if node.Kernel == nil {
			in.Blind("%s: kernel was not seen", node.Name)
			continue
		}
		for _, t := range in.takenVNIs(node) {
			out = append(out, in.inTheWay(node, &t))
		}
	}
	return append(out, in.saidSo()...)
}

// saidSo is about nodes that were not looked at and whose engines told why they
// refused a task.
func (in *In) saidSo() []Finding {
	var out []Finding
	if in.Wanted == nil {
		return nil
	}
	for _, w := range in.Wanted.Nodes {
		if in.Node(w.ID) != nil {
			continue
		}
		for _, id := range in.Scope.Overlays() {
			tasks := in.refused(w.ID, id, "error creating vxlan interface: file exists")
			if len(tasks) == 0 || in.Taken.Sub(tasks[0].StateSince) > 10*time.Minute {
				continue
			}
			net := in.NetworkName(id)
			f := Finding{Certainty: Strong, Node: w.Hostname, Network: id, Subject: in.NetworkSubject(id),
				Message: fmt.Sprintf("a vxlan link on %s, which was not looked at, takes the number of %s: its engine says \"file exists\"", w.Hostname, net),
				Confirm: fmt.Sprintf("on %s: for f in /proc/1/ns/net /var/run/docker/netns/*; do nsenter --net=$f ip -d link show type vxlan; done", w.Hostname)}
			f.suffer(tasks)
			out = append(out, f)
		}
	}
	return out
}

func (in *In) inTheWay(node *fact.Node, t *takenVNI) Finding {
	enter, place := "", "the host's namespace"
	if t.NS.Role != fact.RoleHost {
		enter, place = Enter(t.NS.Name), t.NS.Name
	}
	name, want := "a network that this node does not know", "no such link"
	f := Finding{Certainty: Proof, Node: node.Name, Subject: Subject{Kind: "link", Name: t.Link.Name}}
	if t.Net != nil {
		name, want = t.Net.Name, "in the namespace of "+t.Net.Name+" only"
		f.Network = t.Net.ID
	}
	v := t.Link.VXLAN
	f.Message = fmt.Sprintf("%s in %s of %s takes VNI %d, port %d, of %s: no task of it can start there", t.Link.Name, place, node.Name, v.ID, v.Port, name)
	f.Evidence = []Evidence{{Where: fmt.Sprintf("%s: VNI %d, port %d", node.Name, v.ID, v.Port), Want: want, Got: t.Link.Name + " in " + place}}
	f.Confirm = fmt.Sprintf("on %s: %sip -d link show %s", node.Name, enter, quoted(t.Link.Name))
	f.Relief = fmt.Sprintf("on %s: %sip link del %s", node.Name, enter, quoted(t.Link.Name))
	if t.Net != nil {
		f.suffer(in.refused(node.ID, t.Net.ID, "file exists"))
	}
	return f
}
