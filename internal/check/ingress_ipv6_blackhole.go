package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressIPv6 finds clients that wait on a published port over IPv6, where
// nobody serves them.
var IngressIPv6 = &Check{
	ID:    "ingress-ipv6-blackhole",
	Title: "clients ask a published port over IPv6, which the routing mesh does not serve",
	Doc: Doc{
		Symptom: "`curl localhost:PORT` hangs and `curl 127.0.0.1:PORT` answers; clients whose name server gives an AAAA record hang, others do not.",
		Cause: "The engine reserves a published port by listening on [::]:PORT, and never accepts anything there: requests over IPv4 are led away by its rules before they reach that socket, and there are no such rules for IPv6. " +
			"So a connection over IPv6 opens, and no answer ever comes. That is so on every node; it matters where clients come that way. (29.0.0-beta publishes by a proxy that serves IPv6.)",
		ByHand: "`ss -tn 'sport = :PORT'` on the node: ESTAB rows with an IPv6 peer and no process; `curl -6 -m 3 http://[ADDRESS]:PORT/` times out.",
		Relief: "Let the clients ask by IPv4: a name without AAAA record, 127.0.0.1 instead of localhost.",
		Fix:    "Put a proxy that serves IPv6 before the nodes; or publish the port in host mode on networks with IPv6.",
	},
	Needs:  []fact.Kind{fact.KindSwarm, fact.KindSockets},
	Claims: noConnect,
	Run:    ingressIPv6,
}

func ingressIPv6(in *In) []Finding {
	var out []Finding
	for i := range in.Scope.Mesh {
		p := &in.Scope.Mesh[i]
		if p.Network == "" || p.Port.Proto != "tcp" {
			continue
		}
		for _, n := range in.meshNodes() {
			host := n.Kernel.Host()
			if host == nil || !in.Can(n, host.Name, fact.KindSockets) {
				continue
			}
			if s := reservation(host, p); s != nil && s.Waiting6 > 0 {
				out = append(out, in.overIPv6(n, p, s))
			}
		}
	}
	return out
}

// reservation is the engine's own socket on a published port, or nil. One whose
// owner nobody knows is the engine's when root owns it.
func reservation(host *fact.NetNS, p *expect.Published) *fact.Socket {
	i := slices.IndexFunc(host.Sockets, func(s fact.Socket) bool {
		return s.Proto == "tcp" && s.Local.Port() == p.Port.Published && s.Local.Addr().Is6() && (s.Owner == "dockerd" || s.Owner == "" && s.UID == 0)
	})
	if i < 0 {
		return nil
	}
	return &host.Sockets[i]
}

func (in *In) overIPv6(n *fact.Node, p *expect.Published, s *fact.Socket) Finding {
	return Finding{Certainty: Strong, Node: n.Name, Network: p.Network, Subject: in.NodeSubject(n.ID), Services: []fact.ServiceID{p.Service}, Nodes: []fact.NodeID{n.ID},
		Message: fmt.Sprintf("%d %s on %s over IPv6 for port %d of %s: nobody serves them", s.Waiting6, plural(int(s.Waiting6), "client waits", "clients wait"), n.Name, p.Port.Published, p.Name),
		Evidence: []Evidence{{fmt.Sprintf("%s: %s, where the engine accepts nothing", n.Name, s.Local), "no connection over IPv6",
			fmt.Sprintf("%d established and not accepted", s.Waiting6)}},
		Confirm: fmt.Sprintf("on %s: ss -6tn state established 'sport = :%d'", n.Name, p.Port.Published),
		Relief:  fmt.Sprintf("in the clients, ask %s:%d by its IPv4 address", n.Name, p.Port.Published), Impact: ImpactNone}
}
