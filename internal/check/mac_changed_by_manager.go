package check

import (
	"fmt"

	"fairway/internal/fact"
)

// MACChangedByManager finds interfaces whose MAC address is not the one the
// engine gave them and told everybody.
var MACChangedByManager = &Check{
	ID:    "mac-changed-by-manager",
	Title: "a container's interface has another MAC address than the engine gave it",
	Doc: Doc{
		Symptom: "A container is reached from its own node and not from others: connections time out. Often some seconds after its start, or after a network manager was upgraded.",
		Cause: "The engine tells every node the MAC address it gave an endpoint, and they send frames to that one for as long as it lives. " +
			"Something changed the address of the link: systemd-networkd or udev (MACAddressPolicy=persistent), NetworkManager, or a command by hand. Frames with the old one are for nobody.",
		ByHand: "`docker network inspect NETWORK` (Containers, MacAddress) and `ip link` in the container's namespace: the same. Overlay endpoints have 02:42 and the four bytes of their IPv4 address.",
		Relief: "Give the link its address back; it is in force at once.",
		Fix:    "Have networkd and udev leave the links alone: a .link file that matches veth* and vx-* with MACAddressPolicy=none; `unmanaged-devices` for NetworkManager.",
	},
	Needs: []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Run:   macChanged,
}

func macChanged(in *In) []Finding {
	var out []Finding
	for _, o := range in.overlays(fact.KindLinks) {
		for _, p := range in.ports(o.Node, o.Net, o.NS) {
			if p.Inner == nil || p.MAC.IsZero() || p.Inner.MAC == p.MAC {
				continue
			}
			f := Finding{
				Certainty: Proof, Node: o.Node.Name, Network: o.Net.ID, Subject: p.Subject, Probed: in.failedWith(p.Task),
				Message:  fmt.Sprintf("%s of %s on %s has MAC address %s, but every node was told %s", p.Inner.Name, p.Name, o.Node.Name, p.Inner.MAC, p.MAC),
				Evidence: []Evidence{{Where: fmt.Sprintf("%s: %s of %s on %s", o.Node.Name, p.Inner.Name, p.Name, o.Net.Name), Want: p.MAC.String(), Got: p.Inner.MAC.String()}},
				Confirm:  fmt.Sprintf("on %s: %sip link show %s", o.Node.Name, Enter(p.Sandbox.Name), quoted(p.Inner.Name)),
				Relief:   fmt.Sprintf("on %s: %sip link set %s address %s", o.Node.Name, Enter(p.Sandbox.Name), quoted(p.Inner.Name), p.MAC),
			}
			if p.Task != "" {
				f.Tasks = []fact.TaskID{p.Task}
			}
			out = append(out, f)
		}
	}
	return out
}
