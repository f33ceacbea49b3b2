package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// OutsideNameUnknown finds names of places outside that the name servers there do
// not know.
var OutsideNameUnknown = &Check{
	ID:    "outside-name-unknown",
	Title: "the name servers outside know no address of the place that is asked about",
	Doc: Doc{
		Symptom: "A program says \"no such host\" or \"Name or service not known\" of a place outside the Swarm; other names resolve.",
		Cause: "The engine's resolver does not know the name, passes the question on to the servers of the node's resolv.conf (or of --dns), and these answer that there is no such name (NXDOMAIN), or that it has no A record: " +
			"it is mistyped, was taken away, is known inside the company or a VPN only, or has IPv6 addresses only. Nodes with other servers may get another answer.",
		ByHand: "In the container's namespace `dig @127.0.0.11 NAME`: the status and the answers. The comment ExtServers in the container's /etc/resolv.conf names the servers; `dig @SERVER NAME` asks them one by one, on every node.",
		Relief: "Use the name that the servers know, or the address: `fairway diagnose FROM ADDRESS:PORT` says whether it is reached.",
		Fix:    "Correct the name where the program reads it, or have the servers know it; give all nodes, or the service (`docker service update --dns-add SERVER SERVICE`), servers that do.",
	},
	Needs:   []fact.Kind{fact.KindDNS},
	Side:    FromSide,
	Because: []string{"internal-network-no-egress"},
	Claims:  noConnect,
	Names:   true,
	Run:     nameUnknown,
}

func nameUnknown(in *In) []Finding {
	if in.Scope.Outside == nil || in.Scope.Outside.Addr.IsValid() {
		return nil
	}
	in.otherServers()
	in.ledInside()
	all := in.resolvedBy()
	whose, same := in.askingService()
	var out []Finding
	for i := range all {
		bad := all[i].only(noSuchName)
		same = same && len(bad) == len(all[i].Asks)
		if len(bad) > 0 {
			out = append(out, in.unknownName(&all[i], bad, all))
		}
	}
	if len(out) > 0 && same {
		f := out[0]
		for _, o := range out[1:] {
			f.Evidence, f.Tasks, f.Nodes = append(f.Evidence, o.Evidence...), append(f.Tasks, o.Tasks...), append(f.Nodes, o.Nodes...)
		}
		f.Node, f.Subject, f.Message = "", whose, fmt.Sprintf("the name servers outside %s, whichever node asks", denied(all[0].Asks[0], all...))+in.searched(&all[0].Asks[0])
		return []Finding{f}
	}
	return out
}

// noSuchName: an answer came, and it is that there is no such name, or no address.
func noSuchName(d *fact.DNSProbe) bool {
	return d.Outcome == fact.Open && len(d.Addrs) == 0 && (d.RCode == "NXDOMAIN" || d.RCode == "NOERROR")
}

// denied says in one clause what the servers say of a name. Where one says that
// there is no such name and another that it has no address, the first counts.
func denied(d fact.DNSProbe, all ...resolved) string {
	none := func(d fact.DNSProbe) bool { return d.RCode == "NXDOMAIN" }
	if slices.ContainsFunc(all, func(r resolved) bool { return slices.ContainsFunc(r.Asks, none) }) {
		return fmt.Sprintf("say that there is no %s", d.Name)
	}
	return fmt.Sprintf("know no IPv4 address of %s", d.Name)
}

func (in *In) unknownName(r *resolved, bad []fact.DNSProbe, all []resolved) Finding {
	first := &bad[0]
	id := nodeNamed(in.Snapshot, r.Node)
	f := Finding{Certainty: Strong, Node: r.Node, Subject: in.NodeSubject(id), Only: Leaving, Impact: ImpactNone, Probed: true,
		Tasks: senders(bad), Nodes: []fact.NodeID{id}, Evidence: in.namedAt(r.Node, bad, "an address")}
	f.Message = fmt.Sprintf("the name servers that containers on %s ask %s", r.Node, denied(*first, resolved{Asks: bad}))
	f.Confirm = fmt.Sprintf("on %s: %sdig +time=4 +tries=1 @127.0.0.11 %s", r.Node, Enter(first.From.NetNS), quoted(first.Name))
	var told []string
	for i := range all {
		good := all[i].only(func(d *fact.DNSProbe) bool { return len(d.Addrs) > 0 })
		if len(good) == 0 {
			continue
		}
		told = append(told, all[i].Node)
		f.Evidence = append(f.Evidence, in.namedAt(all[i].Node, good, "the same answer on every node")...)
		if better := in.upstreamOf(&good[0].From); f.Relief == "" && len(better) > 0 && !slices.Equal(better, in.upstreamOf(&first.From)) && !better[0].IsLoopback() {
			if whose, ok := in.askingService(); ok {
				f.Relief, f.Impact = fmt.Sprintf("docker service update --dns-add %s %s", better[0], quoted(whose.Name)), "all tasks of "+whose.Name
			}
		}
	}
	if more := in.searched(first); more != "" {
		f.Message, f.Certainty, f.Meek = f.Message+more, Hint, true
	}
	if len(told) > 0 {
		f.Message += fmt.Sprintf("; on %s they are told one: the servers disagree", listed(told))
	}
	return f
}

// searched says within which domains programs look for a name as well, where that was
// not answered; empty where it was, or where there are none.
func (in *In) searched(d *fact.DNSProbe) string {
	ns := in.sourceSpace(&d.From)
	if expect.Searched(in.Snapshot, in.Scope, d.From) || ns == nil || ns.Resolv == nil {
		return ""
	}
	return fmt.Sprintf("; programs there also look for %s within %s, about which there is no answer", d.Name, listed(ns.Resolv.Search))
}
