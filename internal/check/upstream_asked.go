package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// upstreamAsked adds what questions for the place's name show to what the logs say:
// one finding a node in all, but for several servers that one log names.
func (in *In) upstreamAsked(list []Finding, about []netip.Addr) []Finding {
	if in.Scope.Outside == nil || in.Scope.Outside.Addr.IsValid() {
		return list
	}
	for _, r := range in.resolvedBy() {
		n := in.NodeNamed(r.Node)
		lost := r.only(func(d *fact.DNSProbe) bool { return n != nil && in.lostUpstream(n, d) })
		if len(lost) == 0 {
			continue
		}
		all := len(lost) == len(r.Asks)
		up := in.upstreamOf(&lost[0].From)
		i := -1
		for k, a := range about { // its log speaks of a server that they ask, as far as that is known
			if i < 0 && list[k].Node == r.Node && (!a.IsValid() || len(up) == 0 || slices.Contains(up, a)) {
				i = k
			}
		}
		if i < 0 {
			i, list = len(list), append(list, in.mutedUpstream(n, lost, all))
		} else if all && list[i].Certainty == Hint {
			list[i].Certainty, list[i].Meek = Strong, false // the log and the questions: two witnesses
		}
		f := &list[i]
		f.Tasks = append(f.Tasks, senders(lost)...)
		f.Evidence = append(f.Evidence, in.namedAt(r.Node, lost, "an answer from the name servers outside")...)
		f.Evidence = append(f.Evidence, in.ownNames(r.Node, &lost[0].From)...)
	}
	return list
}

// lostUpstream: the resolver lives, and what it passes on gets no answer, or a
// refusal. Questions that the engine itself refuses, for there are too many, are
// dns-forward-limit's.
func (in *In) lostUpstream(n *fact.Node, d *fact.DNSProbe) bool {
	switch {
	case d.Outcome == fact.Open && d.RCode == "SERVFAIL":
		return true
	case d.Outcome == fact.Open && d.RCode == "REFUSED":
		return len(in.said(n, "dns-forward-limit")) == 0
	case d.Outcome == fact.Timeout:
		own, asked := in.ownAnswered(&d.From)
		if !asked {
			in.Blind("%s on %s gets no answer about %s: whether its resolver lives was not asked", in.senderName(&d.From), n.Name, d.Name)
		}
		return own
	}
	return false
}

// ownAnswered reports whether a source got an answer about its own service, and
// whether it asked.
func (in *In) ownAnswered(src *fact.Source) (answered, asked bool) {
	for _, d := range in.Seen.DNS {
		if d.From == *src && d.Type == "A" && d.Server.Addr() == expect.ResolverAddr && d.Server.Port() == 53 && d.Name != in.Scope.Outside.Asked() {
			answered, asked = answered || d.Outcome == fact.Open, true
		}
	}
	return answered, asked
}

// ownNames is the evidence that names of services resolve.
func (in *In) ownNames(node string, src *fact.Source) []Evidence {
	var own *fact.DNSProbe
	for i := range in.Seen.DNS {
		d := &in.Seen.DNS[i]
		if d.From == *src && d.Type == "A" && d.Outcome == fact.Open && len(d.Addrs) > 0 && d.Name != in.Scope.Outside.Asked() && (own == nil || d.Name < own.Name) {
			own = d
		}
	}
	if own == nil {
		return nil
	}
	return []Evidence{{fmt.Sprintf("%s: %s, asked for by %s", node, own.Name, in.senderName(src)), "an answer from its resolver", resolvedTo(own)}}
}

// mutedUpstream is about a node whose tasks get no answer about the place's name.
// Where no rule of the host shows why, it takes all of its tasks and two looks.
func (in *In) mutedUpstream(n *fact.Node, lost []fact.DNSProbe, all bool) Finding {
	f := Finding{Certainty: Hint, Meek: true, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Only: Leaving, Impact: ImpactNone}
	if all {
		f.Certainty, f.Meek = Strong, false
	}
	d := &lost[0]
	f.Message = fmt.Sprintf("the name servers outside fail to answer containers on %s about %s: %s", n.Name, d.Name, resolvedTo(d))
	if d.RCode == "REFUSED" {
		f.Message = fmt.Sprintf("the name servers outside refuse to answer containers on %s about %s", n.Name, d.Name)
	}
	up := in.upstreamOf(&d.From)
	server := "@SERVER"
	if len(up) > 0 {
		server = "@" + up[0].String()
	}
	f.Confirm = fmt.Sprintf("on %s: %sdig +time=4 +tries=1 %s %s", n.Name, Enter(d.From.NetNS), server, quoted(d.Name))
	for _, a := range up {
		if f.Probed = in.upstreamDropped(&f, n, in.sourceSpace(&d.From), a, "the name server "+a.String()); f.Probed {
			break
		}
	}
	return f
}

// upstreamDropped makes a finding of a rule of the host's that drops what
// containers ask a server, where there is one for sure.
func (in *In) upstreamDropped(f *Finding, n *fact.Node, ns *fact.NetNS, a netip.Addr, server string) bool {
	host := n.Kernel.Host()
	if !a.IsValid() || a.IsLoopback() || host == nil || in.Missing(n.Name, host.Name, fact.KindRules) != nil || in.Missing(n.Name, host.Name, fact.KindLinks) != nil {
		return false
	}
	for _, proto := range []string{"udp", "tcp"} {
		w, why := expect.DepartFrom(in.Snapshot, n, ns, netip.AddrPortFrom(a, 53), proto)
		if why != "" || !w.Stopped() || w.By == nil {
			continue
		}
		f.Certainty, f.Meek = Strong, false
		f.Message = fmt.Sprintf("%s itself drops what containers ask %s", n.Name, server)
		f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: %s, %s 53 to %s", n.Name, w.By.Chain, strings.ToUpper(proto), a), "passes", shown(w.By)})
		f.Confirm = fmt.Sprintf("on %s: %s -nvL FORWARD", n.Name, iptablesOf(host, w.By.Backend))
		f.Relief = fmt.Sprintf("on %s: %s", n.Name, letPass(host, w.By, proto, 53))
		return true
	}
	return false
}
