package facttest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// meshKernel adds what a node holds for virtual IPs and for the routing mesh.
func meshKernel(k *fact.Kernel, i int, engine string) {
	k.Namespaces = append(k.Namespaces, ingressOverlay(i), ingressSandbox(i))
	rest := k.Namespaces[1:]
	slices.SortFunc(rest, func(a, b fact.NetNS) int { return strings.Compare(a.Name, b.Name) })
	meshHost(k.Host(), engine)
	meshBalancer(k.Named("lb_"+string(App[:9])), i)
	if strings.HasPrefix(engine, "28.") || strings.HasPrefix(engine, "29.") {
		defer astray(k)
	}
	for ns, ingress := range map[*fact.NetNS]netip.Addr{k.Sandbox(Container(Api(i))): ApiIngressIP(i), k.Sandbox(Container(Web(i))): {}} {
		ns.Netfilter, ns.IPVS = taskNetfilter(ingress), &fact.IPVS{Version: "1.2.1"}
		if !ingress.IsValid() {
			continue
		}
		ns.Links = append(ns.Links, fact.Link{Index: 32, Name: "eth2", Kind: "veth", MAC: fact.OverlayMAC(ingress), MTU: 1450, Up: true, Carrier: true,
			PeerIndex: 16, Addrs: []netip.Prefix{netip.PrefixFrom(ingress, 24)}})
		ns.Routes = append(ns.Routes, fact.Route{Dst: netip.MustParsePrefix("10.0.0.0/24"), Link: 32, Src: ingress, Table: 254, Proto: 2, Scope: 253})
	}
}

// astray has the balancers' namespaces keep the kernel's settings, as 28.5 and 29
// leave them on Linux 7.2, where the engine sets them in the host's namespace
// instead. Nothing is wrong with that by itself.
func astray(k *fact.Kernel) {
	kept := map[string]string{"net.ipv4.vs.conn_reuse_mode": "1", "net.ipv4.vs.expire_nodest_conn": "0", "net.ipv4.vs.expire_quiescent_template": "0"}
	for i := range k.Namespaces {
		for j := range k.Namespaces[i].Sysctls {
			if c := &k.Namespaces[i].Sysctls[j]; kept[c.Key] != "" {
				c.Value = kept[c.Key]
			}
		}
	}
}

func meshHost(ns *fact.NetNS, engine string) {
	ns.Netfilter, ns.IPVS = hostRules(engine), &fact.IPVS{Version: "1.2.1"}
	ns.Links = append(ns.Links, fact.Link{Index: 6, Name: "vethgwc", Kind: "veth", MTU: 1500, Up: true, Carrier: true, Master: 3, PeerIndex: 31})
	listener := fact.Socket{Proto: "tcp", Local: netip.MustParseAddrPort("[::]:8080"), Backlog: 4096, BacklogKnown: true, Inode: 8080, Owner: "dockerd", PID: 700}
	localnet := "1"
	if bridgesIngress(engine) {
		listener.Owner, listener.PID, localnet = "docker-proxy", 701, "0"
		v4 := listener
		v4.Local, v4.Inode, v4.PID = netip.MustParseAddrPort("0.0.0.0:8080"), 8081, 702
		ns.Sockets = append(ns.Sockets, v4)
	}
	ns.Sockets = append(ns.Sockets, listener)
	ns.Sysctls = append(ns.Sysctls, fact.Sysctl{Key: "net.bridge.bridge-nf-call-iptables", Value: "1"},
		fact.Sysctl{Key: "net.ipv4.conf.docker_gwbridge.route_localnet", Value: localnet},
		fact.Sysctl{Key: "net.netfilter.nf_conntrack_count", Value: "120"}, fact.Sysctl{Key: "net.netfilter.nf_conntrack_max", Value: "262144"})
	ns.Counters = append(ns.Counters, conntrackCounters()...)
}

