package fact

import (
	"net/netip"
	"slices"
	"time"
)

// Engine is what one engine believes: its own objects, and the Swarm as gossip
// told it.
type Engine struct {
	// ID is the engine's own ID, not the Swarm node ID.
	ID string
	// Name is the host name, as the engine tells it.
	Name       string
	Version    string
	APIVersion string
	// KernelVersion, OS and Arch are as the engine tells them.
	KernelVersion string
	OS, Arch      string
	// RootDir is the data root, "/var/lib/docker" by default.
	RootDir string
	Swarm   EngineSwarm
	// LiveRestore and Rootless are settings that change what can be expected.
	LiveRestore, Rootless bool
	// WritesRules says whether the engine was told to write packet rules, by its
	// own settings (iptables): "yes", "no", or "" where nobody could read them.
	WritesRules string `json:",omitempty"`
	// SystemTime is the engine's clock; ClockOffset is that clock minus ours,
	// good to the round trip that measured it.
	SystemTime  time.Time
	ClockOffset time.Duration
	// Started is the earliest start of a running container: the engine is at
	// least that old. Zero when none runs.
	Started time.Time
	// Containers are those with processes: running, paused or restarting.
	Containers []Container
	// AtRest are containers without processes, the newest 50.
	AtRest []RestingContainer `json:",omitempty"`
	// Networks are the overlays this engine knows, with what verbose inspect
	// says of them, sorted by ID; bridges (docker_gwbridge too) without.
	Networks []EngineNetwork
}

// EngineSwarm is the engine's own view of its membership.
type EngineSwarm struct {
	NodeID NodeID
	// NodeAddr is the advertised address.
	NodeAddr netip.Addr
	// State is "active", "inactive", "pending", "error" or "locked".
	State string
	Error string
	// Manager says that this engine's API answers for the Swarm.
	Manager bool
	// NoLeader: this engine is a manager, and knows of no leader among the managers.
	NoLeader bool
	// DataPathPort is 4789 unless chosen at init; 0 on workers, which are not told.
	DataPathPort uint16
	Managers     []netip.AddrPort
}

// Container is a container of this engine.
type Container struct {
	ID   ContainerID
	Name string
	// Service, Task and TaskName come from the labels the engine itself puts on
	// containers of a service; empty for standalone ones.
	ServiceID   ServiceID
	ServiceName string
	TaskID      TaskID
	TaskName    string
	// Node is the Swarm node that runs it, by its label; empty for standalone ones.
	Node NodeID
	// State is "running", "exited", …
	State string
	// Health is "starting", "healthy", "unhealthy" or "" for none.
	Health string
	// HealthFailures counts the health checks that failed since one last passed.
	HealthFailures int
	Pid            int
	// SandboxKey is the path of the namespace's handle, in the engine's own
	// mount namespace.
	SandboxKey     string
	ResolvConfPath string
	// ResolvConfMount says that something is mounted over /etc/resolv.conf.
	ResolvConfMount bool
	// NetworkMode is "default", "host", "none", "container:…" or a network.
	NetworkMode string
	Endpoints   []ContainerEndpoint
	// Ports are those published on the host, Mode being "host".
	Ports []Port `json:",omitempty"`
	// Restarts is how often the engine started it again by itself.
	Restarts int `json:",omitempty"`
	Created  time.Time
	Started  time.Time
}

// RestingContainer is a container of this engine that has no process, and so no
// namespace.
type RestingContainer struct {
	ID      ContainerID
	Name    string
	Service string `json:",omitempty"`
	TaskID  TaskID `json:",omitempty"`
	// State is "exited", "created" or "dead"; Status is the engine's sentence about
	// it: "Exited (137) 2 hours ago".
	State, Status string
	Created       time.Time
}

// ContainerEndpoint is a container's place on one network.
type ContainerEndpoint struct {
	Network     NetworkID
	NetworkName string
	Endpoint    EndpointID
	Addr        netip.Prefix
	MAC         MAC
	Gateway     netip.Addr
	Aliases     []string
}

// EngineNetwork is a network as one engine knows it.
type EngineNetwork struct {
	Network
	// Instantiated says that this node has an endpoint there. When false,
	// Peers, Endpoints and Services say nothing: absence is no evidence.
	Instantiated bool
	Peers        []Peer
	// Endpoints are this node's own, the load balancer's among them.
	Endpoints []Endpoint
	// Services is the Swarm's endpoint table as gossip told it here.
	Services []BelievedService
}

// Peer is a node that takes part in a network, by gossip's account.
type Peer struct {
	// Name is a NetworkDB node ID, new at each start of the engine.
	Name string
	IP   netip.Addr
}

// Endpoint is one local endpoint of a network.
type Endpoint struct {
	// Key is a container ID, "lb-NETWORK" or "ingress-sbox".
	Key  string
	Name string
	ID   EndpointID
	MAC  MAC
	Addr netip.Prefix
}

// BelievedService is a service as gossip tells it on one network.
type BelievedService struct {
	// Name is empty for standalone containers and ingress endpoints.
	Name string
	// VIP is the zero Addr for dnsrr, for none, and for what did not parse.
	VIP netip.Addr
	// FWMark is LocalLBIndex: this node's firewall mark, 0 for none. It differs
	// from node to node.
	FWMark uint32
	Tasks  []BelievedTask
}

// BelievedTask is an endpoint of a service as gossip tells it.
type BelievedTask struct {
	// Name is service.slot.task-ID, or the container's name.
	Name     string
	Endpoint EndpointID
	IP       netip.Addr
	// HostIP is the VTEP of the node that owns it.
	HostIP netip.Addr
}

// Network returns what the engine knows of a network, or nil.
func (e *Engine) Network(id NetworkID) *EngineNetwork {
	if e == nil {
		return nil
	}
	return find(e.Networks, func(n *EngineNetwork) bool { return n.ID == id })
}

// Container returns the container of that ID, or nil.
func (e *Engine) Container(id ContainerID) *Container {
	if e == nil {
		return nil
	}
	return find(e.Containers, func(c *Container) bool { return c.ID == id })
}

// KnowsNode reports whether an address is one by which this engine knows a node
// of its Swarm: its own, a manager's, or a peer's of one of its networks.
func (e *Engine) KnowsNode(ip netip.Addr) bool {
	if e == nil || !ip.IsValid() {
		return false
	}
	return e.Swarm.NodeAddr == ip || slices.ContainsFunc(e.Swarm.Managers, func(m netip.AddrPort) bool { return m.Addr() == ip }) ||
		slices.ContainsFunc(e.Networks, func(n EngineNetwork) bool {
			return slices.ContainsFunc(n.Peers, func(p Peer) bool { return p.IP == ip })
		})
}

// TaskContainer returns the container that runs a task, or nil.
func (e *Engine) TaskContainer(id TaskID) *Container {
	if e == nil || id == "" {
		return nil
	}
	return find(e.Containers, func(c *Container) bool { return c.TaskID == id })
}

// On returns the container's endpoint on a network, or nil.
func (c *Container) On(n NetworkID) *ContainerEndpoint {
	return find(c.Endpoints, func(e *ContainerEndpoint) bool { return e.Network == n })
}
