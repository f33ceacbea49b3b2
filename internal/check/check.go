// Package check asks questions of a snapshot: each check is one file that says
// what it needs, what it means, and how to find it, and the runner folds what
// they find into root causes.
package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// Check is one question, a value.
type Check struct {
	// ID is the kebab-case name of the root cause; it never changes meaning and
	// is never used again.
	ID string
	// Title is the fault in plain words, one line, lower case.
	Title string
	Doc   Doc
	// Needs are the kinds of fact without which the check cannot answer. A node
	// on the path that lacks one makes the answer unknown.
	Needs []fact.Kind
	// Side says which nodes of the path the node-bound Needs are about.
	Side Side
	// Because lists the checks whose finding, on the same objects, explains
	// this one's.
	Because []string
	// Claims says which failed connections the fault can produce; nil: those that
	// nobody answered. A refusal came from the host that was meant.
	Claims func(*fact.TCPProbe) bool
	// Outside: what it finds also harms what tasks send to places outside the Swarm,
	// and their questions for names there.
	Outside bool
	// Names: of what tasks send outside, it harms no more than questions for names.
	Names bool
	// Run looks at a frozen snapshot and returns what is wrong. It is pure.
	Run func(*In) []Finding
}

// Side is an end of a question.
type Side int

// The sides; the zero value is both.
const (
	BothSides Side = iota
	FromSide
	ToSide
)

// Doc is the manual page of a check, printed by `fairway explain`.
type Doc struct {
	Symptom, Cause, ByHand, Relief, Fix string
}

// Certainty says how good the evidence is.
type Certainty string

// The certainties.
const (
	// Proof: two authoritative pictures contradict each other.
	Proof Certainty = "proof"
	// Strong: a state together with a counter, a probe or a second look.
	Strong Certainty = "strong"
	// Hint: consistent with the facts, and so are other causes.
	Hint Certainty = "hint"
)

// Impact says what a relief disturbs.
const (
	ImpactNone    = "none"
	ImpactTask    = "this task"
	ImpactNetwork = "whole network"
	ImpactSwarm   = "whole swarm"
)

// ImpactNode is the impact of a relief that disturbs every task on a node.
func ImpactNode(name string) string { return "all tasks on " + name }

// Subject is what a finding is about.
type Subject struct {
	// Kind is "task", "service", "node", "network", "container" or "link".
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
}

