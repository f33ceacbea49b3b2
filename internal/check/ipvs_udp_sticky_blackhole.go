package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// IPVSUDPSticky finds balancers that send datagrams of old flows to tasks that
// are gone.
var IPVSUDPSticky = &Check{
	ID:    "ipvs-udp-sticky-blackhole",
	Title: "the load balancer keeps datagrams of old senders for a task that is gone",
	Doc: Doc{
		Symptom: "After a task was replaced, datagrams of some senders (syslog, DNS, statsd) get lost for up to five minutes, while new senders get through.",
		Cause: "IPVS remembers which backend the datagrams of a source address and port go to for 300 s, although UDP has no connections. When that backend is removed, it drops what still comes, unless " +
			"net.ipv4.vs.expire_nodest_conn is 1. Engines since 18.09 set it in the balancers' namespaces, but not where ip_vs was loaded later, and 28.5 and 29 set it in the host's instead on new kernels.",
		ByHand: "`nsenter --net=/var/run/docker/netns/lb_… ipvsadm -Lcn` (or ingress_sbox): a UDP row whose destination is not among those of `ipvsadm -Ln`; `sysctl net.ipv4.vs.expire_nodest_conn` there is 0.",
		Relief: "`sysctl -w net.ipv4.vs.expire_nodest_conn=1` in the balancer's namespace; or the sender takes another source port, or is silent until the row is gone.",
		Fix:    "Senders that change their source port now and then; host mode for UDP services; an engine that sets the value in the balancer's namespace.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindIPVS, fact.KindSysctls},
	Because: []string{"ipvs-dest-missing"},
	Claims:  noConnect,
	Run:     udpSticky,
}

func udpSticky(in *In) []Finding {
	var out []Finding
	for _, b := range in.balances() {
		udp := b.Port == nil && in.Scope.Proto == "udp" || b.Port != nil && b.Port.Port.Proto == "udp"
		if v, _ := b.NS.Sysctl("net.ipv4.vs.expire_nodest_conn"); !udp || v != "0" {
			continue
		}
		var lost []fact.StrandedFlow
		for _, f := range b.NS.IPVS.Stranded {
			ours := b.Port == nil && f.Virtual.Addr() == b.VIP || b.Port != nil && f.Virtual.Port() == b.Port.Port.Published
			if ours && b.Virtual.Backend(f.Backend.Addr()) == nil {
				lost = append(lost, f)
			}
		}
		if len(lost) > 0 {
			out = append(out, b.sticky(in, lost))
		}
	}
	return out
}

func (b *balance) sticky(in *In, lost []fact.StrandedFlow) Finding {
	var gone []string
	for _, f := range lost {
		if a := f.Backend.Addr().String(); !slices.Contains(gone, a) {
			gone = append(gone, a)
		}
	}
	slices.Sort(gone)
	f := Finding{Certainty: Strong, Node: b.Node.Name, Network: b.Net.ID, Subject: in.NodeSubject(b.Node.ID), Services: []fact.ServiceID{b.Service.ID}, Nodes: []fact.NodeID{b.Node.ID},
		Message: fmt.Sprintf("the load balancer of %s on %s keeps %d UDP %s of %s for %s, which %s gone: what they send is dropped", b.Net.Name, b.Node.Name,
			len(lost), plural(len(lost), "flow", "flows"), b.Service.Name, strings.Join(gone[:min(3, len(gone))], ", "), plural(len(gone), "is", "are")),
		Confirm: b.on("ipvsadm -Lcn"), Relief: b.on("sysctl -w net.ipv4.vs.expire_nodest_conn=1"), Impact: ImpactNone}
	for _, l := range lost[:min(4, len(lost))] {
		f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: %s: flow from %s to %s", b.Node.Name, b.NS.Name, l.Client, l.Virtual), "a backend of " + b.Service.Name,
			fmt.Sprintf("%s, for %d s more", l.Backend, int(l.Left.Seconds()))})
	}
	f.Evidence = append(f.Evidence, Evidence{b.Node.Name + ": " + b.NS.Name + ": net.ipv4.vs.expire_nodest_conn", "1", "0"})
	return f
}
