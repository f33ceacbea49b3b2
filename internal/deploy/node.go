package deploy

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"fairway/internal/fact"
)

// State is how a node fares with its agent.
type State int

// The states. Waiting is the only one that may still change by itself soon.
const (
	Waiting      State = iota
	Running            // its agent runs, and answered if it was asked
	Unanswered         // its agent runs and does not answer
	Failed             // its agent ends again and again
	Rejected           // the engine refuses to start it
	ImageMissing       // the engine has no image for it
	Drained            // Swarm runs no global service there
	Paused             // Swarm starts nothing new there
	Down               // the managers do not hear from it
	OtherArch          // the image is for another architecture
)

// NodeState is one node of the Swarm and its agent.
type NodeState struct {
	ID, Name string
	// Addr is the node's own address; the zero value when the managers have none.
	Addr netip.Addr
	// Arch is its architecture as images name it.
	Arch  string
	State State
	// Why says more about the state, and Do what would help; both may be empty.
	Why, Do string

	task swarm.Task
}

// Meant reports whether an agent should run there as things are.
func (n *NodeState) Meant() bool {
	return n.State != Drained && n.State != Paused && n.State != Down && n.State != OtherArch
}

// String is the node's state in words.
func (n *NodeState) String() string {
	word := [...]string{"not running yet", "running", "running, but it does not answer", "fails", "rejected", "image missing",
		"drained", "paused", "down", "another architecture"}[n.State]
	if n.Why != "" {
		word += ": " + n.Why
	}
	return word
}

// nodes lists the Swarm's nodes by name, each with the state that the node itself
// is in; State is Waiting where an agent should run.
func (s *Swarm) nodes(ctx context.Context, arch string) ([]NodeState, error) {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	res, err := s.API.NodeList(bounded, client.NodeListOptions{})
	if err != nil {
		return nil, trouble("list the nodes", err)
	}
	var out []NodeState
	for _, n := range res.Items {
		out = append(out, nodeOf(n, arch))
	}
	slices.SortFunc(out, func(a, b NodeState) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return out, nil
}

func nodeOf(n swarm.Node, arch string) NodeState {
	out := NodeState{ID: n.ID, Name: cmp.Or(fact.OneLine(n.Description.Hostname), n.ID), Addr: address(n), Arch: archOf(n.Description.Platform.Architecture)}
	const reach = "or reach it over SSH"
	switch {
	case n.Status.State != swarm.NodeStateReady:
		out.State, out.Why = Down, strings.TrimSuffix(fmt.Sprintf("the managers say %s: %s", fact.OneLine(string(n.Status.State)), fact.OneLine(n.Status.Message)), ": ")
		out.Do = "see that dockerd runs there and reaches the managers on 2377"
	case n.Spec.Availability == swarm.NodeAvailabilityDrain:
		out.State, out.Why = Drained, "global services do not run there"
		out.Do = fmt.Sprintf("`docker node update --availability active %s`, %s", fact.Quoted(out.Name), reach)
	case n.Spec.Availability == swarm.NodeAvailabilityPause:
		out.State, out.Why = Paused, "global services do not start there"
		out.Do = fmt.Sprintf("`docker node update --availability active %s`, %s", fact.Quoted(out.Name), reach)
	case arch != "" && out.Arch != arch:
		out.State, out.Why = OtherArch, fmt.Sprintf("it is %s and the image is for %s", out.Arch, arch)
		out.Do = "deploy an image for both with --image, " + reach
	}
	return out
}

// address is where a node's agent listens. A manager that advertised nothing of
// its own is known by the address that the others reach it at.
func address(n swarm.Node) netip.Addr {
	a, _ := netip.ParseAddr(n.Status.Addr)
	if (!a.IsValid() || a.IsUnspecified() || a.IsLoopback()) && n.ManagerStatus != nil {
		if ap, err := netip.ParseAddrPort(n.ManagerStatus.Addr); err == nil {
			a = ap.Addr()
		}
	}
	return a.Unmap()
}

// archOf turns a kernel's name for an architecture, which nodes report, into that
// of images (swarmkit, scheduler/filter.go, PlatformFilter).
func archOf(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "armv7l", "armv6l":
		return "arm"
	}
	return machine
}
