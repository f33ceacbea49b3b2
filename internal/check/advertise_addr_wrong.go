package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// AdvertiseAddrWrong finds nodes that tell their peers an address at which they
// are not.
var AdvertiseAddrWrong = &Check{
	ID:    "advertise-addr-wrong",
	Title: "a node tells its peers an address that is not its own",
	Doc: Doc{
		Symptom: "The node joined, is Ready and runs tasks, but no container on another node reaches them. After a cloud's NAT, a VPN, a cloned or moved machine, or a new DHCP lease.",
		Cause: "A node tells its peers where to send overlay packets once, when it joins (--advertise-addr, or --data-path-addr where given). That address is not on the host: a public one behind NAT, a loopback, " +
			"one of an interface that nobody else can reach, or one the host had before.",
		ByHand: "`docker info -f '{{.Swarm.NodeAddr}}'` and the \"Host IP\" of the node's tasks in `docker network inspect -v NETWORK`: `ip addr` on the node must list both.",
		Relief: "Give the host that address, if it is free and its peers can reach it there.",
		Fix:    "Let the node leave (a manager: demote it first) and join again with --advertise-addr and, if needed, --data-path-addr of the interface its peers reach. Remove its old entry with `docker node rm`.",
	},
	Needs: []fact.Kind{fact.KindInfo, fact.KindNetworks, fact.KindLinks},
	Run:   advertiseAddr,
}

func advertiseAddr(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		host := in.hostOf(node, fact.KindLinks)
		if host == nil {
			continue
		}
		for _, c := range in.claims(node) {
			f := Finding{Certainty: Proof, Structural: true, Node: node.Name, Subject: in.NodeSubject(node.ID),
				Evidence: []Evidence{{Where: node.Name + ": " + c.said, Want: "an address of the host", Got: c.addr.String()}},
				Confirm:  fmt.Sprintf("on %s: docker info -f '{{.Swarm.NodeAddr}}'; ip -br addr", node.Name)}
			switch {
			case c.addr.IsLoopback() || c.addr.IsUnspecified():
				if in.Wanted != nil && len(in.Wanted.Nodes) < 2 {
					continue // alone, it does no harm
				}
				f.Message = fmt.Sprintf("%s tells its peers to find it at %s, which is everybody's own", node.Name, c.addr)
			case host.LinkWith(c.addr) == nil:
				f.Message = fmt.Sprintf("%s tells its peers to find it at %s, which is not an address of the host", node.Name, c.addr)
				f.Certainty = in.translated(node, c.addr, f.Certainty)
			default:
				continue
			}
			if f.Certainty == "" || slices.ContainsFunc(out, func(o Finding) bool { return o.Node == f.Node }) {
				continue
			}
			f.Impact = ImpactNode(node.Name)
			out = append(out, f)
		}
	}
	return out
}

// claim is an address that a node tells its peers.
type claim struct {
	addr netip.Addr
	said string
}

func (in *In) claims(node *fact.Node) []claim {
	var out []claim
	if a, said := in.ownVTEP(node); a.IsValid() {
		out = append(out, claim{a, said})
	}
	if a := node.Engine.Swarm.NodeAddr; a.IsValid() && (len(out) == 0 || out[0].addr != a) {
		out = append(out, claim{a, "node address"})
	}
	return out
}

// translated lowers the certainty where an address that is not the host's works
// all the same, by one-to-one NAT: nothing is wrong where packets pass, and
// nobody knows where none was tried.
func (in *In) translated(node *fact.Node, a netip.Addr, c Certainty) Certainty {
	for _, peer := range expect.Peers(in.Snapshot, in.Scope, node) {
		if some, _ := in.crossings(node, &peer); some {
			return ""
		}
	}
	for i := range in.Nodes {
		n := &in.Nodes[i]
		if n.ID == node.ID {
			continue
		}
		peer := expect.Peer{ID: node.ID, Name: node.Name, Addr: a}
		if some, _ := in.crossings(n, &peer); some {
			return ""
		}
		if slices.ContainsFunc(in.asked(n, &peer, ""), answered) {
			c = Hint
		}
	}
	return c
}
