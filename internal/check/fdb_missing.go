package check

import (
	"fmt"

	"fairway/internal/fact"
)

// FDBMissing finds remote endpoints whose neighbour row is there and whose
// forwarding row is not.
var FDBMissing = &Check{
	ID:    "fdb-missing",
	Title: "a forwarding row of the overlay is missing on one node",
	Doc: Doc{
		Symptom: "From one node, connections to one task time out (they are not refused). From other nodes the same task answers.",
		Cause: "The vxlan link of the overlay has no row that says on which node the task's MAC address lives. It never floods, so every frame to that task is dropped in silence. " +
			"The engine lost the row (its exclusive create met a learned row: 28.2 and 29.0 up to moby#53663), or something deleted it.",
		ByHand: "In the overlay's namespace (1-<first 10 of the network ID>): `bridge fdb show dev vxlan0`. Only rows marked `self permanent` are the engine's; a row with `master br0` was learned by the bridge and does not count.",
		Relief: "Put the row back by hand, exactly as the engine would have written it.",
		Fix:    "If rows go missing again, restart the engine on that node in a quiet hour (drain it first) and upgrade to a release with moby#53663.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB},
	Because: []string{"underlay-peer-unreachable", "gossip-7946-blocked", "gossip-udp-blocked", "duplicate-ip-or-vip", "networkdb-stale-entries", "stale-overlay-netns", "duplicate-mac"},
	Run:     fdbMissing,
}

func fdbMissing(in *In) []Finding {
	var out []Finding
	for _, h := range in.heldRows() {
		if h.Neigh == nil || h.Neigh.MAC != h.MAC || len(h.FDB) > 0 {
			continue
		}
		f := h.finding(in, fmt.Sprintf("%s has no forwarding row for %s on %s: frames to it are dropped before they leave %s", h.Node.Name, h.Name, h.Net.Name, h.Node.Name))
		f.Evidence = []Evidence{{Where: h.where("FDB"), Want: h.wantFDB(), Got: "no row (self permanent)"}}
		f.Confirm, f.Relief = h.showFDB(), h.addFDB()
		out = append(out, f)
	}
	return out
}
