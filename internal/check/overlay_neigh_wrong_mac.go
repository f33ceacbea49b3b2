package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// OverlayNeighWrongMAC finds neighbour rows, the engine's and the clients' own,
// that give a remote task a MAC address it does not have.
var OverlayNeighWrongMAC = &Check{
	ID:    "overlay-neigh-wrong-mac",
	Title: "a neighbour row gives a task the wrong MAC address",
	Doc: Doc{
		Symptom: "From one node, or from one client, connections to one task time out, or another container answers.",
		Cause: "The address was used by another endpoint before, and a row survived: the engine's permanent one in the overlay's namespace, or the client's own ARP cache. " +
			"Frames carry a MAC address that nobody has any more, or that somebody else has.",
		ByHand: "`ip neigh show ADDRESS` in the overlay's namespace and in the client's. Overlay endpoints have 02:42 followed by the four bytes of their IPv4 address, unless a MAC address was asked for.",
		Relief: "Write the right MAC address into the row by hand; clear the address from the client's cache.",
		Fix:    "If it comes back, restart the engine on that node in a quiet hour (drain it first), and upgrade.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB},
	Because: []string{"duplicate-ip-or-vip", "networkdb-stale-entries", "mac-changed-by-manager", "stale-overlay-netns", "duplicate-mac"},
	Run:     overlayNeighWrongMAC,
}

func overlayNeighWrongMAC(in *In) []Finding {
	var out []Finding
	for _, h := range in.heldRows() {
		wrong := h.Neigh != nil && h.Neigh.MAC != h.MAC
		clients := in.wrongClients(&h)
		if !wrong && len(clients) == 0 {
			continue
		}
		var f Finding
		if wrong {
			f = h.finding(in, fmt.Sprintf("%s has %s for %s on %s, which is %s", h.Node.Name, h.Neigh.MAC, h.Name, h.Net.Name, h.MAC))
			f.Evidence = []Evidence{{Where: h.where("neighbours"), Want: h.wantNeigh(), Got: "→ " + h.Neigh.MAC.String()}}
			f.Confirm, f.Relief = h.showNeigh(), h.addNeigh()
			if len(h.FDB) == 0 {
				f.Relief += "\n" + h.addFDB()
			}
			f.Tasks = append(f.Tasks, tasksWith(h.Net, h.Neigh.MAC)...)
		} else {
			f = h.finding(in, fmt.Sprintf("%s on %s remembers %s for %s on %s, which is %s", clients[0].Name, h.Node.Name, clients[0].got, h.Name, h.Net.Name, h.MAC))
			f.Confirm, f.Relief = clients[0].command(&h, "show"), clients[0].command(&h, "flush")
		}
		for i, c := range clients {
			f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: neighbours in %s", h.Node.Name, c.Name), Want: h.wantNeigh(), Got: "→ " + c.got.String()})
			f.Tasks = append(f.Tasks, tasksWith(h.Net, c.got)...)
			if wrong || i > 0 {
				f.Relief += "\n" + c.command(&h, "flush")
			}
		}
		out = append(out, f)
	}
	return out
}

// wrongClient is a local sandbox whose own cache has a wrong MAC address.
type wrongClient struct {
	Name string
	ns   *fact.NetNS
	link string
	got  fact.MAC
}

func (c *wrongClient) command(h *heldRow, verb string) string {
	return fmt.Sprintf("on %s: %sip neigh %s to %s dev %s", h.Node.Name, Enter(c.ns.Name), verb, h.IP, quoted(c.link))
}

// wrongClients lists the sandboxes on the row's node that remember another MAC
// address for it, those left out that reached it all the same.
func (in *In) wrongClients(h *heldRow) []wrongClient {
	var out []wrongClient
	if h.Task == "" {
		return nil
	}
	for _, p := range in.ports(h.Node, h.Net, h.NS) {
		if p.Inner == nil || in.reached(h.Node.Name, p.Sandbox.Name, h) {
			continue
		}
		for _, n := range p.Sandbox.Neighbours {
			if n.IP == h.IP && n.Link == p.Inner.Index && n.MAC != h.MAC && valid(n) {
				out = append(out, wrongClient{p.Name, p.Sandbox, p.Inner.Name, n.MAC})
			}
		}
	}
	return out
}

// valid: the states in which the kernel uses a row's MAC address.
func valid(n fact.Neighbour) bool {
	used := []fact.NeighbourState{fact.Permanent, fact.Reachable, fact.Stale, fact.Delay, fact.ProbeState}
	return slices.Contains(used, n.State) && !n.MAC.IsZero()
}

// opening is a connection that opened: from a namespace to an address.
type opening struct {
	node, netns string
	to          netip.Addr
}

func (in *In) reached(node, ns string, h *heldRow) bool {
	if in.opened == nil {
		in.opened = map[opening]bool{}
		for i := range in.Seen.TCP {
			if p := &in.Seen.TCP[i]; p.Outcome == fact.Open {
				in.opened[opening{p.From.Node, p.From.NetNS, p.Target.Addr()}] = true
			}
		}
	}
	return in.opened[opening{node, ns, h.IP}]
}
