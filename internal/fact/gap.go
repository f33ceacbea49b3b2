package fact

// Kind names one kind of fact. A check declares the kinds it needs; a gap names
// the kind that is missing.
type Kind string

// The kinds, by picture.
const (
	// KindSwarm: wanted services, tasks, nodes and networks.
	KindSwarm Kind = "swarm"
	// KindNode: a whole node of the Swarm (its engine and its kernel).
	KindNode Kind = "node"
	// KindInfo: an engine's info and version.
	KindInfo Kind = "info"
	// KindContainers: an engine's containers.
	KindContainers Kind = "containers"
	// KindNetworks: verbose inspect of an engine's overlay networks.
	KindNetworks Kind = "networks"
	// KindKernel: the kernel's build, features and namespaces as a whole.
	KindKernel Kind = "kernel"
	// KindLinks: links with VXLAN attributes and addresses.
	KindLinks Kind = "links"
	// KindRoutes: routes, and route look-ups to peers.
	KindRoutes Kind = "routes"
	// KindNeighbours: IPv4 and IPv6 neighbour tables.
	KindNeighbours Kind = "neighbours"
	// KindFDB: bridge and VXLAN forwarding tables.
	KindFDB Kind = "fdb"
	// KindSockets: listening TCP and bound UDP sockets.
	KindSockets Kind = "sockets"
	// KindResolv: resolv.conf of the tasks in question.
	KindResolv Kind = "resolv.conf"
	// KindSysctls: the sysctls the engine or a cause depends on.
	KindSysctls Kind = "sysctls"
	// KindCounters: kernel counters, sampled before and after the probes.
	KindCounters Kind = "counters"
	// KindOffload: NIC driver and offload features.
	KindOffload Kind = "offload"
	// KindRules: packet rules of both backends, with counters.
	KindRules Kind = "packet rules"
	// KindIPVS: virtual services, their backends and timeouts.
	KindIPVS Kind = "ipvs"
	// KindDNS: DNS probes from inside tasks.
	KindDNS Kind = "dns probes"
	// KindTCP: TCP connect probes from inside tasks.
	KindTCP Kind = "tcp probes"
	// KindMTU: packet-size ladders from inside tasks.
	KindMTU Kind = "mtu probes"
	// KindUnderlay: probes from a host to its peers' addresses.
	KindUnderlay Kind = "underlay probes"
	// KindHTTP: requests to published ports, and the stages of them.
	KindHTTP Kind = "published port probes"
	// KindLogs: the engine's and the kernel's log lines of the windows in question.
	KindLogs Kind = "logs"
	// KindSample: probes left out because they would be too many. What was probed
	// can be judged: it hides no other kind.
	KindSample Kind = "sample"
)

// Kinds lists every kind once, in the order of the constants.
func Kinds() []Kind {
	return []Kind{KindSwarm, KindNode, KindInfo, KindContainers, KindNetworks, KindKernel,
		KindLinks, KindRoutes, KindNeighbours, KindFDB, KindSockets, KindResolv, KindSysctls,
		KindCounters, KindOffload, KindRules, KindIPVS, KindDNS, KindTCP, KindMTU, KindUnderlay, KindHTTP, KindLogs, KindSample}
}

// Class sorts gaps by what stood in the way.
type Class string

// The classes of gaps.
const (
	// ClassPermission: the kernel or the engine refused.
	ClassPermission Class = "permission"
	// ClassNotExist: it is not there.
	ClassNotExist Class = "not exist"
	// ClassUnsupported: this platform, kernel or engine cannot tell.
	ClassUnsupported Class = "unsupported"
	// ClassTimeout: no answer within the limit.
	ClassTimeout Class = "timeout"
	// ClassInterrupted: a dump was torn and stayed torn after retries, or the
	// operator stopped the run.
	ClassInterrupted Class = "interrupted"
	// ClassGarbled: an answer came and could not be understood.
	ClassGarbled Class = "garbled"
	// ClassUnseen: nobody looked, for a reason that is nobody's fault.
	ClassUnseen Class = "unseen"
	// ClassAside: nobody looked, because nothing in question is there, or because a
	// documented bound was reached. It is told, but hides nothing and no verdict
	// waits for it.
	ClassAside Class = "aside"
	// ClassBug: our own code or a library panicked on what it read.
	ClassBug Class = "bug"
)

// Gap is one thing we tried to see and could not.
type Gap struct {
	// Node is the host name; empty for the whole Swarm.
	Node string
	Kind Kind
	// NetNS is the namespace's name as in NetNS.Name; empty for the whole node.
	NetNS string
	Class Class
	// Reason says what we were doing, to what, and why it failed.
	Reason string
	// Do says what the operator can do about it; empty when nothing is known.
	Do string
}

// Missing returns the first gap that hides this kind of fact on this node, or
// nil. A gap of a wider kind hides narrower ones: KindNode hides all of a
// node, KindKernel all that a kernel holds. A gap in one namespace counts only
// when netns names it.
func (s *Snapshot) Missing(node string, netns string, k Kind) *Gap {
	for i := range s.Gaps {
		g := &s.Gaps[i]
		if g.Class != ClassAside && (g.Node == "" || g.Node == node) && (g.NetNS == "" || g.NetNS == netns) && hides(g.Kind, k) {
			return g
		}
	}
	return nil
}

func hides(wide, k Kind) bool {
	switch {
	case wide == k:
		return true
	case wide == KindNode:
		return k != KindSwarm
	case wide == KindKernel:
		switch k {
		case KindLinks, KindRoutes, KindNeighbours, KindFDB, KindSockets, KindSysctls, KindCounters, KindOffload,
			KindRules, KindIPVS, KindDNS, KindTCP, KindMTU, KindUnderlay, KindHTTP:
			return true
		}
	}
	return false
}
