package fact

import (
	"net/netip"
	"time"
)

// Kernel is what one host's kernel holds.
type Kernel struct {
	Release string
	Version string
	Arch    string
	// Vendor is the machine's maker by DMI, "VMware, Inc." for one; empty when
	// nobody knows.
	Vendor string
	Boot   time.Time
	// Features are "ip_vs", "vxlan" and other things a Swarm needs of a kernel.
	Features []Feature
	// NeighbourTables are those that all namespaces of the machine share, IPv4's and
	// IPv6's; empty where they were not read.
	NeighbourTables []NeighbourTable `json:",omitempty"`
	// Strain is how busy the machine is; nil where nobody could read it.
	Strain *Strain `json:",omitempty"`
	// Namespaces holds the host's own first, then those the engine keeps,
	// sorted by Name.
	Namespaces []NetNS
}

// Feature is one thing a kernel may have.
type Feature struct {
	Name string
	// Present: built in or loaded. Loadable: a module exists but is not loaded.
	Present, Loadable bool
}

// NSRole says whose a network namespace is.
type NSRole string

// The roles. Names are cut to twelve characters by the engine.
const (
	// RoleHost: the namespace the engine runs in.
	RoleHost NSRole = "host"
	// RoleOverlay: "<epoch>-<first 10 of the network ID>".
	RoleOverlay NSRole = "overlay"
	// RoleLB: "lb_<first 9 of the network ID>" (18.09 and later).
	RoleLB NSRole = "lb"
	// RoleIngress: "ingress_sbox".
	RoleIngress NSRole = "ingress"
	// RoleContainer: a container's sandbox.
	RoleContainer NSRole = "container"
	// RoleOther: a handle that belongs to nothing the engine told us of.
	RoleOther NSRole = "other"
)

// NetNS is one network namespace.
type NetNS struct {
	// Name is "host" or the handle's file name.
	Name string
	Role NSRole
	// Inode tells namespaces apart; 0 when unknown.
	Inode uint64
	// Made is when the namespace was first held open, which for the engine's handles
	// is when they were made, by the node's clock; zero when not known.
	Made time.Time `json:",omitzero"`
	// Network is set for RoleOverlay, RoleLB and RoleIngress.
	Network NetworkID
	// Containers share this namespace; more than one with network mode
	// "container:…".
	Containers []ContainerID
	Links      []Link
	Routes     []Route
	// Lookups are the kernel's answers to "how would you reach this address".
	Lookups    []RouteLookup
	Neighbours []Neighbour
	FDB        []FDBEntry
	Sockets    []Socket
	// Resolv is the resolv.conf of the container, nil where it was not read.
	Resolv   *ResolvConf
	Sysctls  []Sysctl
	Counters []Counter
	// Netfilter and IPVS are nil where they were not read; a gap says why, but
	// for IPVS on a kernel whose feature "ip_vs" is absent.
	Netfilter *Netfilter `json:",omitempty"`
	IPVS      *IPVS      `json:",omitempty"`
}

// Link is a network interface.
type Link struct {
	Index int
	Name  string
	// Kind is "veth", "bridge", "vxlan", "" for a physical NIC, …
	Kind string
	MAC  MAC
	MTU  int
	// Up is the administrative state, Carrier the operational one.
	Up, Carrier bool
	// State is the operational state in full, as iproute2 writes it in lower case:
	// "up", "down", "lowerlayerdown", "unknown", …; empty: nobody read it.
	State string `json:",omitempty"`
	// Promisc says that it takes every frame; QueueLen is how many packets wait in
	// it at most.
	Promisc  bool `json:",omitempty"`
	QueueLen int  `json:",omitempty"`
	// Master is the index of the bridge it belongs to; 0: none.
	Master int
	// PeerIndex is the other end of a veth, in PeerNS (0: unknown).
	PeerIndex int
	VXLAN     *VXLAN
	Addrs     []netip.Prefix
	// Driver and Offload are read for underlay NICs in the host only.
	Driver  string
	Offload []OffloadFeature
}

