package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// PeerNotProgrammed finds remote endpoints, or whole peers, that the engine
// believes in and the kernel has no row for at all.
var PeerNotProgrammed = &Check{
	ID:    "peer-not-programmed",
	Title: "the kernel of one node knows nothing of a peer the engine believes in",
	Doc: Doc{
		Symptom: "From one node, connections to all tasks of another node (or to one task) fail with \"no route to host\", although their names resolve. From other nodes they answer.",
		Cause: "Discovery and forwarding are two gossip tables. The engine received or applied the one with names and not the one with hardware addresses, " +
			"or something deleted its rows: the names are there, both rows (neighbour and FDB) of the overlay's vxlan link are not.",
		ByHand: "`docker network inspect -v NETWORK` lists the tasks with the peer's \"Host IP\"; in the overlay's namespace `ip neigh show dev vxlan0` and `bridge fdb show dev vxlan0` show nothing of it.",
		Relief: "Write both rows by hand, exactly as the engine would have.",
		Fix:    "Restart the engine on that node in a quiet hour (drain it first): it then asks its peers for everything anew. Upgrade if it comes back.",
	},
	Needs: []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB},
	Because: []string{"underlay-peer-unreachable", "gossip-7946-blocked", "gossip-udp-blocked", "duplicate-ip-or-vip", "overlay-port-down-or-unenslaved",
		"neigh-table-overflow", "networkdb-missing-after-rejoin", "stale-overlay-netns"},
	Run: peerNotProgrammed,
}

func peerNotProgrammed(in *In) []Finding {
	var out []Finding
	var absent []heldRow
	for _, h := range in.heldRows() {
		switch {
		case h.Neigh != nil || len(h.FDB) > 0:
		case h.knowsPeer():
			out = append(out, notProgrammed(in, []heldRow{h}, h.Name))
		default:
			absent = append(absent, h)
		}
	}
	for len(absent) > 0 {
		type key struct {
			node string
			net  fact.NetworkID
			vtep netip.Addr
		}
		of := func(h heldRow) key { return key{h.Node.Name, h.Net.ID, h.VTEP} }
		first := of(absent[0])
		var group []heldRow
		absent = slices.DeleteFunc(absent, func(h heldRow) bool {
			if of(h) == first {
				group = append(group, h)
			}
			return of(h) == first
		})
		f := notProgrammed(in, group, "any endpoint of "+in.peerOf(&group[0]))
		f.Subject = Subject{Kind: "node", ID: string(group[0].Row.Node), Name: in.peerOf(&group[0])}
		out = append(out, f)
	}
	return out
}

// knowsPeer: the kernel has rows for other endpoints of the same node, its load
// balancer's among them.
func (h *heldRow) knowsPeer() bool {
	return slices.ContainsFunc(h.NS.FDB, func(f fact.FDBEntry) bool { return f.Dst == h.VTEP && f.Self && f.Permanent })
}

func notProgrammed(in *In, rows []heldRow, of string) Finding {
	h := &rows[0]
	f := h.finding(in, fmt.Sprintf("%s has no rows on %s for %s, which its engine believes in", h.Node.Name, h.Net.Name, of))
	f.Confirm = fmt.Sprintf("on %s: %sbridge fdb show dev %s | grep %s", h.Node.Name, Enter(h.NS.Name), quoted(h.link()), h.VTEP)
	var relief []string
	for i := range rows {
		r := &rows[i]
		f.Evidence = append(f.Evidence, Evidence{Where: h.where("neighbours and FDB"), Want: r.wantNeigh() + " → " + r.VTEP.String(), Got: "no rows for " + r.Name})
		relief = append(relief, r.addFDB(), r.addNeigh())
		if r.Task != "" {
			f.Tasks = append(f.Tasks, r.Task)
			f.Probed = f.Probed || len(in.FailedTo(r.Node.Name, r.Task)) > 0
		}
	}
	f.Relief = strings.Join(relief, "\n")
	return f
}
