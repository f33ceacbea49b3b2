package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// VNIMismatch finds vxlan links that carry another number than their network's,
// and engines that were told other numbers than the managers gave.
var VNIMismatch = &Check{
	ID:    "vni-mismatch",
	Title: "an overlay's vxlan link has another VNI than its network",
	Doc: Doc{
		Symptom: "On one network, a node reaches no other node and none reaches it, although names resolve, rows are right and every firewall is open.",
		Cause: "Every packet of an overlay carries the network's number (VNI), and a host drops numbers that it has no link for. " +
			"The network was made anew, or the Swarm was (--force-new-cluster, a restored backup), while this node kept the link of before.",
		ByHand: "`docker network inspect -f '{{index .Options \"com.docker.network.driver.overlay.vxlanid_list\"}}' NETWORK` on every node; in the overlay's namespace `ip -d link show vxlan0` says `vxlan id`.",
		Relief: "The number of a link cannot be changed. Drain the node, so that the engine takes the overlay down, then let it work again.",
		Fix:    "After a Swarm was restored, drain and restart every node in turn. If the engine's own list is wrong, restart that engine while the node is drained.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Because: []string{"stale-overlay-netns"},
	Run:     vniMismatch,
}

func vniMismatch(in *In) []Finding {
	var out []Finding
	all := in.overlays(fact.KindLinks)
	for i := range all {
		o := &all[i]
		want := in.vnisOf(all, o)
		if len(want) == 0 {
			in.Blind("%s: nobody says which VNI %s has", o.Node.Name, o.Net.Name)
			continue
		}
		if !slices.Equal(o.Net.VNIs, want) {
			f := in.wrongVNI(o, in.NetworkSubject(o.Net.ID), fmt.Sprint(want), fmt.Sprint(o.Net.VNIs))
			f.Message = fmt.Sprintf("the engine of %s was told VNI %v for %s, which has %v", o.Node.Name, o.Net.VNIs, o.Net.Name, want)
			out = append(out, f)
			continue
		}
		for _, l := range o.NS.Links {
			if l.VXLAN != nil && !slices.Contains(want, l.VXLAN.ID) {
				f := in.wrongVNI(o, Subject{Kind: "link", Name: l.Name}, fmt.Sprint("id ", want[0]), fmt.Sprint("id ", l.VXLAN.ID))
				f.Message = fmt.Sprintf("%s of %s on %s has VNI %d, the network has %d", l.Name, o.Net.Name, o.Node.Name, l.VXLAN.ID, want[0])
				out = append(out, f)
			}
		}
	}
	return out
}

// vnisOf are the numbers of a network by the managers, else those that most of
// its engines were told.
func (in *In) vnisOf(all []overlay, o *overlay) []uint32 {
	if n := in.Wanted.Network(o.Net.ID); n != nil {
		return n.VNIs
	}
	return mostAgree(all, o, func(a, b *overlay) bool { return slices.Equal(a.Net.VNIs, b.Net.VNIs) }).Net.VNIs
}

func (in *In) wrongVNI(o *overlay, s Subject, want, got string) Finding {
	return Finding{
		Certainty: Proof, Structural: true, Node: o.Node.Name, Network: o.Net.ID, Subject: s,
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: %s of %s", o.Node.Name, s.Name, o.Net.Name), Want: want, Got: got}},
		Confirm:  fmt.Sprintf("on %s: %sip -d link show type vxlan", o.Node.Name, Enter(o.NS.Name)),
		Relief:   drainAndBack(o.Node.Name),
		Impact:   ImpactNode(o.Node.Name),
	}
}

// drainAndBack are the commands that make an engine take down its overlays and
// build them anew.
func drainAndBack(node string) string {
	return fmt.Sprintf("on a manager: docker node update --availability drain %s; when its tasks are gone: docker node update --availability active %s", quoted(node), quoted(node))
}