// OffloadFeature is one ethtool feature by its kernel name, such as
// "tx-checksum-ip-generic".
type OffloadFeature struct {
	Name string
	On   bool
}

// VXLAN is what the kernel says of a vxlan link.
type VXLAN struct {
	ID   uint32
	Port uint16
	// Learning, Proxy, L2Miss and L3Miss are on in links the engine made.
	Learning, Proxy, L2Miss, L3Miss bool
	// Local, Group and Dev are unset in links the engine made.
	Local, Group netip.Addr
	Dev          int
	Ageing       time.Duration
	// MadeElsewhere says that the link was made in another namespace and moved
	// here, as the engine does it: its port and VNI are taken there (Linux 4.0
	// and later; before, never).
	MadeElsewhere bool
}

// Route is a row of a routing table.
type Route struct {
	// Dst is the zero Prefix for a default route.
	Dst netip.Prefix
	// Gateway is the zero Addr for a connected route.
	Gateway netip.Addr
	// Link is the index of the outgoing interface.
	Link int
	Src  netip.Addr
	// Table is 254 for main.
	Table int
	Scope int
	// Proto is the kernel's number of who made it: 2 kernel, 3 boot, 4 static.
	Proto  int
	Metric int
	MTU    int
	// Type is the kernel's number: 1 unicast, 6 blackhole, 7 unreachable,
	// 8 prohibit.
	Type int
}

// RouteLookup is the kernel's answer for one destination.
type RouteLookup struct {
	Dst netip.Addr
	// Err is the kernel's refusal, such as "network is unreachable"; empty when
	// a route was found.
	Err     string
	Gateway netip.Addr
	Src     netip.Addr
	Link    int
	MTU     int
}

// NeighbourState is the state of a neighbour row.
type NeighbourState string

// Neighbour states as iproute2 writes them.
const (
	Permanent  NeighbourState = "PERMANENT"
	Reachable  NeighbourState = "REACHABLE"
	Stale      NeighbourState = "STALE"
	Delay      NeighbourState = "DELAY"
	ProbeState NeighbourState = "PROBE"
	Incomplete NeighbourState = "INCOMPLETE"
	Failed     NeighbourState = "FAILED"
	NoARP      NeighbourState = "NOARP"
)

// Neighbour is a row of an IPv4 or IPv6 neighbour table.
type Neighbour struct {
	IP    netip.Addr
	MAC   MAC
	Link  int
	State NeighbourState
}

// FDBEntry is a row of a bridge or VXLAN forwarding table.
type FDBEntry struct {
	MAC  MAC
	Link int
	// Dst is the VTEP of a VXLAN row; the zero Addr for a bridge's own row.
	Dst netip.Addr
	// Self marks a row of the device itself, else it is of its master (a
	// bridge's learned row, which is not the engine's).
	Self bool
	// Permanent marks what somebody configured, else it was learned.
	Permanent bool
}

// Socket is a listening TCP socket or a bound UDP socket.
type Socket struct {
	// Proto is "tcp" or "udp".
	Proto string
	Local netip.AddrPort
	// V6Only is meaningful for IPv6 sockets, and false when unknown.
	V6Only bool
	// Queue is the number of connections waiting to be accepted (TCP) or bytes
	// waiting to be read (UDP).
	Queue uint32
	// Backlog is the accept queue's limit (TCP); 0 when unknown.
	Backlog uint32
	UID     uint32
	Inode   uint64
	// Waiting6 is how many connections over IPv6 are established and wait to be
	// accepted now; counted for published TCP ports of a host only.
	Waiting6 uint32 `json:",omitempty"`
	// BacklogKnown tells a limit of 0 from one that was not read.
	BacklogKnown bool
	// Owner is the process's name, "nginx"; empty when it was not looked for or
	// is in another PID namespace. PID is 0 then.
	Owner string `json:",omitempty"`
	PID   int    `json:",omitempty"`
}

