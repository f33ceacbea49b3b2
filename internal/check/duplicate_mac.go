package check

import (
	"fmt"

	"fairway/internal/fact"
)

// DuplicateMAC finds endpoints of one overlay that have the same MAC address.
var DuplicateMAC = &Check{
	ID:    "duplicate-mac",
	Title: "two on one overlay have the same MAC address",
	Doc: Doc{
		Symptom: "A container answers in one place and times out in another, or two containers take turns; the kernel may log \"received packet with own address\".",
		Cause: "The engine derives an overlay endpoint's MAC address from its IP address, so it is unique unless somebody asked for one: `--mac-address`, an image or a restored container with a fixed one, or a change by hand. " +
			"Bridges and forwarding rows know MAC addresses only: with two of one, frames go to whoever was seen, or told of, last.",
		ByHand: "`docker network inspect NETWORK` on every node (Containers, MacAddress): each once. In each overlay's namespace `ip neigh show dev vxlan0`: no MAC address for two IP addresses.",
		Relief: "Take the one that asked for its MAC address off the network.",
		Fix:    "Start it anew without --mac-address (mac_address in compose files).",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB},
	Because: []string{"duplicate-ip-or-vip", "mac-changed-by-manager"},
	Run:     duplicateMAC,
}

func duplicateMAC(in *In) []Finding {
	var out []Finding
	all := in.endings()
	for i := 0; i < len(all); {
		k := i + 1
		for k < len(all) && all[k].Network == all[i].Network && all[k].MAC == all[i].MAC {
			k++
		}
		if k-i > 1 {
			out = append(out, in.sameMAC(all[i:k]))
		}
		i = k
	}
	return out
}

// sameMAC is about endpoints with one MAC address: the one to act on, and the
// nodes of the others.
func (in *In) sameMAC(have []ending) Finding {
	bad := intruder(have)
	net := in.NetworkName(bad.Network)
	f := Finding{Certainty: Proof, Node: bad.Node, Network: bad.Network, Subject: bad.Subject,
		Confirm: fmt.Sprintf("on %s: docker network inspect %s | grep -B3 -A3 %s", bad.Node, quoted(net), bad.MAC)}
	for i := range have {
		e := &have[i]
		f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: %s on %s", e.Node, e.Subject.Name, net), Want: e.MAC.String() + " once",
			Got: fmt.Sprintf("%s at %s (%s)", e.MAC, e.Addr, e.From)})
		if e.Task != "" {
			f.Tasks = append(f.Tasks, e.Task)
			f.Probed = f.Probed || in.failedWith(e.Task)
		}
		if e == bad || f.Message != "" {
			continue
		}
		f.Message = fmt.Sprintf("%s on %s has the MAC address of %s on %s: %s, on %s", bad.Subject.Name, bad.Node, e.Subject.Name, e.Node, e.MAC, net)
		if e.Node != bad.Node {
			f.Peer = e.Node
		}
	}
	switch {
	case bad.Container != "":
		f.Relief = fmt.Sprintf("on %s: docker network disconnect %s %s", bad.Node, quoted(net), quoted(bad.Subject.Name))
		f.Impact = "this container"
	case bad.Link != "":
		f.Relief = fmt.Sprintf("on %s: %sip link set %s address %s", bad.Node, Enter(bad.NS), bad.Link, fact.OverlayMAC(bad.Addr))
	}
	return f
}
