package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DSRMisconfiguration finds tasks on a network with the option dsr that are not
// set up to answer for their virtual IP.
var DSRMisconfiguration = &Check{
	ID:    "dsr-misconfiguration",
	Title: "a task on a network with direct server return cannot answer for its virtual IP",
	Doc: Doc{
		Symptom: "On a network made with `--opt dsr` every so many connections to a virtual IP time out; the task answers on its own address.",
		Cause: "With direct server return the task itself answers the client, from the virtual IP. So the engine puts that address on the task's lo, and has its interface keep silent about it (arp_ignore 1, arp_announce 2). " +
			"Whatever sets addresses or settings inside the container can undo that.",
		ByHand: "In the task's namespace: `ip addr show lo` has VIP/32; `sysctl net.ipv4.conf.eth0.arp_ignore net.ipv4.conf.eth0.arp_announce` are 1 and 2 for its interface on the network.",
		Relief: "Put address and settings back by hand; or start the task anew.",
		Fix:    "Keep network tools out of the image. The port of the service and of the task must be the same, and only tasks can be clients: without such a need make the network without the option.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindLinks, fact.KindSysctls},
	Side:  ToSide,
	// A connection to the task's own address is none of it.
	Claims: func(p *fact.TCPProbe) bool { return p.To == "" },
	Run:    dsrMisconfigured,
}

func dsrMisconfigured(in *In) []Finding {
	var out []Finding
	for _, v := range in.vips() {
		for i := range in.Scope.To {
			e := &in.Scope.To[i]
			n, at := in.Node(e.Node), e.Addr(v.Net.ID)
			if !v.Net.DSR || e.Service != v.Service.ID || !e.Running || !at.IsValid() || n == nil || n.Kernel == nil || !in.serves(n) {
				continue
			}
			ns := expect.Sandbox(in.Snapshot, e)
			if ns == nil {
				in.Blind("%s: the namespace of %s was not found", n.Name, e.Name)
				continue
			}
			if in.Can(n, ns.Name, fact.KindLinks, fact.KindSysctls) {
				if f, wrong := in.dsrTask(ns, e, &v, at); wrong {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// dsrTask judges one task.
func (in *In) dsrTask(ns *fact.NetNS, e *expect.End, v *virtualIP, at netip.Addr) (Finding, bool) {
	f := Finding{Certainty: Proof, Node: e.NodeName, Network: v.Net.ID, Subject: EndSubject(e), Tasks: []fact.TaskID{e.Task}, Impact: ImpactNone,
		Message: fmt.Sprintf("%s on %s is not set up to answer for the virtual IP %s of %s, as direct server return needs it", e.Name, e.NodeName, v.Addr, v.Net.Name),
		Confirm: fmt.Sprintf("on %s: %sip addr show lo", e.NodeName, Enter(ns.Name))}
	f.Probed = slices.ContainsFunc(in.Seen.Published, func(q fact.PublishedProbe) bool {
		return q.Stage == fact.StageVIP && q.Service == e.Service && q.Network == v.Net.ID && ailing(&q)
	})
	say := func(what, want, got, relief string) {
		f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: %s of %s", e.NodeName, what, e.Name), want, got})
		f.Relief = lines(f.Relief, fmt.Sprintf("on %s: %s%s", e.NodeName, Enter(ns.Name), relief))
	}
	if ns.LinkWith(v.Addr) == nil {
		say("lo", v.Addr.String()+"/32", "not there", fmt.Sprintf("ip addr add %s/32 dev lo", v.Addr))
	}
	link := ns.LinkWith(at)
	if link == nil {
		return f, len(f.Evidence) > 0 // overlay-port-down-or-unenslaved has it
	}
	for _, c := range []struct {
		name string
		want int
	}{{"arp_ignore", 1}, {"arp_announce", 2}} {
		switch got := arpSetting(ns, link.Name, c.name); {
		case got < 0:
			in.Blind("%s: %s of %s is not known", e.NodeName, c.name, e.Name)
		case got < c.want:
			key := "net.ipv4.conf." + link.Name + "." + c.name
			say("settings", fmt.Sprintf("%s %d", key, c.want), strconv.Itoa(got), fmt.Sprintf("sysctl -w %s=%d", key, c.want))
		}
	}
	return f, len(f.Evidence) > 0
}

// arpSetting is a setting as it is in force: the larger one of the interface's and
// that for all (kernel: ip-sysctl); -1 where it was not read.
func arpSetting(ns *fact.NetNS, link, name string) int {
	own, read := ns.Sysctl("net.ipv4.conf." + link + "." + name)
	n, err := strconv.Atoi(own)
	if !read || err != nil {
		return -1
	}
	if all, read := ns.Sysctl("net.ipv4.conf.all." + name); read {
		if a, err := strconv.Atoi(all); err == nil {
			n = max(n, a)
		}
	}
	return n
}