// ResolvConf is what a container's resolver is told.
type ResolvConf struct {
	// Source is where it was read: "file" or "archive".
	Source      string
	Nameservers []netip.Addr
	Search      []string
	Options     []string
	// Upstream are the external servers the engine notes in a comment (ExtServers).
	Upstream []netip.Addr
}

// Sysctl is one kernel setting, read inside its namespace.
type Sysctl struct {
	// Key is the dotted form: "net.ipv4.ip_forward".
	Key   string
	Value string
}

// Counter is one kernel counter, sampled before and after the probes.
type Counter struct {
	// Name is "TcpExt.ListenOverflows", or "rx_packets", "tx_packets",
	// "rx_dropped", "tx_dropped", "rx_errors", "tx_errors" of Link. "dockerd.run" and
	// "dockerd.wait" are the nanoseconds for which the engine had, and wanted and did
	// not get, a processor.
	Name string
	// Link is the name of the interface for link counters, else empty.
	Link          string
	Before, After uint64
	// Twice says that After was read; else it equals Before.
	Twice bool
}

// Delta is how much the counter rose during the probes.
func (c Counter) Delta() uint64 {
	if c.After < c.Before {
		return 0
	}
	return c.After - c.Before
}

// Feature returns what is known of a kernel feature, or nil.
func (k *Kernel) Feature(name string) *Feature {
	if k == nil {
		return nil
	}
	return find(k.Features, func(f *Feature) bool { return f.Name == name })
}

// Host returns the namespace the engine runs in, or nil.
func (k *Kernel) Host() *NetNS {
	if k == nil {
		return nil
	}
	return find(k.Namespaces, func(n *NetNS) bool { return n.Role == RoleHost })
}

// Overlays returns every namespace that claims to be this overlay's; a healthy
// node that takes part has exactly one.
func (k *Kernel) Overlays(id NetworkID) []*NetNS {
	var out []*NetNS
	if k == nil {
		return nil
	}
	for i := range k.Namespaces {
		if n := &k.Namespaces[i]; n.Role == RoleOverlay && n.Network == id {
			out = append(out, n)
		}
	}
	return out
}

// Sandbox returns the namespace of a container, or nil.
func (k *Kernel) Sandbox(id ContainerID) *NetNS {
	if k == nil || id == "" {
		return nil
	}
	return find(k.Namespaces, func(n *NetNS) bool {
		for _, c := range n.Containers {
			if c == id {
				return true
			}
		}
		return false
	})
}

// Named returns the namespace of that name, or nil.
func (k *Kernel) Named(name string) *NetNS {
	if k == nil {
		return nil
	}
	return find(k.Namespaces, func(n *NetNS) bool { return n.Name == name })
}

// Link returns the interface of that index, or nil.
func (n *NetNS) Link(index int) *Link {
	return find(n.Links, func(l *Link) bool { return l.Index == index })
}

// LinkNamed returns the interface of that name, or nil.
func (n *NetNS) LinkNamed(name string) *Link {
	return find(n.Links, func(l *Link) bool { return l.Name == name })
}

// LinkWith returns the interface that has this address, or nil. Interfaces of
// a sandbox are found by address only: their order means nothing.
func (n *NetNS) LinkWith(a netip.Addr) *Link {
	return find(n.Links, func(l *Link) bool {
		for _, p := range l.Addrs {
			if p.Addr() == a {
				return true
			}
		}
		return false
	})
}

// Counter returns a counter by name and link, or nil.
func (n *NetNS) Counter(link, name string) *Counter {
	return find(n.Counters, func(c *Counter) bool { return c.Link == link && c.Name == name })
}

// Sysctl returns a setting and whether it was read.
func (n *NetNS) Sysctl(key string) (string, bool) {
	if s := find(n.Sysctls, func(s *Sysctl) bool { return s.Key == key }); s != nil {
		return s.Value, true
	}
	return "", false
}
