package check

import (
	"cmp"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// OutsideUnreachable finds places outside that the nodes themselves do not reach
// either.
var OutsideUnreachable = &Check{
	ID:    "outside-unreachable",
	Title: "the place outside does not let the nodes themselves in either",
	Doc: Doc{
		Symptom: "Connections of tasks to a place outside the Swarm are refused, or end without an answer.",
		Cause: "The node itself, with its own address and without any network of the engine's, gets the same refusal or silence from there. Nobody listens on that port, the place is down, a firewall there or on the way drops, or no route leads there: nothing in the Swarm does. " +
			"Where some nodes are let in and others are not, a firewall knows some of their addresses only; what tasks send has their node's address.",
		ByHand: "On the nodes, not in a container: `nc -vz ADDRESS PORT`; `ip route get ADDRESS`; `tcptraceroute ADDRESS PORT`. Refused at once: the way is good and nobody listens (or somebody rejects). Silence: the way, or a firewall.",
		Relief: "Look there, not in the Swarm: whether the program listens on that port, which addresses its firewall lets in (every node's own), and whether a route leads there and back.",
		Fix:    "Start what should listen there, or correct address and port; let in the addresses of all nodes that the service may run on, for a task moves from node to node.",
	},
	Needs:   []fact.Kind{fact.KindTCP, fact.KindUnderlay},
	Side:    FromSide,
	Because: []string{"address-pool-overlap", "conntrack-full", "neigh-table-overflow"},
	Claims:  anyFailure,
	Run:     outsideClosed,
}

func outsideClosed(in *In) []Finding {
	tried := in.leaving()
	if in.Scope.Outside == nil {
		return nil
	}
	if len(tried) == 0 && len(expect.Unnamed(in.Snapshot, in.Scope)) == 0 {
		in.Blind("nobody could try to reach %s", in.Scope.Outside.Name)
	}
	in.toldNotTried(tried)
	var shut []shutOut
	whose, same := in.askingService()
	for i := range tried {
		p := &tried[i]
		h := in.hostsOwn(p)
		switch {
		case !failed(p.Outcome):
			same = false
		case expect.OverlayWith(in.Snapshot, p.Target.Addr()) != nil:
			in.Blind("%s: no host reaches %s, an address of network %s, so that the node itself fails there says nothing", p.From.Node, p.Target, expect.OverlayWith(in.Snapshot, p.Target.Addr()).Name)
			same = false
		case h == nil || h.Outcome == fact.ProbeError:
			in.Blind("%s: whether the node itself reaches %s was not found out, so the cause may be there", p.From.Node, p.Target)
			same = false
		case failed(h.Outcome) && in.ownWall(p) != "":
			in.Blind("%s: %s drops what the node itself sends to %s, so its silence says nothing", p.From.Node, in.ownWall(p), p.Target)
			same = false
		case (h.Outcome == fact.Refused) == (p.Outcome == fact.Refused) && failed(h.Outcome):
			shut = in.shutOut(shut, p, h)
		default:
			same = false
		}
	}
	slices.SortFunc(shut, func(a, b shutOut) int { return cmp.Compare(a.Node, b.Node) })
	var out []Finding
	all := shutOut{}
	for i := range shut {
		f := shut[i].Finding
		all.Refused, all.Silent = all.Refused || shut[i].Refused, all.Silent || shut[i].Silent
		all.Evidence, all.Tasks, all.Nodes, all.Places = append(all.Evidence, f.Evidence...), append(all.Tasks, f.Tasks...), append(all.Nodes, f.Nodes...), append(all.Places, f.Places...)
		at := f.Places[0]
		if shut[i].Silent {
			at = shut[i].SilentAt
		}
		f.Message = shut[i].told(in.place(at), f.Node+" itself") + in.letIn(&f, tried)
		out = append(out, f)
	}
	if len(out) == 0 || !same || all.Refused && all.Silent {
		return out
	}
	f := out[0]
	f.Evidence, f.Tasks, f.Nodes, f.Places = all.Evidence, all.Tasks, all.Nodes, all.Places
	f.Node, f.Subject, f.Message = "", whose, all.told(in.place(f.Places[0]), map[bool]string{true: "every node that asked", false: "any node that asked"}[all.Refused])
	return []Finding{f}
}
