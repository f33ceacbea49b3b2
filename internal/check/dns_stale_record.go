package check

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DNSStaleRecord finds addresses that a name still leads to and that nobody has
// any more.
var DNSStaleRecord = &Check{
	ID:    "dns-stale-record",
	Title: "a name leads to an address that no task has any more",
	Doc: Doc{
		Symptom: "Every so many connections to a service hang or fail, from the containers of one node or of all; `tasks.SERVICE` lists more addresses than there are tasks.",
		Cause:   "An engine answers from what gossip told it. It missed that a task ended (the message was lost, or the node died with its engine), and keeps the task's address until it is told or restarted.",
		ByHand: "`dig @127.0.0.11 tasks.SERVICE` in a container's namespace against `docker service ps SERVICE` and the tasks' addresses. " +
			"`docker network inspect -v NETWORK` on that node says whether gossip still holds the address (Services), or only the resolver does.",
		Relief: "Restart the engine whose answer is wrong; drain its node first. Where gossip holds the record, find the owner first, the node with the entry's host address, and restart that one.",
		Fix:    "Upgrade the engines (lost deletes are rare since 18.03), and keep UDP and TCP 7946 open between all nodes.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindDNS, fact.KindNetworks},
	Side:    FromSide,
	Because: []string{"networkdb-stale-entries", "gossip-7946-blocked", "gossip-udp-blocked", "gossip-split-islands", "dockerd-hung"},
	Claims:  anyFailure,
	Run:     staleRecords,
}

// lingers is how long after its end a task's name may still be there.
const lingers = 60 * time.Second

func staleRecords(in *In) []Finding {
	var out []Finding
	for _, a := range in.askers() {
		for _, id := range in.Scope.ToServices {
			svc := in.Wanted.Service(id)
			if svc == nil {
				continue
			}
			addrs, ok := in.answer(&a, "tasks."+svc.Name)
			for _, addr := range addrs {
				if net := in.networkWith(addr); ok && net != nil && in.nobodys(net.ID, addr) {
					out = append(out, in.stale(&a, svc, net, addr))
				}
			}
		}
	}
	return in.oncePerService(oncePerNode(out))
}

// nobodys reports whether no task, service or container has an address, nor had
// it in the last minute.
func (in *In) nobodys(net fact.NetworkID, a netip.Addr) bool {
	var late []string
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		switch {
		case t.Addr(net) != a:
		case !t.Terminal() || t.Draining(in.Taken):
			return false
		case in.Taken.Sub(t.StateSince) < lingers || in.Taken.Sub(t.Updated) < lingers:
			late = append(late, expect.NameOf(t))
		}
	}
	if in.isVIP(net, a) || in.standalone(net, a) != "" || in.believedRunning(net, a) {
		return false
	}
	if len(late) > 0 {
		in.Blind("%s of %s, which ended less than a minute ago, may go yet", a, slices.Min(late))
	}
	return len(late) == 0
}

func (in *In) stale(a *asker, svc *fact.Service, net *fact.Network, addr netip.Addr) Finding {
	f := Finding{Certainty: Proof, Node: a.Node.Name, Network: net.ID, Subject: ServiceSubject(svc),
		Message: fmt.Sprintf("tasks.%s leads from %s to %s, which no task on %s has", svc.Name, a.Node.Name, addr, net.Name),
		Confirm: a.ask(in.netns(a), "@127.0.0.11", "tasks."+svc.Name),
		Relief:  restartEngine(a.Node.Name), Impact: ImpactNode(a.Node.Name)}
	if t := believedAt(a.Node.Engine.Network(net.ID), addr); t != nil {
		owner := expect.NodeAt(in.Snapshot, t.HostIP)
		f.Relief, f.Impact = in.disown(owner, t.HostIP)
		if owner != "" {
			f.Nodes = []fact.NodeID{owner}
		}
	}
	for _, p := range in.Seen.TCP {
		f.Probed = f.Probed || failed(p.Outcome) && p.From.Node == a.Node.Name && p.Target.Addr() == addr
	}
	got := addr.String() + ", of nobody; "
	if name := believedName(a.Node.Engine.Network(net.ID), addr); name != "" {
		got += "gossip there still tells of it as " + name
	} else {
		got += "only the resolver still knows it, gossip there does not"
	}
	for _, p := range in.Seen.DNS {
		if p.From.Node == a.Node.Name && p.Type == "PTR" && p.Name == addr.String() && len(p.Names) > 0 {
			got += "; its name is " + slices.Min(p.Names)
		}
	}
	f.Evidence = []Evidence{{Where: fmt.Sprintf("%s: tasks.%s", a.Node.Name, svc.Name), Want: "addresses of running tasks", Got: got}}
	return f
}
