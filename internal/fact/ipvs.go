package fact

import (
	"net/netip"
	"time"
)

// IPVS is the kernel's load balancer in one namespace.
type IPVS struct {
	// Version is the kernel's, "1.2.1".
	Version string `json:",omitempty"`
	// Timeouts of idle connections; the kernel starts with 900 s, 120 s, 300 s.
	TCPTimeout, TCPFinTimeout, UDPTimeout time.Duration
	Services                              []VirtualService
	// Stranded are UDP flows that are remembered for a backend which no service
	// has any more: the kernel drops their packets until it forgets them. At most
	// 64. None where it ends such flows by itself (net.ipv4.vs.expire_nodest_conn).
	Stranded []StrandedFlow `json:",omitempty"`
}

// StrandedFlow is a flow of datagrams that leads to a backend which is gone.
type StrandedFlow struct {
	Client, Virtual, Backend netip.AddrPort
	// Left is how long it will be remembered.
	Left time.Duration
}

// VirtualService is one virtual server. Swarm's have a mark and no address.
type VirtualService struct {
	// Mark is the firewall mark; 0 for a service by address.
	Mark uint32 `json:",omitempty"`
	// Family is "ip" or "ip6".
	Family string
	// Proto and Addr are set for services by address only.
	Proto     string         `json:",omitempty"`
	Addr      netip.AddrPort `json:",omitzero"`
	Scheduler string
	// Persistent is the time a client stays with its backend; 0: none.
	Persistent time.Duration `json:",omitempty"`
	OnePacket  bool          `json:",omitempty"`
	Stats      IPVSStats
	Backends   []RealServer
}

// RealServer is one destination of a virtual service.
type RealServer struct {
	// Addr has port 0 where Swarm made it: the port is kept.
	Addr netip.AddrPort
	// Forward is "masq", "route", "tunnel" or "local".
	Forward string
	// Weight is 1 for a backend in use and 0 for one that drains.
	Weight int
	// Active connections are established, Inactive are in any other state.
	Active, Inactive uint32
	Stats            IPVSStats
}

// IPVSStats are counters since the entry was made. After is Conns after the
// probes; valid when Twice.
type IPVSStats struct {
	Conns, InPackets, OutPackets uint64
	After                        uint64 `json:",omitempty"`
	Twice                        bool   `json:",omitempty"`
}

// Service returns the virtual service of a firewall mark, or nil.
func (i *IPVS) Service(family string, mark uint32) *VirtualService {
	if i == nil || mark == 0 {
		return nil
	}
	return find(i.Services, func(s *VirtualService) bool { return s.Mark == mark && s.Family == family })
}

// Backend returns the destination of that address, or nil.
func (s *VirtualService) Backend(a netip.Addr) *RealServer {
	if s == nil {
		return nil
	}
	return find(s.Backends, func(r *RealServer) bool { return r.Addr.Addr() == a })
}
