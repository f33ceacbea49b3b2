package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// member is one link of an overlay on a node that has to have the overlay's MTU:
// the vxlan link, and both ends of every veth pair.
type member struct {
	Subject Subject
	NS      *fact.NetNS
	Link    *fact.Link
}

// members lists an overlay's links on a node; of a pair, the container's end
// comes first.
func (in *In) members(o *overlay) []member {
	var out []member
	for i := range o.NS.Links {
		if l := &o.NS.Links[i]; l.VXLAN != nil {
			out = append(out, member{Subject{Kind: "link", Name: l.Name}, o.NS, l})
		}
	}
	for _, p := range in.ports(o.Node, o.Net, o.NS) {
		if p.Inner != nil {
			out = append(out, member{p.Subject, p.Sandbox, p.Inner})
		}
		if p.Outer != nil {
			out = append(out, member{p.Subject, o.NS, p.Outer})
		}
	}
	return out
}

// told: one end of the pair is enough.
func (m *member) told(out []Finding, node string) bool {
	return slices.ContainsFunc(out, func(f Finding) bool {
		return f.Node == node && m.Subject == f.Subject && m.Subject.Kind != "link"
	})
}

// oneMTU: all links of a node agree with each other, and there are enough of
// them to say that it is the node's doing.
func oneMTU(all []member) bool {
	return len(all) > 2 && !slices.ContainsFunc(all, func(m member) bool { return m.Link.MTU != all[0].Link.MTU })
}

// memberMTU is the MTU that every member of the network should have, on every
// node: by the managers' definition, else by what most engines were told.
func (in *In) memberMTU(all []overlay, o *overlay) int {
	if def := in.Wanted.Network(o.Net.ID); def != nil {
		return expect.OverlayMTU(def)
	}
	mtu := func(o *overlay) int { return expect.OverlayMTU(&o.Net.Network) }
	return mtu(mostAgree(all, o, func(a, b *overlay) bool { return mtu(a) == mtu(b) }))
}

// mostAgree is the first of those nodes whose view of a network most share.
func mostAgree(all []overlay, o *overlay, same func(a, b *overlay) bool) *overlay {
	best, most := o, 0
	for i := range all {
		n := 0
		for k := range all {
			if all[k].Net.ID == o.Net.ID && same(&all[i], &all[k]) {
				n++
			}
		}
		if all[i].Net.ID == o.Net.ID && n > most {
			best, most = &all[i], n
		}
	}
	return best
}

// oddMember is about a node all of whose links have another MTU than those of
// the other nodes.
func (in *In) oddMember(o *overlay, all []overlay, have []member, want int) Finding {
	got := have[0].Link.MTU
	f := Finding{Certainty: Proof, Structural: true, Node: o.Node.Name, Network: o.Net.ID, Subject: in.NodeSubject(o.Node.ID),
		Message:  fmt.Sprintf("every link of %s on %s has MTU %d, but the network's is %d", o.Net.Name, o.Node.Name, got, want),
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: all %d links of %s", o.Node.Name, len(have), o.Net.Name), Want: fmt.Sprint("mtu ", want), Got: fmt.Sprint("mtu ", got)}},
		Confirm:  fmt.Sprintf("on %s: %sip link", o.Node.Name, Enter(o.NS.Name))}
	for i := range all {
		if p := &all[i]; p.Net.ID == o.Net.ID && p.Node != o.Node && p.VXLAN() != nil && p.VXLAN().MTU != got {
			f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: %s of %s", p.Node.Name, p.VXLAN().Name, o.Net.Name),
				Want: "the same on every node", Got: fmt.Sprintf("mtu %d there, %d on %s", p.VXLAN().MTU, got, o.Node.Name)})
		}
	}
	var relief []string
	for _, m := range have {
		relief = append(relief, fmt.Sprintf("on %s: %sip link set %s mtu %d", o.Node.Name, Enter(m.NS.Name), quoted(m.Link.Name), want))
	}
	f.Relief = strings.Join(relief, "\n")
	return f
}
