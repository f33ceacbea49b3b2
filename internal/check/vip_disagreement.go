package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// VIPDisagreement finds nodes that believe in another virtual IP of a service than
// the managers gave it.
var VIPDisagreement = &Check{
	ID:    "vip-disagreement",
	Title: "a node believes in another virtual IP than the managers gave the service",
	Doc: Doc{
		Symptom: "A service's name leads to different addresses on different nodes, and some of them answer nobody, or somebody else.",
		Cause:   "Gossip tells two addresses of one service on one network: it was made anew, restored from a backup, or allocated twice while the managers did not see each other. Each node keeps the one it heard first.",
		ByHand:  "`docker network inspect -v NETWORK` on every node: the service's VIP is the same, and that of `docker service inspect --format '{{json .Endpoint.VirtualIPs}}' SERVICE`.",
		Relief:  "Let clients use tasks.NAME, and restart the engine of a node that believes in the wrong one.",
		Fix:     "Remove the service, wait ten seconds, and make it anew.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindRules},
	Side:    FromSide,
	Because: []string{"networkdb-stale-entries", "gossip-7946-blocked", "gossip-udp-blocked", "gossip-split-islands", "dockerd-hung"},
	Claims:  anyFailure,
	Run:     vipDisagreement,
}

func vipDisagreement(in *In) []Finding {
	var out []Finding
	for _, v := range in.vips() {
		for _, n := range in.Sighted {
			e := believedService(n, v.Net.ID, v.Service.Name)
			if net := n.Engine.Network(v.Net.ID); e == nil || !net.Instantiated {
				continue
			}
			got, where := in.otherVIP(n, &v, e)
			if !got.IsValid() {
				continue
			}
			b := balance{Node: n, Net: v.Net, Service: v.Service, VIP: v.Addr}
			f := Finding{Certainty: Proof, Node: n.Name, Network: v.Net.ID, Subject: ServiceSubject(v.Service), Only: Balanced, Nodes: []fact.NodeID{n.ID}, Probed: b.fails(in),
				Services: []fact.ServiceID{v.Service.ID},
				Message:  fmt.Sprintf("%s believes that %s has the virtual IP %s on %s, and the managers gave it %s", n.Name, v.Service.Name, got, v.Net.Name, v.Addr),
				Evidence: []Evidence{{where, v.Addr.String(), got.String()}},
				Confirm:  fmt.Sprintf("on %s: docker network inspect -v %s | grep -A3 %s", n.Name, quoted(v.Net.Name), quoted(`"`+v.Service.Name+`"`)),
				Relief:   fmt.Sprintf("let clients use tasks.%s; %s", v.Service.Name, restartEngine(n.Name)), Impact: ImpactNode(n.Name)}
			out = append(out, f)
		}
	}
	return in.oncePerService(out)
}

// otherVIP is the virtual IP in which a node believes, where it is not the
// managers': by the address it balances under the service's mark, or by gossip,
// which may tell both and shows one of them by chance.
func (in *In) otherVIP(n *fact.Node, v *virtualIP, e *fact.BelievedService) (got netip.Addr, where string) {
	if ns := expect.Balancer(n, v.Net.ID); ns != nil {
		marked := expect.MarkedVIPs(ns, e.FWMark)
		for _, a := range marked {
			if a != v.Addr && !slices.Contains(marked, v.Addr) && !in.isVIP(v.Net.ID, a) {
				return a, fmt.Sprintf("%s: mangle INPUT of %s, mark %d", n.Name, ns.Name, e.FWMark)
			}
		}
	}
	if e.VIP.IsValid() && e.VIP != v.Addr {
		return e.VIP, fmt.Sprintf("%s: services of %s", n.Name, v.Net.Name)
	}
	return netip.Addr{}, ""
}
