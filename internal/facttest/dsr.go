package facttest

import (
	"net/netip"

	"fairway/internal/fact"
)

// DSR makes app of a snapshot of Mesh a network with the option dsr, as the engine
// sets it up: backends get packets as they are, have their virtual IP on lo, and
// say nothing of it.
func DSR(s *fact.Snapshot) {
	s.Wanted.Network(App).DSR = true
	for i := 1; i <= 3; i++ {
		n := NodeOf(s, i)
		n.Engine.Network(App).DSR = true
		ns := Balancer(s, i)
		ns.Netfilter = balancerNetfilter(netip.MustParsePrefix("10.0.1.0/24"), lbIP(i), vipMark(WebVIP, WebMark(i)), vipMark(ApiVIP, ApiMark(i)))
		nat := ns.Netfilter.Table(fact.Legacy, "ip", "nat").Chain("POSTROUTING")
		nat.Rules = nat.Rules[:0]
		for k := range ns.IPVS.Services {
			for b := range ns.IPVS.Services[k].Backends {
				ns.IPVS.Services[k].Backends[b].Forward = "route"
			}
		}
		for k := range ns.Sysctls {
			if ns.Sysctls[k].Key == "net.ipv4.vs.conntrack" {
				ns.Sysctls[k].Value = "0"
			}
		}
		answersItself(SandboxOf(s, i, Api(i)), ApiVIP)
		answersItself(SandboxOf(s, i, Web(i)), WebVIP)
	}
}

// answersItself sets a task up to answer for a virtual IP.
func answersItself(ns *fact.NetNS, vip netip.Addr) {
	lo := ns.LinkNamed("lo")
	lo.Addrs = append(lo.Addrs, netip.PrefixFrom(vip, 32))
	ns.Sysctls = append(ns.Sysctls, fact.Sysctl{Key: "net.ipv4.conf.all.arp_announce", Value: "0"}, fact.Sysctl{Key: "net.ipv4.conf.all.arp_ignore", Value: "0"},
		fact.Sysctl{Key: "net.ipv4.conf.eth0.arp_announce", Value: "2"}, fact.Sysctl{Key: "net.ipv4.conf.eth0.arp_ignore", Value: "1"})
}
