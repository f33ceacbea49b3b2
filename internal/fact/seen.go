package fact

import (
	"net/netip"
	"time"
)

// Outcome is what a connection attempt came to.
type Outcome string

// The outcomes.
const (
	Open        Outcome = "open"
	Refused     Outcome = "refused"
	Timeout     Outcome = "timeout"
	Unreachable Outcome = "unreachable"
	// ProbeError: the attempt could not be made; it says nothing of the target.
	ProbeError Outcome = "error"
)

// Seen is what the probes got. Each list is in the order of the probes asked.
type Seen struct {
	TCP []TCPProbe
	DNS []DNSProbe
	MTU []MTUProbe
	// Peers are connections from a host to its peers' underlay addresses.
	Peers []PeerProbe
	// DataPath are datagrams from host to host on the port of VXLAN.
	DataPath []DataPathProbe
	// Flows are packets that passed by themselves while a host was watched.
	Flows []Flow
	// Published are requests to published ports of nodes.
	Published []PublishedProbe `json:",omitempty"`
	// Made is the number of TCP connections opened, second tries included.
	Made int
}

// Source is where a probe starts: a container's namespace on a node.
type Source struct {
	Node      string
	Container ContainerID
	// Task is empty for a standalone container.
	Task TaskID
	// NetNS is the name of the namespace.
	NetNS string
}

// TCPProbe is a TCP connection from inside a task to a backend's address.
type TCPProbe struct {
	From Source
	// To is the task meant; empty when the address belongs to none.
	To      TaskID
	Network NetworkID
	Target  netip.AddrPort
	Outcome Outcome
	// Err is the kernel's word for anything but open and timeout.
	Err string
	// RTT is the time to the first answer, refusals included; 0 without one.
	RTT time.Duration
	// Tries is how many connections were opened (1 or 2), Late says that only
	// the second one, from another source port, was answered.
	Tries int
	Late  bool
	// ICMP is the message that ended it, nil when a TCP reset or this host's own
	// routing did: a firewall that rejects is not an application that is absent.
	ICMP *ICMPError
	// Unsent: at the limit the opening packet still waited in a queue of this
	// host. Seen when a next hop's hardware address is not resolved, in the
	// task's namespace or below it; the kernel says "no route to host" only
	// after 3 s. False too where the kernel cannot tell (before 4.12).
	Unsent bool
	At     time.Time
}

// ICMPError is an ICMP error that quoted one of our packets.
type ICMPError struct {
	Type, Code uint8
	// From is who sent it: a router, a firewall, the target or this host.
	From netip.Addr
}

// DNSProbe is one question to a container's own resolver.
type DNSProbe struct {
	From Source
	// Server is 127.0.0.11:53, or the resolver's real port behind it.
	Server netip.AddrPort
	// Name is without the final dot; Type is "A" or "PTR".
	Name string
	Type string
	// Outcome is open when an answer of any kind came.
	Outcome Outcome
	// RCode is "NOERROR", "NXDOMAIN", …; empty without an answer.
	RCode string
	// Addrs are sorted; Names too.
	Addrs []netip.Addr
	Names []string
	// Truncated: more addresses or names exist than came; Err says why.
	Truncated bool
	// TTL is the smallest of the answer's records, 0 without any.
	TTL time.Duration
	RTT time.Duration
	Err string
}

// MTUProbe is a ladder of ICMP echoes with don't-fragment set, from inside a
// task to a backend's address.
type MTUProbe struct {
	From    Source
	To      TaskID
	Network NetworkID
	Target  netip.Addr
	// MTU is of the interface used; the ladder starts there.
	MTU int
	// Passed is the largest IP packet that was answered, 0 for none at all (then
	// echoes are filtered or the path is down, and the ladder says nothing).
	Passed int
	// Failed is the smallest that was not answered, 0 when all were.
	Failed int
	// ToldMTU is the size somebody said would fit, 0 when nobody did. ToldBy is
	// the router that said so; it is not valid when this host's kernel did. A
	// router may lie: only Passed and Failed were tried.
	ToldMTU int
	ToldBy  netip.Addr
	Err     string
}

// WhatOutside is the What of a PeerProbe to a place outside the Swarm. A task that
// fails where its own host does not, fails on the way between.
const WhatOutside = "outside"

// PeerProbe is a connection from a host's own namespace to a peer's underlay
// address.
type PeerProbe struct {
	// Node is the host that asked, Peer the node asked.
	Node   string
	Peer   NodeID
	Target netip.AddrPort
	// What is "gossip" (7946), "manager" (2377), or WhatOutside; Peer is empty then.
	What    string
	Outcome Outcome
	Err     string
	RTT     time.Duration
	// Late, ICMP and Unsent are as in TCPProbe.
	Late   bool
	ICMP   *ICMPError
	Unsent bool
}

