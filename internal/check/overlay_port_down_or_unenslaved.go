package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// OverlayPortDown finds links of an overlay that are down, or have left its
// bridge.
var OverlayPortDown = &Check{
	ID:    "overlay-port-down-or-unenslaved",
	Title: "a link of the overlay is down, has left its bridge, or lacks its address",
	Doc: Doc{
		Symptom: "One container (its veth pair) or every container of a node (the vxlan link or the bridge) reaches nobody on one network, in both directions.",
		Cause: "On every node an overlay is a bridge with the vxlan link and one veth end for each container. " +
			"A network manager, udev, or somebody by hand took one of them down or out of the bridge, or took the gateway's address off the bridge; rarely a race at creation.",
		ByHand: "In the overlay's namespace `ip -d link`: vxlan0 and every veth are UP with `master br0`; `ip addr show br0` has the network's gateway. In the container's namespace its interface is UP and has its address.",
		Relief: "Bring the link up and back into the bridge. After a vxlan link was down its neighbour rows are gone and must be written again.",
		Fix:    "Tell network managers to leave veth*, vx-* and br* links of containers alone. Start the task anew if its link does not stay up.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Because: []string{"stale-overlay-netns", "vxlan-file-exists"},
	Run:     overlayPort,
}

func overlayPort(in *In) []Finding {
	var out []Finding
	for _, o := range in.overlays(fact.KindLinks) {
		bridged := slices.ContainsFunc(o.NS.Links, func(l fact.Link) bool { return l.Kind == "bridge" })
		if !bridged {
			out = append(out, in.linkFinding(&o, "br0", []trouble{{"a bridge", "none", ""}}))
		}
		if o.VXLAN() == nil {
			out = append(out, in.linkFinding(&o, "vxlan0", []trouble{{"a vxlan link", "none", ""}}))
		}
		for i := range o.NS.Links {
			l := &o.NS.Links[i]
			t := o.troubles(l, bridged)
			if l.Kind != "veth" && len(t) > 0 {
				out = append(out, in.linkFinding(&o, l.Name, t))
			}
		}
		for _, p := range in.ports(o.Node, o.Net, o.NS) {
			if p.Kind == "link" {
				continue // a balancer's: lb-endpoint-unreachable has it
			}
			if t := o.portTroubles(in, &p, bridged); len(t) > 0 {
				f := in.troubled(&o, p.Subject, t)
				f.Probed = in.failedWith(p.Task)
				out = append(out, f)
			}
		}
	}
	return out
}

// linkFinding is about a link that serves the whole node.
func (in *In) linkFinding(o *overlay, name string, t []trouble) Finding {
	f := in.troubled(o, Subject{Kind: "link", Name: name}, t)
	if vx := o.VXLAN(); vx != nil && vx.Name == name && !vx.Up {
		for _, h := range in.heldRows() {
			if h.Node == o.Node && h.Net == o.Net && h.Neigh == nil {
				f.Relief += "\n" + h.addNeigh()
			}
		}
	}
	return f
}

func (in *In) troubled(o *overlay, s Subject, list []trouble) Finding {
	f := Finding{Certainty: Proof, Node: o.Node.Name, Network: o.Net.ID, Subject: s, Probed: len(in.FailedTo(o.Node.Name, "")) > 0,
		Confirm: fmt.Sprintf("on %s: %sip -d addr", o.Node.Name, Enter(o.NS.Name))}
	var relief, wrong []string
	for _, t := range list {
		f.Evidence = append(f.Evidence, Evidence{Where: o.Node.Name + ": links of " + o.Net.Name, Want: t.want, Got: t.got})
		wrong = append(wrong, t.want+": "+t.got)
		if t.relief != "" {
			relief = append(relief, "on "+o.Node.Name+": "+t.relief)
		}
	}
	f.Message = fmt.Sprintf("%s cannot pass frames of %s on %s: want %s", s.Name, o.Net.Name, o.Node.Name, strings.Join(wrong, "; "))
	f.Relief = strings.Join(relief, "\n")
	if n, ok := expect.ParseTaskName(s.Name); ok {
		f.Tasks = []fact.TaskID{n.Task}
	}
	return f
}
