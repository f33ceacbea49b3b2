package check

import (
	"fmt"

	"fairway/internal/fact"
)

// OverlayNeighMissing finds remote endpoints whose forwarding row is there and
// whose neighbour row is not.
var OverlayNeighMissing = &Check{
	ID:    "overlay-neigh-missing",
	Title: "a neighbour row of the overlay is missing on one node",
	Doc: Doc{
		Symptom: "From one node, connections to one task fail with \"no route to host\" after some three seconds. From other nodes the same task answers.",
		Cause: "The vxlan link answers ARP itself, from the permanent neighbour rows in the overlay's namespace, and never floods. Without a row for the task's address nobody answers, " +
			"so the client never learns the task's MAC address. The engine lost the row, something deleted it, or the vxlan link was taken down and up again, which empties the table.",
		ByHand: "In the overlay's namespace: `ip neigh show dev vxlan0`; in the client's namespace `ip neigh` shows the address INCOMPLETE or FAILED. A client that still has it cached does not notice yet.",
		Relief: "Put the row back by hand, exactly as the engine would have written it.",
		Fix:    "If rows go missing again, restart the engine on that node in a quiet hour (drain it first), and keep network managers away from the engine's links.",
	},
	Needs: []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB},
	Because: []string{"underlay-peer-unreachable", "gossip-7946-blocked", "gossip-udp-blocked", "duplicate-ip-or-vip", "overlay-port-down-or-unenslaved",
		"neigh-table-overflow", "stale-overlay-netns"},
	Run: overlayNeighMissing,
}

func overlayNeighMissing(in *In) []Finding {
	var out []Finding
	for _, h := range in.heldRows() {
		if h.Neigh != nil || len(h.FDB) == 0 {
			continue
		}
		f := h.finding(in, fmt.Sprintf("%s has no neighbour row for %s on %s: nobody answers who has %s", h.Node.Name, h.Name, h.Net.Name, h.IP))
		f.Evidence = []Evidence{{Where: h.where("neighbours"), Want: h.wantNeigh(), Got: "no row (permanent)"}}
		f.Confirm, f.Relief = h.showNeigh(), h.addNeigh()
		out = append(out, f)
	}
	return out
}
