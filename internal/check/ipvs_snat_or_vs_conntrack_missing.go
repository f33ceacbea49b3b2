package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IPVSSNATMissing finds balancers whose backends answer past them, because the
// source of what they pass on is not translated.
var IPVSSNATMissing = &Check{
	ID:    "ipvs-snat-or-vs-conntrack-missing",
	Title: "backends answer past a node's load balancer",
	Doc: Doc{
		Symptom: "Connections to a virtual IP or a published port of one node time out or are reset, although the tasks answer on their own addresses.",
		Cause: "A balancer leads packets on with the backend's address, and the answers must come back through it. So a rule of POSTROUTING gives them the balancer's own address, " +
			"for which IPVS must tell conntrack of its connections (net.ipv4.vs.conntrack=1). Without either the backend sees the client's address and answers it directly: nobody there knows that connection.",
		ByHand: "In the namespace (ingress_sbox, or lb_ and the first nine of the network's ID): `iptables -t nat -S POSTROUTING` has `-m ipvs --ipvs … -j SNAT` to its own address; `sysctl net.ipv4.vs.conntrack` is 1.",
		Relief: "Put the rule or the setting back by hand.",
		Fix:    "Keep firewall tools and sysctl files away from the engine's namespaces; the kernel needs CONFIG_IP_VS_NFCT. Restart the engine on that node in a quiet hour.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindRules, fact.KindIPVS, fact.KindLinks, fact.KindSysctls},
	Side:    FromSide,
	Because: []string{"ingress-network-unusable", "ingress-sbox-missing", "ipvs-kernel-missing", "iptables-backend-split"},
	Run:     snatMissing,
}

func snatMissing(in *In) []Finding {
	var out []Finding
	for _, b := range in.balances() {
		if b.Net.DSR || b.Virtual == nil || len(b.Virtual.Backends) == 0 || !in.Can(b.Node, b.NS.Name, fact.KindSysctls) {
			continue
		}
		f := b.finding(in, "")
		what := ""
		post := expect.LeaveBalanced(b.NS, b.Own, b.Virtual.Backends[0].Addr.Addr(), b.In.Packet)
		switch {
		case !b.Own.IsValid():
			in.Blind("%s: the address of the load balancer of %s is not known", b.Node.Name, b.Net.Name)
		case post.Fate != expect.Accepted:
			in.Blind("%s: whether the load balancer of %s translates sources is not known: %s", b.Node.Name, b.Net.Name, post.Why)
		case post.Packet.Src != b.Own:
			want := fmt.Sprintf("POSTROUTING -d %s -m ipvs --ipvs -j SNAT --to-source %s", b.subnet(), b.Own)
			got := "no rule for balanced packets"
			if n := len(post.Did); n > 0 {
				got = shown(&post.Did[n-1])
			}
			what = "their source is not translated to its own address " + b.Own.String()
			f.Evidence = append(f.Evidence, Evidence{b.where("nat POSTROUTING"), "-A " + want, got})
			f.Relief = b.on("%s -t nat -I %s", b.iptables(), want)
		}
		if v, read := b.NS.Sysctl("net.ipv4.vs.conntrack"); !read {
			in.Blind("%s: net.ipv4.vs.conntrack of %s is not known", b.Node.Name, b.NS.Name)
		} else if v != "1" {
			what = "IPVS does not tell conntrack of its connections, so that their source stays untranslated"
			f.Evidence = append(f.Evidence, Evidence{b.where("settings"), "net.ipv4.vs.conntrack 1", v})
			f.Relief = lines(f.Relief, b.on("sysctl -w net.ipv4.vs.conntrack=1"))
		}
		if len(f.Evidence) == 0 {
			continue
		}
		f.Message = fmt.Sprintf("what the load balancer of %s on %s passes on is answered past it: %s", b.Net.Name, b.Node.Name, what)
		f.Confirm = b.on("%s -t nat -S POSTROUTING; %ssysctl net.ipv4.vs.conntrack", b.iptables(), Enter(b.NS.Name))
		f.Services = nil // it is about all that the node balances
		out = append(out, f)
	}
	return oncePerNode(out)
}

// subnet is the network's that the balancer's own address is of.
func (b *balance) subnet() netip.Prefix {
	i := slices.IndexFunc(b.Net.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(b.Own) })
	if i < 0 {
		return netip.PrefixFrom(b.Own, b.Own.BitLen())
	}
	return b.Net.Subnets[i].Prefix.Masked()
}
