package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// ConntrackFull finds nodes that have no room for another connection.
var ConntrackFull = &Check{
	ID:    "conntrack-full",
	Title: "the table of connections is full, so new ones are dropped",
	Doc: Doc{
		Symptom: "New connections fail or are slow at random on a node under load, established ones go on; the kernel's log says \"nf_conntrack: table full, dropping packet\".",
		Cause: "The kernel keeps an entry for every connection that its rules look at: of published ports in the host and in ingress_sbox, of virtual IPs in each lb_ namespace, and in the host one for every VXLAN flow and direction, " +
			"because their source ports differ and nothing answers on them. Each namespace counts for itself, the maximum is the kernel's. At the maximum, packets of new connections are dropped.",
		ByHand: "`sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max`, in the host and in each of those namespaces; `conntrack -S`: drop and early_drop rise.",
		Relief: "Raise the maximum: `sysctl -w net.netfilter.nf_conntrack_max=…` on the host; an entry takes about 300 bytes.",
		Fix:    "Keep the new maximum in /etc/sysctl.d; take VXLAN out of the table with `iptables -t raw -A PREROUTING -p udp --dport 4789 -j NOTRACK` (and OUTPUT); find out who opens so many connections (`conntrack -L`).",
	},
	Needs:   []fact.Kind{fact.KindSysctls, fact.KindCounters},
	Outside: true,
	Run:     conntrackFull,
}

// crowded is how full a table must be, in percent. What comes and goes in a
// second look is less than the rest.
const crowded = 95

func conntrackFull(in *In) []Finding {
	var out []Finding
	for _, n := range in.Sighted {
		host := n.Kernel.Host()
		if host == nil {
			in.Blind("%s: its kernel was not seen", n.Name)
			continue
		}
		for _, ns := range in.tracking(n, host) {
			if !in.Can(n, ns.Name, fact.KindSysctls, fact.KindCounters) {
				continue
			}
			count, most := setting(ns, "count"), setting(ns, "max")
			if m := setting(host, "max"); m > 0 && (most == 0 || m < most) {
				most = m
			}
			if most > 0 && count*100 >= most*crowded {
				out = append(out, in.full(n, ns, count, most))
			}
		}
	}
	return out
}

// tracking are the namespaces of a node that connections in question pass and
// that track them.
func (in *In) tracking(n *fact.Node, host *fact.NetNS) []*fact.NetNS {
	out := []*fact.NetNS{host}
	if in.meshNetwork() != "" {
		if ns := expect.IngressSandbox(n); ns != nil {
			out = append(out, ns)
		}
	}
	for _, id := range in.Scope.Networks {
		if ns := expect.Balancer(n, id); ns != nil {
			out = append(out, ns)
		}
	}
	return out
}

// setting is a number of conntrack's; 0 where there is none.
func setting(ns *fact.NetNS, what string) int {
	text, _ := ns.Sysctl("net.netfilter.nf_conntrack_" + what)
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 || v > 1<<40 {
		return 0
	}
	return v
}

func (in *In) full(n *fact.Node, ns *fact.NetNS, count, most int) Finding {
	f := Finding{Certainty: Hint, Node: n.Name, Network: ns.Network, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Impact: ImpactNone,
		Message:  fmt.Sprintf("%s of %s tracks %d connections and may track %d", ns.Name, n.Name, count, most),
		Evidence: []Evidence{{n.Name + ": " + ns.Name + ": nf_conntrack_count", fmt.Sprintf("well below %d", most), strconv.Itoa(count)}}}
	enter := Enter(ns.Name)
	if ns.Role == fact.RoleHost {
		enter = ""
	}
	f.Confirm = fmt.Sprintf("on %s: %ssysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max", n.Name, enter)
	f.Relief = fmt.Sprintf("on %s: sysctl -w net.netfilter.nf_conntrack_max=%d", n.Name, 4*most)
	f.Probed = in.silentAt(n)
	if count >= most {
		f.Certainty = Strong
	}
	var lost []string
	for _, name := range []string{"drop", "early_drop"} {
		if c := ns.Counter("", "nf_conntrack."+name); c != nil && c.Delta() > 0 {
			f.Certainty = Strong
			lost = append(lost, fmt.Sprintf("%s rose by %d while we looked", name, c.Delta()))
		}
	}
	if len(lost) > 0 {
		f.Message += ": " + strings.Join(lost, ", ")
		f.Evidence = append(f.Evidence, Evidence{n.Name + ": " + ns.Name + ": conntrack's counters", "no drops", strings.Join(lost, ", ")})
	}
	return f
}

// silentAt: something that was asked of a node, or from there, got no answer.
func (in *In) silentAt(n *fact.Node) bool {
	return slices.ContainsFunc(in.Seen.Published, func(q fact.PublishedProbe) bool {
		return (q.Node == n.ID || q.From.Node == n.Name) && slices.ContainsFunc(q.Requests, func(r fact.Request) bool { return r.Outcome == fact.Timeout })
	}) || slices.ContainsFunc(in.Seen.TCP, func(p fact.TCPProbe) bool { return p.From.Node == n.Name && p.Outcome == fact.Timeout })
}
