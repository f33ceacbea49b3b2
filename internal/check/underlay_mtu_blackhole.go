package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// UnderlayMTUBlackhole finds pairs of nodes between which packets that the
// overlay's MTU allows get lost, while smaller ones pass.
var UnderlayMTUBlackhole = &Check{
	ID:    "underlay-mtu-blackhole",
	Title: "large overlay packets get lost between nodes",
	Doc: Doc{
		Symptom: "Connections open and small messages pass; large answers, TLS handshakes and query results hang. Only between nodes, never on one.",
		Cause: "The path between the hosts carries less than the overlay's MTU and the 50 bytes of VXLAN (70 over IPv6): a cloud network of 1460, a VPN, a tunnel. " +
			"The router that drops the packet says so to nobody, or a firewall drops what it says.",
		ByHand: "In the client's namespace `ping -M do -s SIZE TARGET` with growing sizes; then the same between the hosts' addresses: with 28 bytes of headers, 1472 must pass for an MTU of 1500.",
		Relief: "Lower the MTU of the client's and the target's interface to what passes; it is in force at once.",
		Fix:    "Make the network anew with com.docker.network.driver.mtu set to what the underlay really carries (the ingress network too), or raise the underlay's MTU.",
	},
	Needs:   []fact.Kind{fact.KindMTU},
	Because: []string{"overlay-mtu-misconfigured", "neigh-table-overflow", "encrypted-mtu"},
	Claims:  noConnect,
	Run:     mtuBlackhole,
}

func mtuBlackhole(in *In) []Finding {
	var bad, good []pair
	lost := map[string][]fact.MTUProbe{} // by who asked
	for _, node := range in.Sighted {
		for _, m := range in.Seen.MTU {
			peer, ok := in.peerAt(node, m.Network, m.Target)
			if m.From.Node != node.Name || !ok {
				continue
			}
			p := pair{Node: node, Peer: peer, Tasks: []fact.TaskID{m.From.Task, m.To}}
			below, told := in.below(node, &peer, &m)
			switch {
			case told && len(below) == 0 && in.encrypted(m.Network) == "":
				good = append(good, p)
			case m.Passed == 0:
				in.Blind("%s → %s: no echo of any size came back", node.Name, peer.Name)
			case m.Failed > 0 && m.Failed <= m.MTU:
				p.Evidence = append(in.rungs(node, &peer, &m), below...)
				bad = append(bad, p)
				lost[node.Name] = append(lost[node.Name], m)
			default:
				good = append(good, p)
			}
		}
	}
	for _, m := range in.unladdered() {
		in.Blind("%s → %s: no packet sizes were tried", m.From.Node, m.Target)
	}
	var out []Finding
	for _, f := range in.blame(bad, good) {
		ladders := f.ladders(lost)
		m := slices.MinFunc(ladders, func(a, b fact.MTUProbe) int {
			return cmp.Or(a.Passed-b.Passed, strings.Compare(a.From.Node, b.From.Node), a.Target.Compare(b.Target))
		})
		f.Probed = true
		f.Tasks = in.evenEnds(f.Tasks, ladders)
		f.Message = fmt.Sprintf("overlay packets above %d bytes get lost between %s; the overlay allows %d", m.Passed, f.between(), m.MTU)
		ping := fmt.Sprintf("on %s: %sping -M do -c 1 -W 1 -s %%d %s   # %%s", m.From.Node, Enter(m.From.NetNS), m.Target)
		f.Confirm = fmt.Sprintf(ping+"\n"+ping, m.Failed-28, "gets lost", m.Passed-28, "passes")
		f.Relief = in.narrow(ladders, m.Passed)
		out = append(out, f.Finding)
	}
	return out
}

// peerAt is the other node that owns an address of an overlay; false where the
// node itself does, or nobody knows.
func (in *In) peerAt(node *fact.Node, net fact.NetworkID, a netip.Addr) (expect.Peer, bool) {
	if node.Engine != nil {
		for _, row := range in.remoteRows(node, net) {
			if row.IP == a {
				return expect.Peer{ID: row.Node, Name: in.peerOf(&heldRow{Row: row}), Addr: row.VTEP}, true
			}
		}
	}
	for _, id := range in.tasksAt(net, a) {
		if t := in.Wanted.Task(id); t.Node != node.ID {
			return expect.Peer{ID: t.Node, Name: in.NodeName(t.Node), Addr: expect.VTEP(in.Snapshot, t.Node)}, true
		}
	}
	return expect.Peer{}, false
}