// Flow is how many packets passed between this host and a peer while it was
// watched, without any of ours being sent.
type Flow struct {
	// Node is the host that watched.
	Node string
	// What is "gossip" (UDP 7946) or "data path" (datagrams with a VNI of ours).
	What string
	Peer netip.Addr
	Port uint16
	// Size is of the whole IP packet, one flow a size (data path only).
	Size int
	// In and Out are packets on the wire; Host is how many of In reached the
	// host's own sockets, past its firewall.
	In, Out, Host uint64
	// For is how long was watched.
	For time.Duration
}

// SpaceCounters are a namespace's counters at one moment (After of a Counter is
// not used).
type SpaceCounters struct {
	NetNS    string
	Inode    uint64
	Counters []Counter
	// Netfilter and IPVS are read again where they were read first.
	Netfilter *Netfilter `json:",omitempty"`
	IPVS      *IPVS      `json:",omitempty"`
}

// DataPathProbe is one size of datagrams from a host to a peer's data path port,
// with a VXLAN header and a VNI that nobody has. Nothing answers them; the peer
// counts what arrives.
type DataPathProbe struct {
	Node   string
	Peer   NodeID
	Target netip.AddrPort
	VNI    uint32
	// Size is of the whole IP packet, with don't-fragment set.
	Size int
	// Sent were accepted by this host's kernel; Err is its refusal.
	Sent int
	Err  string
	// ICMP is the last message about one of them: a router's "too big", a
	// firewall's "prohibited", "port unreachable" from a peer without a VXLAN
	// port. ToldMTU is the size that a "too big" said would fit, else 0.
	ICMP    *ICMPError
	ToldMTU int
	// Wire and Host are how many the peer's packet socket and its raw UDP socket
	// saw; Counted is false when the peer was not watched.
	Wire, Host int
	Counted    bool
}

// Stage is which part of a published port's path a probe asks alone.
type Stage string

// The stages, from the outside in. Each leaves out what comes before it.
const (
	// StageNode: the node's own address, from another node.
	StageNode Stage = "node"
	// StageSelf: the node's own address, from the node itself: its packets take
	// OUTPUT and never pass PREROUTING and FORWARD.
	StageSelf Stage = "self"
	// StageSandbox: the ingress sandbox's address on the gateway bridge, from the
	// node itself.
	StageSandbox Stage = "sandbox"
	// StageBackend: one task's ingress address, from a node's ingress sandbox.
	StageBackend Stage = "backend"
	// StageTask: the target port on loopback, from inside the task.
	StageTask Stage = "task"
	// StageVIP: a service's virtual IP on a user network, from inside a task.
	StageVIP Stage = "vip"
)

// PublishedProbe is requests to a published port, or to a part of its path,
// from one place.
type PublishedProbe struct {
	// From is where it starts: a task, or a namespace of the host ("host",
	// "ingress_sbox") with Container empty.
	From Source
	// Node is the node that is asked (StageNode, StageSelf, StageSandbox), or whose
	// task is; empty for a virtual IP.
	Node NodeID
	// Service and Published say which published port is meant; Published is 0 for a
	// virtual IP.
	Service   ServiceID
	Published uint16
	Stage     Stage
	// Network is that of a virtual IP, else empty.
	Network NetworkID `json:",omitempty"`
	// To is the task meant by a backend stage.
	To     TaskID `json:",omitempty"`
	Target netip.AddrPort
	// Proto is "tcp", "udp", "http" or "https": what is spoken.
	Proto string
	// Count is how many requests are asked for, at most 10.
	Count int
	// Host, Path and Expect are as asked; Expect is 0 for "below 500".
	Host, Path string `json:",omitempty"`
	Expect     int    `json:",omitempty"`
	Requests   []Request
}

// Request is one connection of a PublishedProbe, with at most one request in it.
type Request struct {
	Outcome Outcome
	Err     string `json:",omitempty"`
	// ICMP ended it; nil when a reset or nothing did.
	ICMP *ICMPError `json:",omitempty"`
	// Local is the source address and port that was used.
	Local netip.AddrPort `json:",omitzero"`
	// Status is the HTTP status; 0 without an answer.
	Status int `json:",omitempty"`
	// Note is what the operator should know of an answer: a certificate for
	// another name, headers without end.
	Note string `json:",omitempty"`
	// Connect is the time to the connection, Took to the end of the answer's
	// headers.
	Connect, Took time.Duration
	At            time.Time
}

// Good says that the request was answered as asked: by a connection where no
// HTTP was spoken, by the expected status, or by one below 500.
func (p *PublishedProbe) Good(r *Request) bool {
	switch {
	case r.Outcome != Open:
		return false
	case p.Proto != "http" && p.Proto != "https":
		return true
	case p.Expect != 0:
		return r.Status == p.Expect
	}
	return r.Status != 0 && r.Status < 500
}