// Evidence is one contradiction: what was wanted and what was got, and where.
type Evidence struct {
	Where string `json:"where"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// Finding is one thing that is wrong.
type Finding struct {
	// Certainty is what the evidence can bear at most; the runner lowers Proof
	// to Strong where the object is not steady or no probe failed.
	Certainty Certainty
	// Node is the host name of the node to act on; empty for the whole Swarm.
	Node string
	// Network is the network meant, empty for none.
	Network fact.NetworkID
	Subject Subject
	// Peer is the host name of the other end where the cause is an ordered pair.
	Peer string
	// Message is one sentence: what is wrong, and where.
	Message  string
	Evidence []Evidence
	// Confirm is the command to see it by hand.
	Confirm string
	// Relief restores service now with the least disruption: the exact command
	// and on which node; Impact is what it disturbs. Fix is the lasting cure.
	Relief, Impact, Fix string

	// Tasks, Services and Nodes are the objects the finding rests on, for the
	// question whether they are steady. Subject, Node and Peer need not be
	// repeated.
	Tasks    []fact.TaskID
	Services []fact.ServiceID
	Nodes    []fact.NodeID
	// Probed: a probe failed in the way this finding predicts.
	Probed bool
	// Structural: it rests on definitions and kernel features that do not move
	// with tasks (MTU, ports, subnets, kernel build), so one look is enough.
	Structural bool
	// Unstarted: it keeps tasks of its Services from starting, so it matters to a
	// question about one of them whatever network it is on.
	Unstarted bool
	// Recurring: it rests on a history that is already in hand, such as a task
	// that failed several times, so that change is no reason to wait.
	Recurring bool
	// Meek: it explains nothing that is more than a hint.
	Meek bool
	// Only says which traffic it harms; the zero value is any, as far as tasks send
	// it to each other (Check.Outside).
	Only Traffic
	// Places are the addresses outside the Swarm that it is about; nil: any.
	Places []netip.AddrPort
	// Hosts: it is about the way between hosts. That the managers call a node down
	// meanwhile and move its tasks follows from it, and is no reason to wait.
	Hosts bool
}

// Traffic is what a finding about a host's rules, its gateway bridge or a load
// balancer harms. Connections from task to task use none of them.
type Traffic int

// The kinds of traffic; the zero value is any.
const (
	AnyTraffic Traffic = iota
	// Entering: requests to ports that are published on hosts.
	Entering
	// Leaving: what tasks send to places outside the Swarm.
	Leaving
	// NoTraffic: it harms nothing that passes now.
	NoTraffic
	// Balanced: connections to virtual IPs from tasks of the finding's node, and
	// requests to ports that are published there.
	Balanced
)

// In is what a check may look at.
type In struct {
	*fact.Snapshot
	// Scope is the question, resolved.
	Scope *expect.Scope
	// Sighted are the nodes on the path (and the one fairway runs on) that have
	// every kind of fact the check needs.
	Sighted []*fact.Node

	blind []string
	// rows are what remoteRows has answered; what follows is worked out once, too.
	rows     map[rowsOf][]expect.Row
	believed map[*fact.EngineNetwork]map[fact.TaskID]bool
	deaf     map[[2]fact.NodeID]bool
	opened   map[opening]bool
	lost     []fact.TCPProbe
	attempts map[triedOn][]*fact.TCPProbe
}

type rowsOf struct {
	node *fact.Node
	net  fact.NetworkID
}

// remoteRows is expect.RemoteRows, worked out once: checks ask for every probe.
func (in *In) remoteRows(node *fact.Node, net fact.NetworkID) []expect.Row {
	k := rowsOf{node, net}
	rows, ok := in.rows[k]
	if !ok {
		if in.rows == nil {
			in.rows = map[rowsOf][]expect.Row{}
		}
		rows = expect.RemoteRows(in.Snapshot, node, net)
		in.rows[k] = rows
	}
	return rows
}

// Blind records that something on the path could not be judged, and why. The
// check's answer is then unknown, unless it found something.
func (in *In) Blind(format string, args ...any) {
	if r := fmt.Sprintf(format, args...); !slices.Contains(in.blind, r) {
		in.blind = append(in.blind, r)
	}
}

// Can reports whether these kinds of fact were read in a namespace of a node,
// and records the gap if not.
func (in *In) Can(node *fact.Node, netns string, kinds ...fact.Kind) bool {
	for _, k := range kinds {
		if g := in.Missing(node.Name, netns, k); g != nil {
			in.Blind("%s: %s", node.Name, g.Reason)
			return false
		}
	}
	return true
}

// NetworkName is the name of a network, its ID when nobody knows the name.
func (in *In) NetworkName(id fact.NetworkID) string { return expect.NetworkName(in.Snapshot, id) }

// NodeName is the host name of a node, its ID when nobody knows the name.
func (in *In) NodeName(id fact.NodeID) string { return expect.NodeName(in.Snapshot, id) }

// FailedTo returns the failed TCP probes from a node to a task; empty node or
// task match any. Refusals count as failed; probes that could not be made do not.
func (in *In) FailedTo(node string, task fact.TaskID) []fact.TCPProbe {
	if in.lost == nil {
		in.lost = []fact.TCPProbe{}
		for _, p := range in.Seen.TCP {
			if failed(p.Outcome) {
				in.lost = append(in.lost, p)
			}
		}
	}
	var out []fact.TCPProbe
	for _, p := range in.lost {
		if (node == "" || p.From.Node == node) && (task == "" || p.To == task) {
			out = append(out, p)
		}
	}
	return out
}

func failed(o fact.Outcome) bool {
	return o == fact.Refused || o == fact.Timeout || o == fact.Unreachable
}

// TaskSubject names a task as the subject of a finding.
func TaskSubject(t *fact.Task) Subject {
	return Subject{Kind: "task", ID: string(t.ID), Name: expect.NameOf(t)}
}

// NodeSubject names a node as the subject of a finding.
func (in *In) NodeSubject(id fact.NodeID) Subject {
	return Subject{Kind: "node", ID: string(id), Name: in.NodeName(id)}
}

// ServiceSubject names a service as the subject of a finding.
func ServiceSubject(s *fact.Service) Subject {
	return Subject{Kind: "service", ID: string(s.ID), Name: s.Name}
}

// NetworkSubject names a network as the subject of a finding.
func (in *In) NetworkSubject(id fact.NetworkID) Subject {
	return Subject{Kind: "network", ID: string(id), Name: in.NetworkName(id)}
}

// EndSubject names one end of the question as the subject of a finding.
func EndSubject(e *expect.End) Subject {
	if e.Task == "" {
		return Subject{Kind: "container", ID: string(e.Container), Name: e.Name}
	}
	return Subject{Kind: "task", ID: string(e.Task), Name: e.Full}
}

// Enter is the command prefix that enters a namespace of a node by its handle.
// The engine's folder is /var/run/docker/netns unless its exec-root was moved.
func Enter(ns string) string { return "nsenter --net=" + quoted("/var/run/docker/netns/"+ns) + " " }
