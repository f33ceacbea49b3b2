package fact

import "time"

// Format is the version of the snapshot's JSON form. Additions keep it; a
// change of meaning or a removal raises it.
const Format = 1

// Snapshot is everything a diagnosis knows. Two passes fill it (look; then
// probe what the look suggests); after that it is frozen.
type Snapshot struct {
	Format int
	// Tool is the version of the fairway that took it.
	Tool string
	// Taken is when the first pass began, by the clock of the host that asked.
	Taken time.Time
	// Took is how long it took, both looks together; 0: not known.
	Took time.Duration `json:",omitzero"`
	// Question is what the operator asked.
	Question Question
	// Here is the Swarm node fairway ran on; empty when the engine is in no Swarm.
	Here NodeID
	// Wanted is what the managers decided; nil when no manager answered, and
	// then a gap of kind KindSwarm says why.
	Wanted *Wanted
	// Nodes are the nodes that were looked at, sorted by Name. A node of the
	// Swarm that is not here was not seen; a gap of kind KindNode says why.
	Nodes []Node
	// Seen is what the probes got.
	Seen Seen
	// Gaps lists what could not be looked at.
	Gaps []Gap
	// Changed says what was put somewhere for this snapshot and what became of it, a
	// sentence each.
	Changed []string `json:",omitempty"`
	// Earlier is the first of two looks, taken about two seconds before; nil
	// when one look was enough.
	Earlier *Snapshot
}

// Question is one symptom to explain.
type Question struct {
	// From and To are as the operator typed them, the port of To cut off. From
	// is empty for "every service that shares a network with To".
	From, To string
	// Port is the target port; 0 means the ports the target really listens on.
	Port uint16
	// Proto is "tcp" or "udp"; empty means tcp.
	Proto string
	// Node limits the sources to the node of this host name; empty: no limit.
	Node string
	// All asks about the whole Swarm instead; then From, To and Port are empty.
	// Services limit it to those names and what shares a network with them.
	All      bool     `json:",omitempty"`
	Services []string `json:",omitempty"`
	// Published is a published port asked about (part I of the runbook); 0: none.
	// With To, both halves are asked: To stands behind what is published.
	Published uint16 `json:",omitempty"`
	// PublishedProto is "tcp" or "udp"; empty: the one it is published on.
	PublishedProto string `json:",omitempty"`
	// Mesh asks about the published ports of both ends as well.
	Mesh bool `json:",omitempty"`
	// Since and Until limit the logs to what was logged between; zero: what the
	// tasks in question suggest, and until now.
	Since time.Time `json:",omitzero"`
	Until time.Time `json:",omitzero"`
	// HTTP is how the published port is asked; nil: by the port's number.
	HTTP *HTTPQuestion `json:",omitempty"`
}

// HTTPQuestion is how an HTTP server is to be asked.
type HTTPQuestion struct {
	// Host is the Host header, and the name in TLS; empty: the node's address.
	Host string `json:",omitempty"`
	// Path is "/" when empty.
	Path string `json:",omitempty"`
	// Expect is the status that counts as right; 0: any below 500.
	Expect int `json:",omitempty"`
	// TLS asks for https whatever the port.
	TLS bool `json:",omitempty"`
}

// Node is one host as it was seen: its engine's belief and its kernel's state.
type Node struct {
	// ID is the Swarm node ID; empty for an engine in no Swarm.
	ID NodeID
	// Name is the host name, as the engine tells it.
	Name string
	// ClockOffset is this node's clock minus that of the host that asked, good to
	// ClockWithin: half the time its answer took. Both are 0 for the host that
	// asked.
	ClockOffset, ClockWithin time.Duration
	// Engine is what the engine believes; nil when it could not be asked.
	Engine *Engine
	// Kernel is what the kernel holds; nil when it could not be read, or when
	// the engine's kernel is not the one fairway ran on.
	Kernel *Kernel
	// Said is what its logs say; nil when nobody read them.
	Said *Said `json:",omitempty"`
}

// Node returns the node seen under that ID, or nil.
func (s *Snapshot) Node(id NodeID) *Node {
	for i := range s.Nodes {
		if s.Nodes[i].ID == id {
			return &s.Nodes[i]
		}
	}
	return nil
}

// NodeNamed returns the node seen under that host name, or nil.
func (s *Snapshot) NodeNamed(name string) *Node {
	return byID(s.Nodes, name, func(n *Node) string { return n.Name })
}
