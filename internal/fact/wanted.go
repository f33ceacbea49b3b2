package fact

import (
	"net/netip"
	"time"
)

// Wanted is what the managers decided, from one manager's API.
type Wanted struct {
	// ClusterID is the Swarm's own ID.
	ClusterID string
	// DataPathPort is the UDP port of VXLAN traffic: 4789 unless chosen at
	// init (since 19.03). Never 0.
	DataPathPort uint16
	// Each list is sorted by ID.
	Nodes    []SwarmNode
	Services []Service
	Tasks    []Task
	Networks []Network
}

// SwarmNode is a node as the managers know it.
type SwarmNode struct {
	ID       NodeID
	Hostname string
	// Role is "manager" or "worker".
	Role string
	// Availability is "active", "pause" or "drain".
	Availability string
	// State is "ready", "down", "unknown" or "disconnected".
	State   string
	Message string
	// Addr is the manager's view of the node's TCP source. It is not the VTEP.
	Addr netip.Addr
	// ManagerAddr is where a manager says that it listens for the others: its
	// advertised address. Not valid for workers.
	ManagerAddr netip.Addr `json:",omitzero"`
	// Leader and Reachability are set for managers only.
	Leader        bool
	Reachability  string
	EngineVersion string
	OS, Arch      string
	Created       time.Time
	Updated       time.Time
}

// Port is one published port of a service or task.
type Port struct {
	// Proto is "tcp", "udp" or "sctp".
	Proto string
	// Target is the port inside the task.
	Target uint16
	// Published is 0 while none is assigned.
	Published uint16
	// Mode is "ingress" or "host".
	Mode string
}

// Service is a service as the managers know it.
type Service struct {
	ID   ServiceID
	Name string
	// Mode is "replicated", "global", "replicated-job" or "global-job".
	Mode string
	// Replicas is the wanted number for a replicated service, else 0.
	Replicas uint64
	// EndpointMode is "vip" or "dnsrr", of the newest spec.
	EndpointMode string
	Ports        []Port
	// VIPs are the virtual IPs the managers allocated; none for dnsrr.
	VIPs []VIP
	// Attached are the networks of the task template, with aliases.
	Attached []Attachment
	// Constraints are placement constraints as written.
	Constraints []string
	// MaxPerNode is the placement limit of replicas on one node; 0: none.
	MaxPerNode uint64
	// Healthcheck says that the spec itself sets one (an image may, too).
	Healthcheck bool
	// ResolvConfMount says that the spec mounts something over /etc/resolv.conf.
	ResolvConfMount bool
	// DNS are name servers set in the spec; they are upstreams of the embedded
	// resolver, not replacements.
	DNS []netip.Addr
	// UpdateState is "updating", "paused", "completed", "rollback_started" and
	// so on; empty when the service was never updated.
	UpdateState   string
	UpdateMessage string
	// AgentPort is where fairway's own agents listen and AgentCA the fingerprint
	// of who they trust; zero for every other service.
	AgentPort uint16 `json:",omitzero"`
	AgentCA   string `json:",omitempty"`
	Created   time.Time
	Updated   time.Time
}

// VIP is a service's virtual IP on one network. Its prefix length is the
// network's.
type VIP struct {
	Network NetworkID
	Addr    netip.Prefix
}

// Attachment is a network a service asks for.
type Attachment struct {
	Network NetworkID
	Aliases []string
}

// Task is a task as the managers know it, including those of the past that the
// managers still keep.
type Task struct {
	ID        TaskID
	ServiceID ServiceID
	// Service is the service's name; empty for a task without service (an
	// attachment of a standalone container).
	Service string
	// Slot is 0 for tasks of global services.
	Slot int
	Node NodeID
	// Desired and State are Swarm's words: "running", "shutdown", "starting",
	// "rejected", …
	Desired string
	State   string
	// Message and Err are Swarm's sentences about State.
	Message, Err string
	ExitCode     int
	Container    ContainerID
	// Addresses are on the networks named, ingress included.
	Addresses []TaskAddress
	// HostPorts are ports published in host mode, as they were really bound.
	HostPorts []Port
	Created   time.Time
	Updated   time.Time
	// StateSince is when the node last reported State.
	StateSince time.Time
}

