package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IPVSDestStale finds backends of a node's balancer that are no task of the service.
var IPVSDestStale = &Check{
	ID:    "ipvs-dest-stale",
	Title: "a node's load balancer leads to an address that no task of the service has",
	Doc: Doc{
		Symptom: "From one node every so many connections to a virtual IP or published port hang, are refused or are answered by somebody else.",
		Cause:   "The task ended, and the engine did not take it out of IPVS: the message was lost, or the engine had counted the task twice.",
		ByHand:  "`ipvsadm -Ln` in the namespace (ingress_sbox, or lb_ and the first nine of the network's ID), against the addresses of the running tasks: `docker inspect --format '{{json .NetworksAttachments}}' TASK`. Weight 0 is a task on its way out.",
		Relief:  "Take the backend out by hand.",
		Fix:     "Restart the engine on that node in a quiet hour; upgrade the engines.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindRules, fact.KindIPVS, fact.KindLinks},
	Side:    FromSide,
	Because: []string{"networkdb-stale-entries", "gossip-7946-blocked", "gossip-udp-blocked", "gossip-split-islands", "dockerd-hung", "duplicate-node-identity", "ghost-tasks-of-removed-node", "vip-disagreement"},
	Run:     destStale,
}

func destStale(in *In) []Finding {
	var out []Finding
	for _, b := range in.balances() {
		if b.Virtual == nil {
			continue
		}
		for _, r := range b.Virtual.Backends {
			at := r.Addr.Addr()
			last, gone := in.lastWith(b.Service.ID, b.Net.ID, at)
			if !gone {
				continue
			}
			f := b.finding(in, fmt.Sprintf("the load balancer of %s on %s leads the %s to %s, which no task of %s has", b.Net.Name, b.Node.Name, &b, at, b.Service.Name))
			got := fmt.Sprintf("%s, weight %d, ", at, r.Weight)
			switch owner := in.ownerAt(b.Net.ID, at); {
			case owner != nil:
				got += "of " + expect.NameOf(owner)
			case last != nil:
				got += fmt.Sprintf("of %s, which is %s", expect.NameOf(last), last.State)
			default:
				got += "of nobody"
			}
			if t := believedAt(b.Node.Engine.Network(b.Net.ID), at); t != nil {
				got += "; gossip there still tells of it as " + t.Name
			}
			f.Evidence = []Evidence{{b.where(fmt.Sprintf("IPVS, FWM %d,", b.Virtual.Mark)), "running tasks of " + b.Service.Name, got}}
			f.Subject = ServiceSubject(b.Service)
			if last != nil {
				f.Tasks = []fact.TaskID{last.ID}
			}
			f.Relief = b.on("ipvsadm -d -f %d -r %s", b.Virtual.Mark, r.Addr)
			out = append(out, f)
		}
	}
	return onceEach(out)
}

// onceEach makes one finding of those about the same objects; each has one piece
// of evidence.
func onceEach(list []Finding) []Finding {
	var out []Finding
	for _, f := range list {
		i := slices.IndexFunc(out, func(o Finding) bool { return o.key() == f.key() })
		if i < 0 {
			out = append(out, f)
			continue
		}
		if slices.Contains(out[i].Evidence, f.Evidence[0]) {
			continue // another port of the same service
		}
		out[i].Evidence, out[i].Tasks = append(out[i].Evidence, f.Evidence...), append(out[i].Tasks, f.Tasks...)
		out[i].Relief = lines(out[i].Relief, f.Relief)
	}
	return out
}

// lastWith reports whether no task of a service has an address, nor has it on its
// way up or out, and which had it last.
func (in *In) lastWith(svc fact.ServiceID, net fact.NetworkID, a netip.Addr) (last *fact.Task, gone bool) {
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		switch {
		case t.ServiceID != svc || t.Addr(net) != a:
		case !t.Terminal() || t.Draining(in.Taken):
			return nil, false
		case last == nil || t.StateSince.After(last.StateSince):
			last = t
		}
	}
	return last, true
}

// ownerAt is the task that has an address now, nil when none has.
func (in *In) ownerAt(net fact.NetworkID, a netip.Addr) *fact.Task {
	i := slices.IndexFunc(in.Wanted.Tasks, func(t fact.Task) bool { return t.Running() && t.Addr(net) == a })
	if i < 0 {
		return nil
	}
	return &in.Wanted.Tasks[i]
}
