package facttest

import (
	"fmt"
	"net/netip"
	"time"

	"fairway/internal/fact"
)

func kernel(i int) *fact.Kernel {
	k := &fact.Kernel{Release: "6.18.0", Arch: "x86_64", Boot: Taken.Add(-24 * time.Hour),
		Features: []fact.Feature{{Name: "ip_vs", Present: true}, {Name: "vxlan", Present: true}, {Name: "bridge", Present: true}}}
	k.NeighbourTables = []fact.NeighbourTable{{Name: "arp_cache", Entries: 24, Thresh1: 8192, Thresh2: 49152, Thresh3: 65536},
		{Name: "ndisc_cache", Entries: 4, Thresh1: 128, Thresh2: 512, Thresh3: 1024}}
	k.Strain = &fact.Strain{Load: [3]float64{0.4, 0.5, 0.4}, CPUs: 4, Pressure: []fact.Pressure{
		{Resource: "cpu", Some: [3]float64{1, 0.8, 0.5}}, {Resource: "memory"}, {Resource: "io", Some: [3]float64{0.2, 0.1, 0.1}}}}
	k.Namespaces = []fact.NetNS{host(i), overlay(i), lb(i), sandbox(i, Api(i), ApiIP(i), 0), sandbox(i, Web(i), WebIP(i), 1)}
	for i := range k.Namespaces {
		ns := &k.Namespaces[i]
		if ns.Role != fact.RoleHost {
			ns.Made = hourAgo
		}
		switch ns.Role {
		case fact.RoleHost:
			ns.Netfilter, ns.IPVS = netfilter(hostMode261), &fact.IPVS{Version: "1.2.1"}
		case fact.RoleOverlay:
			ns.Netfilter = &fact.Netfilter{}
		case fact.RoleLB:
			ns.Netfilter, ns.IPVS = netfilter(resolverRules), balancing()
		case fact.RoleContainer:
			ns.Netfilter, ns.IPVS = netfilter(resolverRules), &fact.IPVS{Version: "1.2.1"}
		}
	}
	return k
}

func linkCounters(link string) []fact.Counter {
	var out []fact.Counter
	for _, n := range []string{"rx_packets", "tx_packets", "rx_dropped", "tx_dropped", "rx_errors", "tx_errors"} {
		c := fact.Counter{Name: n, Link: link, Twice: true}
		if n == "rx_packets" || n == "tx_packets" {
			c.Before, c.After = 1000, 1040
		}
		out = append(out, c)
	}
	return out
}

func stackCounters() []fact.Counter {
	var out []fact.Counter
	for _, n := range []string{"TcpExt.ListenOverflows", "TcpExt.ListenDrops", "TcpExt.IPReversePathFilter", "Udp.InErrors", "Udp.InCsumErrors", "Tcp.InCsumErrors", "Tcp.OutRsts"} {
		out = append(out, fact.Counter{Name: n, Twice: true})
	}
	return out
}