// meshBalancer fills the namespace that balances app's virtual IPs.
func meshBalancer(ns *fact.NetNS, i int) {
	eth0 := ns.LinkNamed("eth0")
	eth0.Addrs = append(eth0.Addrs, netip.PrefixFrom(ApiVIP, 32), netip.PrefixFrom(WebVIP, 32))
	ns.Routes = []fact.Route{{Dst: netip.MustParsePrefix("10.0.1.0/24"), Link: 9, Src: lbIP(i), Table: 254, Proto: 2, Scope: 253}}
	ns.Netfilter = balancerNetfilter(netip.MustParsePrefix("10.0.1.0/24"), lbIP(i), vipMark(WebVIP, WebMark(i)), vipMark(ApiVIP, ApiMark(i)))
	ns.IPVS = balancing(balanced(WebMark(i), WebIP(1), WebIP(2), WebIP(3)), balanced(ApiMark(i), ApiIP(1), ApiIP(2), ApiIP(3)))
	ns.Sysctls = balancerSysctls()
	ns.Counters = append(append(stackCounters(), conntrackCounters()...), linkCounters("eth0")...)
}

// ingressSandbox is the namespace that every published port leads to.
func ingressSandbox(i int) fact.NetNS {
	own := IngressLBIP(i)
	subnet := netip.MustParsePrefix("10.0.0.0/24")
	return fact.NetNS{Name: "ingress_sbox", Role: fact.RoleIngress, Network: Ingress, Inode: uint64(100*i + 8),
		Links: []fact.Link{
			{Index: 1, Name: "lo", MTU: 65536, Up: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
			{Index: 30, Name: "eth0", Kind: "veth", MAC: fact.OverlayMAC(own), MTU: 1450, Up: true, Carrier: true, PeerIndex: 15,
				Addrs: []netip.Prefix{netip.PrefixFrom(own, 24), netip.PrefixFrom(ApiIngressVIP, 32)}},
			{Index: 31, Name: "eth1", Kind: "veth", MTU: 1500, Up: true, Carrier: true, PeerIndex: 6, Addrs: []netip.Prefix{netip.PrefixFrom(SandboxGwIP, 16)}},
		},
		Routes: []fact.Route{
			{Gateway: netip.MustParseAddr("172.18.0.1"), Link: 31, Table: 254},
			{Dst: subnet, Link: 30, Src: own, Table: 254, Proto: 2, Scope: 253},
			{Dst: netip.MustParsePrefix("172.18.0.0/16"), Link: 31, Src: SandboxGwIP, Table: 254, Proto: 2, Scope: 253},
		},
		Sockets: []fact.Socket{
			{Proto: "tcp", Local: netip.MustParseAddrPort("127.0.0.11:40001"), Backlog: 4096, BacklogKnown: true},
			{Proto: "udp", Local: netip.MustParseAddrPort("127.0.0.11:40002")},
		},
		Netfilter: balancerNetfilter(subnet, own, portMark("tcp", 8080, IngressMark(i)), vipMark(ApiIngressVIP, IngressMark(i))),
		IPVS:      balancing(balanced(IngressMark(i), ApiIngressIP(1), ApiIngressIP(2), ApiIngressIP(3))),
		Sysctls:   balancerSysctls(),
		Counters:  append(append(stackCounters(), conntrackCounters()...), linkCounters("eth0")...),
	}
}

// ingressOverlay is the bridge and tunnel of the ingress network.
func ingressOverlay(i int) fact.NetNS {
	ns := overlay(i)
	ns.Name, ns.Network, ns.Inode = "1-"+string(Ingress[:10]), Ingress, uint64(100*i+7)
	ns.Links = ns.Links[:3]
	ns.Links[1].Addrs = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}
	ns.Links[2].VXLAN.ID = 4096
	for k, peer := range []int{30, 32} { // the sandbox's and api's ends
		ns.Links = append(ns.Links, fact.Link{Index: 15 + k, Name: fmt.Sprint("veth", k), Kind: "veth", MTU: 1450, Up: true, Carrier: true, Master: 2, PeerIndex: peer})
	}
	ns.Neighbours, ns.FDB, ns.Netfilter = nil, nil, &fact.Netfilter{}
	for k := 1; k <= 3; k++ {
		if k == i {
			continue
		}
		for _, ip := range []netip.Addr{ApiIngressIP(k), IngressLBIP(k)} {
			ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: ip, MAC: fact.OverlayMAC(ip), Link: 10, State: fact.Permanent})
			ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: fact.OverlayMAC(ip), Link: 10, Dst: VTEP(k), Self: true, Permanent: true})
		}
	}
	ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: fact.OverlayMAC(ApiIngressIP(i)), Link: 16})
	return ns
}