// TaskAddress is a task's address on one network.
type TaskAddress struct {
	Network NetworkID
	Addr    netip.Prefix
}

// Subnet is one IPAM range of a network.
type Subnet struct {
	Prefix  netip.Prefix
	Gateway netip.Addr
}

// Network is a network's definition, as a manager or an engine tells it.
type Network struct {
	ID   NetworkID
	Name string
	// Driver is "overlay", "bridge", …
	Driver string
	// Scope is "swarm" or "local".
	Scope string
	// Ingress marks the routing mesh's network, whatever its name.
	Ingress    bool
	Attachable bool
	Internal   bool
	IPv6       bool
	// Encrypted says that the option is present; its value does not matter.
	Encrypted bool
	// DSR says that the option dsr is present: backends answer clients themselves,
	// from the virtual IP, instead of through the load balancer.
	DSR     bool `json:",omitempty"`
	Subnets []Subnet
	// VNIs are the VXLAN identifiers, one per subnet, in that order.
	VNIs []uint32
	// MTU is the option com.docker.network.driver.mtu, which on an overlay
	// means the underlay's MTU; 0: not set, so 1500.
	MTU     int
	Created time.Time
	// NoMasquerade: the bridge was told to leave addresses as they are
	// (com.docker.network.bridge.enable_ip_masquerade=false).
	NoMasquerade bool `json:",omitempty"`
}

// Running reports whether the managers want the task running and it says it runs.
func (t *Task) Running() bool { return t.Desired == "running" && t.State == "running" }

// Terminal reports whether the task has come to an end and will not change.
func (t *Task) Terminal() bool {
	switch t.State {
	case "complete", "shutdown", "failed", "rejected", "remove", "orphaned":
		return true
	}
	return false
}

// Draining reports whether the task is on its way out: not wanted any more, and
// not at rest for five seconds. Its names and rows are neither missing nor
// stale meanwhile (seen on 26.1: names go in about a second, rows in thirteen).
func (t *Task) Draining(at time.Time) bool {
	return t.Desired != "running" && (!t.Terminal() || at.Sub(t.StateSince) < 5*time.Second)
}

// Addr returns the task's address on a network, or the zero Addr.
func (t *Task) Addr(n NetworkID) netip.Addr {
	for _, a := range t.Addresses {
		if a.Network == n {
			return a.Addr.Addr()
		}
	}
	return netip.Addr{}
}

// Service returns the service of that ID, or nil.
func (w *Wanted) Service(id ServiceID) *Service {
	return find(w.services(), func(s *Service) bool { return s.ID == id })
}

// ServiceNamed returns the service of exactly that name, or nil.
func (w *Wanted) ServiceNamed(name string) *Service {
	return find(w.services(), func(s *Service) bool { return s.Name == name })
}

// Task returns the task of that ID, or nil.
func (w *Wanted) Task(id TaskID) *Task {
	if w == nil {
		return nil
	}
	return byID(w.Tasks, id, func(t *Task) TaskID { return t.ID })
}

// Network returns the network of that ID, or nil.
func (w *Wanted) Network(id NetworkID) *Network {
	if w == nil {
		return nil
	}
	return find(w.Networks, func(n *Network) bool { return n.ID == id })
}

// Node returns the node of that ID, or nil.
func (w *Wanted) Node(id NodeID) *SwarmNode {
	if w == nil {
		return nil
	}
	return byID(w.Nodes, id, func(n *SwarmNode) NodeID { return n.ID })
}

func (w *Wanted) services() []Service {
	if w == nil {
		return nil
	}
	return w.Services
}

func find[T any](list []T, ok func(*T) bool) *T {
	for i := range list {
		if ok(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

// byID is find for lists that are sorted by an ID when they come from the
// engine; one that is not is searched from its beginning. A large Swarm is asked
// for its tasks and nodes some million times.
func byID[T any, ID ~string](list []T, id ID, of func(*T) ID) *T {
	i, j := 0, len(list)
	for i < j {
		if m := (i + j) / 2; of(&list[m]) < id {
			i = m + 1
		} else {
			j = m
		}
	}
	if i < len(list) && of(&list[i]) == id {
		return &list[i]
	}
	return find(list, func(t *T) bool { return of(t) == id })
}