func host(i int) fact.NetNS {
	ns := fact.NetNS{Name: "host", Role: fact.RoleHost, Inode: uint64(100*i + 1)}
	ns.Links = []fact.Link{
		{Index: 1, Name: "lo", MTU: 65536, Up: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
		{Index: 2, Name: "eth0", Kind: "", MAC: fact.MAC{2, 0, 0, 0, 0, byte(i)}, MTU: 1500, Up: true, Carrier: true, Driver: "virtio_net",
			Addrs: []netip.Prefix{netip.PrefixFrom(VTEP(i), 24)}, Offload: []fact.OffloadFeature{{Name: "tx-checksum-ip-generic", On: true}}},
		{Index: 3, Name: "docker_gwbridge", Kind: "bridge", MTU: 1500, Up: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix("172.18.0.1/16")}},
		{Index: 4, Name: "vethgwa", Kind: "veth", MTU: 1500, Up: true, Carrier: true, Master: 3, PeerIndex: 20},
		{Index: 5, Name: "vethgwb", Kind: "veth", MTU: 1500, Up: true, Carrier: true, Master: 3, PeerIndex: 21},
	}
	ns.Routes = []fact.Route{
		{Dst: netip.MustParsePrefix("10.77.0.0/24"), Link: 2, Src: VTEP(i), Table: 254, Proto: 2, Scope: 253},
		{Dst: netip.MustParsePrefix("172.18.0.0/16"), Link: 3, Src: netip.MustParseAddr("172.18.0.1"), Table: 254, Proto: 2, Scope: 253},
	}
	for k := 1; k <= 3; k++ {
		if k != i {
			ns.Lookups = append(ns.Lookups, fact.RouteLookup{Dst: VTEP(k), Src: VTEP(i), Link: 2})
			ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: VTEP(k), MAC: fact.MAC{2, 0, 0, 0, 0, byte(k)}, Link: 2, State: fact.Reachable})
		}
	}
	ns.Sockets = []fact.Socket{
		{Proto: "tcp", Local: netip.MustParseAddrPort("[::]:2377"), Backlog: 4096, BacklogKnown: true},
		{Proto: "tcp", Local: netip.MustParseAddrPort("[::]:7946"), Backlog: 4096, BacklogKnown: true},
		{Proto: "udp", Local: netip.MustParseAddrPort("0.0.0.0:4789")},
		{Proto: "udp", Local: netip.MustParseAddrPort("[::]:7946")},
	}
	ns.Sysctls = []fact.Sysctl{{Key: "net.ipv4.ip_forward", Value: "1"}, {Key: "net.ipv4.neigh.default.gc_thresh3", Value: "65536"}}
	ns.Counters = append(stackCounters(), linkCounters("eth0")...)
	for _, n := range []string{"arp_cache.table_fulls", "ndisc_cache.table_fulls", "XfrmInNoStates", "XfrmInStateProtoError", "softnet.dropped"} {
		ns.Counters = append(ns.Counters, fact.Counter{Name: n, Twice: true})
	}
	ns.Counters = append(ns.Counters, fact.Counter{Name: "dockerd.run", Before: 9e9, After: 9e9 + 4e7, Twice: true},
		fact.Counter{Name: "dockerd.wait", Before: 2e8, After: 2e8 + 1e6, Twice: true})
	return ns
}

func overlay(i int) fact.NetNS {
	ns := fact.NetNS{Name: OverlayNS(), Role: fact.RoleOverlay, Network: App, Inode: uint64(100*i + 2)}
	ns.Links = []fact.Link{
		{Index: 1, Name: "lo", MTU: 65536, Up: true, Carrier: true},
		{Index: 2, Name: "br0", Kind: "bridge", MTU: 1450, Up: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/24")}},
		{Index: 10, Name: "vxlan0", Kind: "vxlan", MTU: 1450, Up: true, Carrier: true, Master: 2,
			VXLAN: &fact.VXLAN{ID: 4097, Port: 4789, Learning: true, Proxy: true, L2Miss: true, L3Miss: true, Ageing: 300 * time.Second, MadeElsewhere: true}},
	}
	for k, peer := range []int{9, 11, 12} { // the load balancer's, api's and web's ends
		ns.Links = append(ns.Links, fact.Link{Index: 12 + k, Name: fmt.Sprint("veth", k), Kind: "veth", MTU: 1450, Up: true, Carrier: true, Master: 2, PeerIndex: peer})
	}
	for k := 1; k <= 3; k++ {
		if k == i {
			continue
		}
		for _, ip := range []netip.Addr{WebIP(k), ApiIP(k), lbIP(k)} {
			ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: ip, MAC: fact.OverlayMAC(ip), Link: 10, State: fact.Permanent})
			ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: fact.OverlayMAC(ip), Link: 10, Dst: VTEP(k), Self: true, Permanent: true})
		}
	}
	ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: fact.OverlayMAC(ApiIP(i)), Link: 13}, fact.FDBEntry{MAC: fact.OverlayMAC(WebIP(i)), Link: 14})
	ns.Counters = append(stackCounters(), linkCounters("vxlan0")...)
	return ns
}

func lb(i int) fact.NetNS {
	return fact.NetNS{Name: "lb_" + string(App[:9]), Role: fact.RoleLB, Network: App, Inode: uint64(100*i + 3), Links: []fact.Link{
		{Index: 1, Name: "lo", MTU: 65536, Up: true, Carrier: true},
		{Index: 9, Name: "eth0", Kind: "veth", MAC: fact.OverlayMAC(lbIP(i)), MTU: 1450, Up: true, Carrier: true, PeerIndex: 12,
			Addrs: []netip.Prefix{netip.PrefixFrom(lbIP(i), 24)}},
	}}
}

