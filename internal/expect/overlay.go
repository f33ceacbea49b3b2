package expect

import (
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// DefaultDataPathPort is where VXLAN goes unless chosen at init (always before
// 19.03).
const DefaultDataPathPort = 4789

// GossipPort is where NetworkDB's memberlist listens, TCP and UDP.
const GossipPort = 7946

// ManagerPort is where managers listen for nodes, TCP.
const ManagerPort = 2377

// Row is what one node should hold for one remote endpoint of an overlay: a
// permanent neighbour IP → MAC and a permanent forwarding row MAC → VTEP, both
// on the vxlan link of the network's namespace (all versions).
type Row struct {
	IP   netip.Addr
	MAC  fact.MAC
	VTEP netip.Addr
	// Name is the endpoint's name; Task is empty for a standalone container.
	Name string
	Task fact.TaskID
	// Node is the node that owns the endpoint, empty when nobody knows.
	Node fact.NodeID
}

// RemoteRows lists the rows a node should hold for an overlay, by what its own
// engine believes. It is empty where the network is not instantiated. Endpoints
// of tasks that are not running, or on their way out, are left out: their rows
// may be there or not.
func RemoteRows(s *fact.Snapshot, node *fact.Node, id fact.NetworkID) []Row {
	net := node.Engine.Network(id)
	if net == nil || !net.Instantiated {
		return nil
	}
	var rows []Row
	for _, svc := range net.Services {
		for _, t := range svc.Tasks {
			if isLocal(net, t) || !t.IP.Is4() || !t.HostIP.IsValid() {
				continue
			}
			row := Row{IP: t.IP, MAC: fact.OverlayMAC(t.IP), VTEP: t.HostIP, Name: t.Name}
			if n, ok := ParseTaskName(t.Name); ok {
				row.Task = n.Task
				task := s.Wanted.Task(n.Task)
				if s.Wanted != nil && (task == nil || !task.Running()) {
					continue
				}
				if task != nil {
					row.Node = task.Node
				}
			}
			if row.Node == "" {
				row.Node = NodeAt(s, t.HostIP)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func isLocal(net *fact.EngineNetwork, t fact.BelievedTask) bool {
	for _, e := range net.Endpoints {
		if e.ID == t.Endpoint && e.ID != "" || e.Addr.Addr() == t.IP {
			return true
		}
	}
	return false
}

// VTEP is the address other nodes send a node's overlay traffic to, by what
// any engine believes; the managers' view of the node's address when no engine
// says. The zero Addr when nobody knows.
func VTEP(s *fact.Snapshot, id fact.NodeID) netip.Addr {
	tasks := tasksOn(s, id)
	for i := range s.Nodes {
		if a := believedVTEP(s.Nodes[i].Engine, tasks); a.IsValid() {
			return a
		}
	}
	if n := s.Node(id); n != nil && n.Engine != nil && n.Engine.Swarm.NodeAddr.IsValid() {
		return n.Engine.Swarm.NodeAddr
	}
	if n := s.Wanted.Node(id); n != nil {
		return n.Addr
	}
	return netip.Addr{}
}

func tasksOn(s *fact.Snapshot, id fact.NodeID) []fact.TaskID {
	if s.Wanted == nil {
		return nil
	}
	var out []fact.TaskID
	for i := range s.Wanted.Tasks {
		if t := &s.Wanted.Tasks[i]; t.Node == id {
			out = append(out, t.ID)
		}
	}
	return out
}

// believedVTEP is where an engine believes that one of these tasks is.
func believedVTEP(e *fact.Engine, tasks []fact.TaskID) netip.Addr {
	if e == nil || len(tasks) == 0 {
		return netip.Addr{}
	}
	for i := range e.Networks {
		for k := range e.Networks[i].Services {
			for _, t := range e.Networks[i].Services[k].Tasks {
				if !t.HostIP.IsValid() {
					continue
				}
				if n, ok := ParseTaskName(t.Name); ok && slices.Contains(tasks, n.Task) {
					return t.HostIP
				}
			}
		}
	}
	return netip.Addr{}
}

// NodeAt is the node whose address that is, empty when nobody knows.
func NodeAt(s *fact.Snapshot, a netip.Addr) fact.NodeID {
	if s.Wanted == nil || !a.IsValid() {
		return ""
	}
	for _, n := range s.Wanted.Nodes {
		if n.Addr == a || VTEP(s, n.ID) == a || Advertised(s, n.ID) == a {
			return n.ID
		}
	}
	return ""
}

// NodeName is the host name of a Swarm node; its ID when nobody knows the name.
func NodeName(s *fact.Snapshot, id fact.NodeID) string {
	if n := s.Wanted.Node(id); n != nil && n.Hostname != "" {
		return n.Hostname
	}
	if n := s.Node(id); n != nil && n.Name != "" {
		return n.Name
	}
	return string(id)
}

// NetworkName is the network's name; its ID when nobody knows the name.
func NetworkName(s *fact.Snapshot, id fact.NetworkID) string {
	if n := Network(s, id); n != nil {
		return n.Name
	}
	return string(id)
}

// Network is a network's definition by the managers, else by any engine, else nil.
func Network(s *fact.Snapshot, id fact.NetworkID) *fact.Network {
	if n := s.Wanted.Network(id); n != nil {
		return n
	}
	for i := range s.Nodes {
		if n := s.Nodes[i].Engine.Network(id); n != nil {
			return &n.Network
		}
	}
	return nil
}

// DataPathPort is the UDP port VXLAN should use on a node.
func DataPathPort(s *fact.Snapshot, node *fact.Node) uint16 {
	if s.Wanted != nil && s.Wanted.DataPathPort != 0 {
		return s.Wanted.DataPathPort
	}
	if node.Engine != nil && node.Engine.Swarm.DataPathPort != 0 {
		return node.Engine.Swarm.DataPathPort
	}
	return DefaultDataPathPort
}

// VXLANOverhead is what the engine leaves for VXLAN over IPv4; it leaves the
// same over IPv6, where 70 are needed (overlay driver, all versions).
const VXLANOverhead = 50

// Overhead is what VXLAN really adds on the way to a VTEP: its own header and
// those of Ethernet, UDP and IP.
func Overhead(vtep netip.Addr) int {
	if vtep.Is6() {
		return VXLANOverhead + 20
	}
	return VXLANOverhead
}

// OverlayMTU is the MTU the engine gives every link of an overlay: the option
// com.docker.network.driver.mtu (the underlay's MTU) or 1500, less 50 for VXLAN,
// and for an encrypted one 26 more for ESP, rounded down to a multiple of 4:
// 1450 and 1424 (overlay driver, all versions; seen).
func OverlayMTU(n *fact.Network) int {
	mtu := n.MTU
	if mtu == 0 {
		mtu = 1500
	}
	mtu -= VXLANOverhead
	if n.Encrypted {
		mtu = (mtu - 26) / 4 * 4
	}
	return mtu
}
