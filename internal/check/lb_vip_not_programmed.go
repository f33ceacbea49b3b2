package check

import (
	"fmt"
	"strings"

	"fairway/internal/fact"
)

// LBVIPNotProgrammed finds nodes whose balancer lacks a virtual IP, or the virtual
// service behind it.
var LBVIPNotProgrammed = &Check{
	ID:    "lb-vip-not-programmed",
	Title: "a node's load balancer does not serve a virtual IP",
	Doc: Doc{
		Symptom: "A service's name leads to its virtual IP, and connections from the tasks of one node fail (\"no route to host\", \"connection refused\"); other nodes are fine, and so is `tasks.NAME`.",
		Cause: "To serve a virtual IP the engine adds it to the interface of the namespace lb_…, makes a virtual service of IPVS, a rule that marks its packets, and one backend a task. " +
			"An error in one step is only logged, and the steps after it are not done.",
		ByHand: "`docker network inspect -v NETWORK` gives the service's VIP and LocalLBIndex; in the namespace `lb_` + first nine of the network's ID: `ip -4 addr` has VIP/32, `ipvsadm -Ln` has FWM with that number.",
		Relief: "Put the address and the virtual service back by hand; or update the service by force, which programs it anew on every node. Until then clients may use tasks.NAME.",
		Fix:    "Look in the engine's log for \"Failed add IP alias\" and \"Failed to create a new service for vip\"; restart the engine on that node in a quiet hour.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindRules, fact.KindIPVS, fact.KindLinks},
	Side:    FromSide,
	Because: []string{"ipvs-kernel-missing", "duplicate-ip-or-vip", "networkdb-missing-after-rejoin", "vip-disagreement", "lb-endpoint-unreachable", "dockerd-hung"},
	Run:     vipNotProgrammed,
}

func vipNotProgrammed(in *In) []Finding {
	var out []Finding
	for _, b := range in.virtualIPs() {
		alias := b.NS.LinkWith(b.VIP) != nil
		e := believedService(b.Node, b.Net.ID, b.Service.Name)
		if e == nil || alias && b.Virtual != nil || e.VIP.IsValid() && e.VIP != b.VIP {
			continue // gossip tells nothing of it, or another address: that is another fault
		}
		var lacks, relief []string
		f := b.finding(in, "")
		if !alias {
			lacks = append(lacks, "no interface has the address")
			f.Evidence = append(f.Evidence, Evidence{b.where("addresses"), b.VIP.String() + "/32", "not there"})
			relief = append(relief, b.on("ip addr add %s/32 dev %s", b.VIP, b.link()))
		}
		if b.Virtual == nil {
			lacks = append(lacks, "there is no virtual service for it")
			f.Evidence = append(f.Evidence, Evidence{b.where("IPVS"), b.wanted(), b.held()})
			relief = append(relief, b.revive(in)...)
		}
		f.Message = fmt.Sprintf("the load balancer of %s on %s does not serve the %s: %s", b.Net.Name, b.Node.Name, &b, strings.Join(lacks, ", and "))
		f.Relief = lines(relief...)
		if b.mark() == 0 {
			f.Relief, f.Impact = "on a manager: docker service update --force "+quoted(b.Service.Name), impactService(b.Service)
		}
		out = append(out, f)
	}
	return out
}

// link is the balancer's interface on the network, "eth0" as a rule.
func (b *balance) link() string {
	if l := b.NS.LinkWith(b.Own); l != nil {
		return quoted(l.Name)
	}
	return "eth0"
}

func (b *balance) wanted() string {
	if b.mark() == 0 {
		return "a virtual service, and a mark that leads to it"
	}
	return fmt.Sprintf("FWM %d", b.mark())
}

// held lists the marks that have a virtual service.
func (b *balance) held() string {
	var out []string
	for _, v := range b.NS.IPVS.Services {
		if v.Mark != 0 {
			out = append(out, fmt.Sprintf("FWM %d", v.Mark))
		}
	}
	if len(out) == 0 {
		return "no virtual service"
	}
	return "only " + listed(out)
}

// revive are the commands that make the virtual service anew.
func (b *balance) revive(in *In) []string {
	out := []string{b.on("ipvsadm -A -f %d -s rr", b.mark())}
	for _, t := range in.behindVIP(b.Service.ID, b.Net.ID) {
		out = append(out, b.add(t.Addr(b.Net.ID)))
	}
	if b.In.Packet.Mark != b.mark() {
		out = append(out, b.on("%s -t mangle -A %s", b.iptables(), b.rule()))
	}
	return out
}
