package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// IPVSConnReuse finds balancers that drop the first packet of a connection
// whose source port was used a moment ago.
var IPVSConnReuse = &Check{
	ID:    "ipvs-conn-reuse-delay",
	Title: "the load balancer delays connections from a source port that is used again",
	Doc: Doc{
		Symptom: "Some connections through a virtual IP or a published port take one second longer, never more or less; the more connections a client makes, the more often. Those to tasks.NAME never do.",
		Cause: "A client that opens many connections uses a source port again while IPVS still has the old connection in TIME_WAIT. Before Linux 5.9, with net.ipv4.vs.conn_reuse_mode=1 and net.ipv4.vs.conntrack=1, " +
			"the kernel then drops the first packet, and the client sends it again after a second. Engines since 20.10 set the mode to 0 in the balancer's namespace, but not where ip_vs was loaded later. From Linux 5.9 on the mode delays nothing.",
		ByHand: "`nsenter --net=/var/run/docker/netns/lb_… sysctl net.ipv4.vs.conn_reuse_mode` (or ingress_sbox); `uname -r`; `nstat -az TcpExtTCPSynRetrans` in the client's namespace rises.",
		Relief: "`sysctl -w net.ipv4.vs.conn_reuse_mode=0` in the balancer's namespace.",
		Fix:    "Run Linux 5.9 or later. Let clients keep their connections, or use endpoint mode dnsrr.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindKernel, fact.KindIPVS, fact.KindSysctls, fact.KindCounters},
	Because: []string{"ipvs-kernel-missing"},
	Claims:  noConnect,
	Run:     connReuse,
}

// reuseFixed is the first kernel that lets such connections pass ("ipvs: allow
// connection reuse for unconfirmed conntrack"; kube-proxy 1.20 draws the same line).
var reuseFixed = []int{5, 9}

// A first packet that is lost is sent again after a second (Linux, all versions).
const (
	resent      = 950 * time.Millisecond
	resentTwice = 2 * time.Second
)

func connReuse(in *In) []Finding {
	var out []Finding
	var done []string
	for _, b := range in.balances() {
		at := b.Node.Name + "/" + b.NS.Name
		mode, known := b.NS.Sysctl("net.ipv4.vs.conn_reuse_mode")
		tracked, _ := b.NS.Sysctl("net.ipv4.vs.conntrack")
		if n := numbers(b.Node.Kernel.Release); !known || mode == "0" || tracked == "0" || len(n) == 0 || !before(n, reuseFixed) || slices.Contains(done, at) {
			continue
		}
		done = append(done, at)
		seen := in.resentThrough(&b)
		if len(seen) == 0 {
			continue // the mode alone does nothing to a client that does not hurry
		}
		f := Finding{Certainty: Strong, Node: b.Node.Name, Network: b.Net.ID, Subject: in.NodeSubject(b.Node.ID), Services: []fact.ServiceID{b.Service.ID},
			Nodes: []fact.NodeID{b.Node.ID}, Structural: true, Impact: ImpactNone,
			Message: fmt.Sprintf("the load balancer of %s on %s drops the first packet of connections from a port that is used again: %s", b.Net.Name, b.Node.Name, strings.Join(seen, ", ")),
			Confirm: "on " + b.Node.Name + ": " + Enter(b.NS.Name) + "sysctl net.ipv4.vs.conn_reuse_mode",
			Relief:  "on " + b.Node.Name + ": " + Enter(b.NS.Name) + "sysctl -w net.ipv4.vs.conn_reuse_mode=0"}
		f.Evidence = []Evidence{{fmt.Sprintf("%s: %s: net.ipv4.vs.conn_reuse_mode on Linux %s", b.Node.Name, b.NS.Name, b.Node.Kernel.Release), "0", mode},
			{b.Node.Name + ": connections through it", "at once", strings.Join(seen, ", ")}}
		out = append(out, f)
	}
	return out
}

// resentThrough says which connections through a balancer needed a second first
// packet: ours by their time, the tasks' own by a counter.
func (in *In) resentThrough(b *balance) []string {
	var out []string
	late := 0
	for i := range in.Seen.Published {
		q := &in.Seen.Published[i]
		through := q.Stage == fact.StageVIP && b.VIP == q.Target.Addr() && q.From.Node == b.Node.Name ||
			b.Port != nil && q.Node == b.Node.ID && q.Service == b.Service.ID && (q.Stage == fact.StageNode || q.Stage == fact.StageSelf || q.Stage == fact.StageSandbox)
		for _, r := range q.Requests {
			if through && r.Outcome == fact.Open && r.Connect >= resent && r.Connect < resentTwice {
				late++
			}
		}
	}
	if late > 0 {
		out = append(out, fmt.Sprintf("%d of ours took a second to open", late))
	}
	for i := range in.Scope.From {
		e := &in.Scope.From[i]
		if ns := b.Node.Kernel.Sandbox(e.Container); ns != nil && e.Node == b.Node.ID && b.Port == nil {
			if c := ns.Counter("", "TcpExt.TCPSynRetrans"); c != nil && c.Delta() > 0 {
				out = append(out, fmt.Sprintf("%s sent %d first packets again while we looked", e.Name, c.Delta()))
			}
		}
	}
	return out
}
