package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// DuplicateNodeIdentity finds two machines that pass for the same node.
var DuplicateNodeIdentity = &Check{
	ID:    "duplicate-node-identity",
	Title: "two machines have the same identity or address",
	Doc: Doc{
		Symptom: "Nodes are up and down by turns, traffic lands here or there at random; one of two nodes is never Ready for long. It began when a machine was cloned.",
		Cause: "The clone of a disk brings along the swarm's certificate, the engine's ID, the machine ID and fixed addresses; the clone of a machine brings the MAC address, too. " +
			"Both then answer for one, and each overwrites what the others have just learned of it.",
		ByHand: "On both: `docker info --format '{{.ID}} {{.Swarm.NodeID}} {{.Swarm.NodeAddr}}'`, `cat /etc/machine-id`, `ip -br link`, `ip -br address`. On a third one: `ip neigh` shows two addresses with one MAC address, or one that changes.",
		Relief: "Take the clone off the network, or give it an address of its own.",
		Fix:    "On the clone: `docker swarm leave --force`, stop the engine, remove swarm and engine-id under its data root, make a new machine ID, then join again. Prepare images for cloning without them.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindInfo, fact.KindNetworks, fact.KindLinks},
	Because: []string{"advertise-addr-wrong"},
	Claims:  anyFailure,
	Run:     duplicateNodes,
}

func duplicateNodes(in *In) []Finding {
	var out []Finding
	nodes := slices.Clone(in.Sighted)
	joined := func(n *fact.Node) time.Time {
		if w := in.Wanted.Node(n.ID); w != nil {
			return w.Created
		}
		return time.Time{}
	}
	slices.SortFunc(nodes, func(a, b *fact.Node) int {
		return cmp.Or(joined(a).Compare(joined(b)), strings.Compare(a.Name, b.Name))
	})
	for i, b := range nodes {
		if b.Engine == nil || b.Kernel.Host() == nil {
			in.Blind("%s: engine or kernel was not seen", b.Name)
			continue
		}
		for _, a := range nodes[:i] {
			if a.Engine != nil && a.Kernel.Host() != nil {
				out = append(out, in.alike(a, b)...)
			}
		}
		out = append(append(out, in.usurped(b)...), in.twoNames(b)...)
	}
	return out
}

// alike compares the older node with the younger one.
func (in *In) alike(a, b *fact.Node) []Finding {
	f := Finding{Certainty: Hint, Node: b.Name, Subject: in.NodeSubject(b.ID), Nodes: []fact.NodeID{a.ID, b.ID}, Structural: true, Impact: ImpactNode(b.Name)}
	same := func(c Certainty, what, value string) {
		if f.Evidence = append(f.Evidence, Evidence{a.Name + " and " + b.Name + ": " + what, "one each", "both " + value}); c != Hint {
			f.Certainty = c
		}
	}
	if a.ID == b.ID && a.ID != "" {
		same(Proof, "node ID", string(a.ID))
	}
	if a.Engine.ID == b.Engine.ID && a.Engine.ID != "" {
		same(Hint, "engine ID", a.Engine.ID) // a clone; Swarm itself does not use it
	}
	for _, x := range in.underlay(a, a.ID) {
		for _, y := range in.underlay(b, b.ID) {
			switch {
			case x.Addr.Addr() == y.Addr.Addr():
				same(Proof, "address", x.Addr.Addr().String())
			case x.MAC == y.MAC && !x.MAC.IsZero() && x.Addr.Masked() == y.Addr.Masked():
				same(Proof, "MAC address in "+x.Addr.Masked().String(), x.MAC.String()+", on "+x.Link+" and "+y.Link)
			}
		}
	}
	if len(f.Evidence) == 0 {
		return nil
	}
	slices.SortFunc(f.Evidence, func(x, y Evidence) int {
		return cmp.Or(strings.Compare(x.Where, y.Where), strings.Compare(x.Got, y.Got))
	})
	f.Evidence = slices.Compact(f.Evidence)
	f.Message = fmt.Sprintf("%s and %s have the same %s", a.Name, b.Name, strings.TrimPrefix(f.Evidence[0].Where, a.Name+" and "+b.Name+": "))
	f.Confirm = fmt.Sprintf("on %s and %s: docker info --format '{{.ID}} {{.Swarm.NodeID}}'; ip -br address; ip -br link", a.Name, b.Name)
	f.Relief = fmt.Sprintf("on %s: give it an address, a MAC address and an identity of its own, or take it off the network", b.Name)
	return []Finding{f}
}

// twoNames: gossip counts two engines at one address, and not for a moment only.
func (in *In) twoNames(n *fact.Node) []Finding {
	for _, e := range n.Engine.Networks {
		for i, p := range e.Peers {
			k := slices.IndexFunc(e.Peers[:i], func(o fact.Peer) bool { return o.IP == p.IP && o.Name != p.Name })
			if k < 0 || !p.IP.IsValid() {
				continue
			}
			who := in.nameAt(p.IP)
			return []Finding{{Certainty: Strong, Node: who, Subject: Subject{Kind: "node", Name: who}, Impact: ImpactNode(who),
				Message:  fmt.Sprintf("gossip on %s counts two engines at %s, the address of %s", n.Name, p.IP, who),
				Evidence: []Evidence{{fmt.Sprintf("%s: peers of %s", n.Name, e.Name), "one at " + p.IP.String(), strings.Join(slices.Sorted(slices.Values([]string{e.Peers[k].Name, p.Name})), " and ")}},
				Confirm:  fmt.Sprintf("on %s: docker network inspect -v %s --format '{{json .Peers}}'", n.Name, quoted(e.Name))}}
		}
	}
	return nil
}
