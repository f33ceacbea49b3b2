package facttest

import (
	"net/netip"
	"time"

	"fairway/internal/fact"
)

// balancing is IPVS as the engine sets it up: round robin, every backend in use,
// the kernel's own timeouts.
func balancing(services ...fact.VirtualService) *fact.IPVS {
	return &fact.IPVS{Version: "1.2.1", TCPTimeout: 900 * time.Second, TCPFinTimeout: 120 * time.Second, UDPTimeout: 300 * time.Second, Services: services}
}

func balanced(mark uint32, backends ...netip.Addr) fact.VirtualService {
	s := fact.VirtualService{Mark: mark, Family: "ip", Scheduler: "rr", Stats: fact.IPVSStats{Twice: true}}
	for _, a := range backends {
		s.Backends = append(s.Backends, fact.RealServer{Addr: netip.AddrPortFrom(a, 0), Forward: "masq", Weight: 1, Stats: fact.IPVSStats{Twice: true}})
	}
	return s
}

// balancerSysctls are what the engine sets where it balances (20.10 and later),
// and conntrack's numbers.
func balancerSysctls() []fact.Sysctl {
	return []fact.Sysctl{
		{Key: "net.ipv4.ip_forward", Value: "1"},
		{Key: "net.ipv4.vs.conn_reuse_mode", Value: "0"},
		{Key: "net.ipv4.vs.conntrack", Value: "1"},
		{Key: "net.ipv4.vs.expire_nodest_conn", Value: "1"},
		{Key: "net.ipv4.vs.expire_quiescent_template", Value: "1"},
		{Key: "net.netfilter.nf_conntrack_count", Value: "3"},
		{Key: "net.netfilter.nf_conntrack_max", Value: "262144"},
		{Key: "net.netfilter.nf_conntrack_tcp_be_liberal", Value: "0"},
	}
}

// conntrackCounters are of connections that were not let in: none.
func conntrackCounters() []fact.Counter {
	var out []fact.Counter
	for _, n := range []string{"drop", "early_drop", "insert_failed", "invalid"} {
		out = append(out, fact.Counter{Name: "nf_conntrack." + n, Twice: true})
	}
	return out
}