// sandbox is a task's namespace; which is 0 for api and 1 for web.
func sandbox(i int, t fact.TaskID, ip netip.Addr, which int) fact.NetNS {
	ns := fact.NetNS{Name: Sandbox(t), Role: fact.RoleContainer, Inode: uint64(100*i + 4 + which), Containers: []fact.ContainerID{Container(t)}}
	ns.Links = []fact.Link{
		{Index: 1, Name: "lo", MTU: 65536, Up: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
		{Index: 11 + which, Name: "eth0", Kind: "veth", MAC: fact.OverlayMAC(ip), MTU: 1450, Up: true, Carrier: true, PeerIndex: 13 + which,
			Addrs: []netip.Prefix{netip.PrefixFrom(ip, 24)}},
		{Index: 20 + which, Name: "eth1", Kind: "veth", MTU: 1500, Up: true, Carrier: true, PeerIndex: 4 + which,
			Addrs: []netip.Prefix{netip.PrefixFrom(gwIP(i, which), 16)}},
	}
	ns.Routes = []fact.Route{
		{Gateway: netip.MustParseAddr("172.18.0.1"), Link: 20 + which, Table: 254},
		{Dst: netip.MustParsePrefix("10.0.1.0/24"), Link: 11 + which, Src: ip, Table: 254, Proto: 2, Scope: 253},
	}
	for k := 1; k <= 3; k++ {
		ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: ApiIP(k), MAC: fact.OverlayMAC(ApiIP(k)), Link: 11 + which, State: fact.Reachable})
	}
	ns.Sockets = []fact.Socket{
		{Proto: "tcp", Local: netip.MustParseAddrPort("[::]:8080"), Backlog: 4096, BacklogKnown: true},
		{Proto: "tcp", Local: netip.MustParseAddrPort("127.0.0.11:40001"), Backlog: 4096, BacklogKnown: true},
		{Proto: "udp", Local: netip.MustParseAddrPort("127.0.0.11:40002")},
	}
	ns.Resolv = &fact.ResolvConf{Source: "file", Nameservers: []netip.Addr{netip.MustParseAddr("127.0.0.11")}, Options: []string{"ndots:0"}}
	ns.Counters = append(stackCounters(), linkCounters("eth0")...)
	return ns
}

// seen probes the question from every node and finds everything well.
func seen(s *fact.Snapshot) {
	all := []netip.Addr{ApiIP(1), ApiIP(2), ApiIP(3)}
	for i := 1; i <= 3; i++ {
		src := Source(i)
		for _, name := range []string{"tasks.api", "api"} {
			s.Seen.DNS = append(s.Seen.DNS, fact.DNSProbe{From: src, Server: netip.MustParseAddrPort("127.0.0.11:53"), Name: name, Type: "A",
				Outcome: fact.Open, RCode: "NOERROR", Addrs: all, TTL: 600 * time.Second, RTT: 200 * time.Microsecond})
		}
		for k := 1; k <= 3; k++ {
			s.Seen.TCP = append(s.Seen.TCP, fact.TCPProbe{From: src, To: Api(k), Network: App, Target: netip.AddrPortFrom(ApiIP(k), 8080),
				Outcome: fact.Open, RTT: 300 * time.Microsecond, Tries: 1, At: Taken})
			if k == i {
				continue
			}
			s.Seen.MTU = append(s.Seen.MTU, fact.MTUProbe{From: src, To: Api(k), Network: App, Target: ApiIP(k), MTU: 1450, Passed: 1450})
			for _, p := range []fact.PeerProbe{{What: "gossip", Target: netip.AddrPortFrom(VTEP(k), 7946)}, {What: "manager", Target: netip.AddrPortFrom(VTEP(k), 2377)}} {
				p.Node, p.Peer, p.Outcome, p.RTT = fmt.Sprint("n", i), Node(k), fact.Open, 200*time.Microsecond
				s.Seen.Peers = append(s.Seen.Peers, p)
			}
		}
	}
	s.Seen.Made = len(s.Seen.TCP) + len(s.Seen.Peers)
}

// Source is where probes of web's task on node i start.
func Source(i int) fact.Source {
	return fact.Source{Node: fmt.Sprint("n", i), Container: Container(Web(i)), Task: Web(i), NetNS: Sandbox(Web(i))}
}
