package check

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"fairway/internal/fact"
)

// IPVSIdleTimeout finds balancers that forget idle connections sooner than any
// kernel does by itself, and than their clients keep them alive.
var IPVSIdleTimeout = &Check{
	ID:    "ipvs-idle-timeout-900",
	Title: "the load balancer forgets idle connections before their clients send a sign of life",
	Doc: Doc{
		Symptom: "Connections through a virtual IP or a published port that were idle for a while (15 minutes, unless somebody changed it) hang or end with \"connection reset\" at their next use: pools of data base connections, gRPC, AMQP. New connections work, and so do those to tasks.NAME.",
		Cause: "IPVS forgets an established TCP connection without traffic after 900 s and tells nobody; the kernel's keepalive begins after 7200 s, and only where the application asks for it. " +
			"That is so in every Swarm and shows in no state of the network, so it is named as a cause only where the time was made shorter than the kernel's own, and than the clients' keepalive.",
		ByHand: "`nsenter --net=/var/run/docker/netns/lb_… ipvsadm -L --timeout` (or ingress_sbox); `sysctl net.ipv4.tcp_keepalive_time` in the client's namespace; `ss -to` there shows a timer only on sockets with keepalive.",
		Relief: "Set the time back in the balancer's namespace: `ipvsadm --set 900 120 300`.",
		Fix:    "Let the clients send keepalives in less than 900 s (`docker service update --sysctl-add net.ipv4.tcp_keepalive_time=600`, and SO_KEEPALIVE in the application or its driver), limit the idle time of pools, or use endpoint mode dnsrr.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindIPVS, fact.KindSysctls},
	Because: []string{"ipvs-kernel-missing"},
	Claims:  noConnect,
	Run:     idleTimeout,
}

// The kernel's own times (Linux, all versions).
const (
	ipvsTCPTimeout = 900 * time.Second
	keepaliveTime  = 7200 * time.Second
)

func idleTimeout(in *In) []Finding {
	var out []Finding
	var done []string
	for _, b := range in.balances() {
		at, is := b.Node.Name+"/"+b.NS.Name, b.NS.IPVS.TCPTimeout
		if is <= 0 || is >= ipvsTCPTimeout || slices.Contains(done, at) {
			continue
		}
		done = append(done, at)
		alive, who := keepaliveTime, ""
		if b.Port == nil {
			if alive, who = in.keepalive(b.Node); who == "" {
				continue // nobody asks through this balancer
			}
		}
		if alive > is {
			out = append(out, b.forgetful(in, is, alive, who))
		}
	}
	return out
}

// keepalive is the longest time that a task of the asking side on a node lets
// pass before its kernel's keepalive, and which task it is.
func (in *In) keepalive(n *fact.Node) (time.Duration, string) {
	var longest time.Duration
	who := ""
	for i := range in.Scope.From {
		e := &in.Scope.From[i]
		ns := n.Kernel.Sandbox(e.Container)
		if e.Node != n.ID || !e.Running || ns == nil || !in.Can(n, ns.Name, fact.KindSysctls) {
			continue
		}
		t := keepaliveTime
		if text, ok := ns.Sysctl("net.ipv4.tcp_keepalive_time"); ok {
			if v, err := strconv.Atoi(text); err == nil && v > 0 && v < 1<<20 {
				t = time.Duration(v) * time.Second
			}
		}
		if who == "" || t > longest || t == longest && e.Name < who {
			longest, who = t, e.Name
		}
	}
	return longest, who
}

func (b *balance) forgetful(in *In, is, alive time.Duration, who string) Finding {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Seconds())) }
	f := Finding{Certainty: Strong, Structural: true, Node: b.Node.Name, Network: b.Net.ID, Subject: in.NodeSubject(b.Node.ID),
		Services: []fact.ServiceID{b.Service.ID}, Nodes: []fact.NodeID{b.Node.ID},
		Message:  fmt.Sprintf("the load balancer of %s on %s forgets a connection that is idle for %s", b.Net.Name, b.Node.Name, seconds(is)),
		Evidence: []Evidence{{fmt.Sprintf("%s: %s: timeout of established TCP connections", b.Node.Name, b.NS.Name), seconds(ipvsTCPTimeout) + ", the kernel's own", seconds(is)}},
		Confirm:  "on " + b.Node.Name + ": " + Enter(b.NS.Name) + "ipvsadm -L --timeout",
		Relief:   "on " + b.Node.Name + ": " + Enter(b.NS.Name) + "ipvsadm --set 900 0 0", Impact: ImpactNone}
	if who == "" {
		f.Certainty = Hint // the clients are outside: their keepalive is not known
		return f
	}
	f.Message += fmt.Sprintf("; %s sends a sign of life after %s at the earliest", who, seconds(alive))
	f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: tcp_keepalive_time of %s", b.Node.Name, who), "less than " + seconds(is), seconds(alive)})
	return f
}
