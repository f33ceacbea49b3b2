package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// DNSUpstreamUnreachable finds nodes whose containers' resolver does not get
// through to the servers that it passes outside names on to.
var DNSUpstreamUnreachable = &Check{
	ID:    "dns-upstream-unreachable",
	Title: "the name servers outside do not answer from within containers",
	Doc: Doc{
		Symptom: "Names of services resolve, outside ones fail with SERVFAIL, or take 5 to 20 s. On the host itself they resolve.",
		Cause: "The engine's resolver asks the servers of the host's resolv.conf (or of --dns) from the container's own namespace: by its default route and docker_gwbridge, through the host's FORWARD chain. " +
			"A firewall drops it there or beyond, the servers answer the host's address only, the network is internal, or the server is a stub on the host's loopback that does not run. " +
			"SERVFAIL or REFUSED for one name alone may be trouble of that name's own servers: ask for another name.",
		ByHand: "The comment ExtServers in /etc/resolv.conf of the container names the servers. `nsenter --net=/var/run/docker/netns/SANDBOX dig @SERVER example.com` on the node; `journalctl -u docker --since -15min | grep resolver`.",
		Relief: "Let the containers' questions out: port 53, UDP and TCP, from docker_gwbridge.",
		Fix:    "Name servers that containers can reach: \"dns\" in daemon.json, or --dns for a service; open port 53 from the nodes to them.",
	},
	Needs:   []fact.Kind{fact.KindLogs},
	Because: []string{"internal-network-no-egress", "egress-gwbridge-broken", "daemon-iptables-disabled", "firewall-flush", "gwbridge-missing-or-conflict", "conntrack-full", "address-pool-overlap", "neigh-table-overflow"},
	Claims:  noConnect,
	Names:   true,
	Run:     upstreamUnreachable,
}

// upstreamFails is how often a server must have failed: each question that is not
// answered is logged.
const upstreamFails = 3

func upstreamUnreachable(in *In) []Finding {
	var out []Finding
	var about []netip.Addr
	for _, n := range in.logged() {
		list := in.said(n, "dns-upstream-failed")
		for _, a := range sendersOf(list) {
			of := slices.DeleteFunc(slices.Clone(list), func(s heard) bool { return s.Addr != a })
			if len(of) >= upstreamFails {
				out, about = append(out, in.silentUpstream(n, a, of)), append(about, a)
			}
		}
	}
	return in.upstreamAsked(out, about)
}

func (in *In) silentUpstream(n *fact.Node, a netip.Addr, list []heard) Finding {
	f := Finding{Certainty: Hint, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true, Meek: true, Only: Leaving, Impact: ImpactNone,
		Confirm: fmt.Sprintf("on %s: journalctl -u docker --since -15min | grep resolver", n.Name)}
	server := "a name server outside"
	if a.IsValid() {
		server = "the name server " + a.String()
		f.Confirm = fmt.Sprintf("on %s: nsenter --net=/var/run/docker/netns/SANDBOX dig @%s example.com", n.Name, a)
	}
	f.Message = fmt.Sprintf("%s does not answer containers on %s", server, n.Name)
	f.Evidence = []Evidence{quoteLog(logOf(n), "answers from "+server, list)}
	askers := askersOf(n, a)
	if len(askers) > 0 {
		f.Evidence = append(f.Evidence, Evidence{n.Name + ": resolv.conf of " + listed(askers), "servers that answer", a.String() + " is one of its servers outside"})
	}
	if a.IsLoopback() {
		f.Message += ": it is on the host's loopback, and nothing answers there"
		f.Relief = fmt.Sprintf("on %s: start the resolver that should listen on %s, or name others: \"dns\" in daemon.json", n.Name, a)
		return f
	}
	in.upstreamDropped(&f, n, nil, a, server)
	return f
}

// askersOf names the tasks of a node whose resolver passes questions on to a server.
func askersOf(n *fact.Node, a netip.Addr) []string {
	var out []string
	if n.Kernel == nil || n.Engine == nil {
		return nil
	}
	for i := range n.Kernel.Namespaces {
		ns := &n.Kernel.Namespaces[i]
		if ns.Resolv == nil || !slices.Contains(ns.Resolv.Upstream, a) || len(ns.Containers) == 0 {
			continue
		}
		if c := n.Engine.Container(ns.Containers[0]); c != nil {
			out = append(out, c.Name)
		}
	}
	slices.Sort(out)
	return out
}
