package facttest

import (
	"fmt"
	"net/netip"

	"fairway/internal/fact"
)

// Ingress is the network of the routing mesh in a snapshot of Mesh.
var Ingress = fact.NetworkID(id("neting"))

// The virtual IPs of a snapshot of Mesh.
var (
	ApiVIP        = netip.AddrFrom4([4]byte{10, 0, 1, 100})
	WebVIP        = netip.AddrFrom4([4]byte{10, 0, 1, 101})
	ApiIngressVIP = netip.AddrFrom4([4]byte{10, 0, 0, 100})
)

// SandboxGwIP is the ingress sandbox's address on every node's gateway bridge.
var SandboxGwIP = netip.AddrFrom4([4]byte{172, 18, 0, 9})

// ApiIngressIP is the ingress address of api's task with slot i, IngressLBIP that
// of node i's ingress sandbox, LBIP node i's balancer's on app.
func ApiIngressIP(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(20 + i)}) }
func IngressLBIP(i int) netip.Addr  { return netip.AddrFrom4([4]byte{10, 0, 0, byte(2 + i)}) }
func LBIP(i int) netip.Addr         { return lbIP(i) }

// Marks of node i: of web's and api's virtual IP on app, and of api on ingress.
func WebMark(i int) uint32     { return uint32(256 + 10*i) }
func ApiMark(i int) uint32     { return uint32(257 + 10*i) }
func IngressMark(i int) uint32 { return uint32(258 + 10*i) }

// Mesh is Healthy with virtual IPs, and with api published on 8080 through the
// routing mesh, as engine 26.1 does it with iptables-legacy.
func Mesh() *fact.Snapshot { return MeshOn("26.1.5") }

// MeshOn is Mesh on another engine: "20.10.24", "28.5.2", "29.0.0", and
// "29.0.0-beta.24", whose host has no chains for ingress. See OnNFTables
// for the other backend.
func MeshOn(engine string) *fact.Snapshot {
	s := Healthy()
	meshWanted(s.Wanted, engine)
	for i := 1; i <= 3; i++ {
		n := NodeOf(s, i)
		meshEngine(n.Engine, i, engine)
		meshKernel(n.Kernel, i, engine)
	}
	for k := range s.Seen.DNS {
		if p := &s.Seen.DNS[k]; p.Name == "api" {
			p.Addrs = []netip.Addr{ApiVIP}
		}
	}
	return s
}

// OnNFTables moves the rules of every node to nf_tables, as iptables-nft keeps
// them: without counters of policies.
func OnNFTables(s *fact.Snapshot) *fact.Snapshot {
	for i := range s.Nodes {
		k := s.Nodes[i].Kernel
		for j := 0; k != nil && j < len(k.Namespaces); j++ {
			n := k.Namespaces[j].Netfilter
			if n == nil {
				continue
			}
			n.Generation = 12
			for t := range n.Tables {
				n.Tables[t].Backend = fact.NFTables
				for c := range n.Tables[t].Chains {
					n.Tables[t].Chains[c].Hits = fact.Hits{}
				}
			}
		}
	}
	return s
}

// IngressSandbox returns the ingress sandbox of node i, Balancer its lb_ namespace.
func IngressSandbox(s *fact.Snapshot, i int) *fact.NetNS {
	return NodeOf(s, i).Kernel.Named("ingress_sbox")
}
func Balancer(s *fact.Snapshot, i int) *fact.NetNS {
	return NodeOf(s, i).Kernel.Named("lb_" + string(App[:9]))
}

func ingressNet() fact.Network {
	return fact.Network{ID: Ingress, Name: "ingress", Driver: "overlay", Scope: "swarm", Ingress: true, VNIs: []uint32{4096}, Created: hourAgo,
		Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1")}}}
}

func meshWanted(w *fact.Wanted, engine string) {
	w.Networks = append(w.Networks, ingressNet())
	for i := range w.Nodes {
		w.Nodes[i].EngineVersion = engine
	}
	for i := range w.Services {
		svc, vip := &w.Services[i], WebVIP
		svc.EndpointMode = "vip"
		if svc.ID == ApiService {
			vip = ApiVIP
			svc.Ports = []fact.Port{{Proto: "tcp", Target: 8080, Published: 8080, Mode: "ingress"}}
			svc.VIPs = append(svc.VIPs, fact.VIP{Network: Ingress, Addr: netip.PrefixFrom(ApiIngressVIP, 24)})
		}
		svc.VIPs = append(svc.VIPs, fact.VIP{Network: App, Addr: netip.PrefixFrom(vip, 24)})
	}
	for i := 1; i <= 3; i++ {
		t := w.Task(Api(i))
		t.Addresses = append(t.Addresses, fact.TaskAddress{Network: Ingress, Addr: netip.PrefixFrom(ApiIngressIP(i), 24)})
	}
}

func meshEngine(e *fact.Engine, i int, engine string) {
	e.Version = engine
	app := e.Network(App)
	for k := range app.Services {
		b := &app.Services[k]
		b.VIP, b.FWMark = WebVIP, WebMark(i)
		if b.Name == "api" {
			b.VIP, b.FWMark = ApiVIP, ApiMark(i)
		}
	}
	net := fact.EngineNetwork{Network: ingressNet(), Instantiated: true, Peers: app.Peers}
	own := netip.PrefixFrom(IngressLBIP(i), 24)
	net.Endpoints = []fact.Endpoint{{Key: "ingress-sbox", Name: "ingress-endpoint", ID: fact.EndpointID(hex("ilb", i)), MAC: fact.OverlayMAC(own.Addr()), Addr: own}}
	b := fact.BelievedService{Name: "api", VIP: ApiIngressVIP, FWMark: IngressMark(i)}
	for k := 1; k <= 3; k++ {
		t, ip := Api(k), ApiIngressIP(k)
		full, ep := fmt.Sprintf("api.%d.%s", k, t), fact.EndpointID(hex("i"+string(t), 0))
		b.Tasks = append(b.Tasks, fact.BelievedTask{Name: full, Endpoint: ep, IP: ip, HostIP: VTEP(k)})
		if k != i {
			continue
		}
		at := netip.PrefixFrom(ip, 24)
		net.Endpoints = append(net.Endpoints, fact.Endpoint{Key: string(Container(t)), Name: full, ID: ep, MAC: fact.OverlayMAC(ip), Addr: at})
		c := e.Container(Container(t))
		c.Endpoints = append(c.Endpoints, fact.ContainerEndpoint{Network: Ingress, NetworkName: "ingress", Endpoint: ep, Addr: at, MAC: fact.OverlayMAC(ip)})
	}
	net.Services = []fact.BelievedService{b}
	e.Networks = append(e.Networks, net)
}
