package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// FDBStaleVTEP finds forwarding rows that lead to a node where the endpoint is
// not.
var FDBStaleVTEP = &Check{
	ID:    "fdb-stale-vtep",
	Title: "a forwarding row of the overlay leads to the wrong node",
	Doc: Doc{
		Symptom: "From one node, connections to one task time out, often since that task moved to another node. From other nodes the same task answers.",
		Cause: "The vxlan link's permanent row for the task's MAC address still names the node where the address lived before: the engine missed a delete, " +
			"got two updates in the wrong order, or refused to replace the row. Frames go to a node that has nobody with that address.",
		ByHand: "In the overlay's namespace (1-<first 10 of the network ID>): `bridge fdb show dev vxlan0`, rows marked `self permanent` only; compare `dst` with the task's \"Host IP\" in `docker network inspect -v`.",
		Relief: "Point the row at the right node by hand, exactly as the engine would have written it.",
		Fix:    "If it comes back, restart the engine on the node with the bad row in a quiet hour (drain it first), and upgrade: address reuse left such rows behind up to 17.09 as a rule, later now and then.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB},
	Because: []string{"underlay-peer-unreachable", "gossip-7946-blocked", "duplicate-ip-or-vip", "networkdb-stale-entries", "stale-overlay-netns", "duplicate-mac"},
	Run:     fdbStaleVTEP,
}

func fdbStaleVTEP(in *In) []Finding {
	var out []Finding
	for _, h := range in.heldRows() {
		right := func(f fact.FDBEntry) bool { return f.Dst == h.VTEP }
		if len(h.FDB) == 0 || slices.ContainsFunc(h.FDB, right) {
			continue
		}
		got := in.vteps(h.FDB)
		f := h.finding(in, fmt.Sprintf("%s sends frames for %s on %s to %s, but it lives at %s", h.Node.Name, h.Name, h.Net.Name, got, h.VTEP))
		f.Evidence = []Evidence{{Where: h.where("FDB"), Want: h.wantFDB(), Got: "→ " + got}}
		f.Confirm, f.Relief = h.showFDB(), h.addFDB()
		out = append(out, f)
	}
	return out
}

// vteps names where rows lead to, with the node where one is known.
func (in *In) vteps(rows []fact.FDBEntry) string {
	var out []string
	for _, r := range rows {
		s := r.Dst.String()
		if id := expect.NodeAt(in.Snapshot, r.Dst); id != "" {
			s += " (" + in.NodeName(id) + ")"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
