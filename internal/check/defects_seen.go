package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// missingNames finds a task that has run for a minute and whose entry a node's
// engine lacks, its node being among the peers.
func (in *In) missingNames(id fact.NodeID) (string, fact.TaskID) {
	return in.untold(id, func(t *fact.Task) bool { return in.Taken.Sub(t.StateSince) >= SteadyFor })
}

func (in *In) untold(id fact.NodeID, counts func(*fact.Task) bool) (string, fact.TaskID) {
	for _, net := range in.Scope.Overlays() {
		e := in.joined(id, net)
		for i := range in.Wanted.Tasks {
			t := &in.Wanted.Tasks[i]
			if e == nil || !t.Running() || !t.Addr(net).IsValid() || !in.lists(e, t.Node) || !counts(t) || in.health(t) == "starting" {
				continue
			}
			if !slices.ContainsFunc(believedOn(e), func(b fact.BelievedTask) bool { n, _ := expect.ParseTaskName(b.Name); return n.Task == t.ID }) {
				return fmt.Sprintf("%s is not told of on %s", expect.ShortName(t), e.Name), t.ID
			}
		}
	}
	return "", ""
}

// cutEncrypted finds connections to or from a node that got no answer over an
// encrypted network.
func (in *In) cutEncrypted(id fact.NodeID) (string, fact.TaskID) {
	for _, p := range in.Seen.TCP {
		n, to := expect.Network(in.Snapshot, p.Network), in.Wanted.Task(p.To)
		across := to != nil && p.From.Node != in.NodeName(to.Node) && (to.Node == id || p.From.Node == in.NodeName(id))
		if n != nil && n.Encrypted && across && p.Outcome == fact.Timeout {
			return fmt.Sprintf("%s → %s over %s, which is encrypted: %s", p.From.Node, in.NodeName(to.Node), n.Name, p.Outcome), p.To
		}
	}
	return "", ""
}

func (in *In) cutOtherPort(id fact.NodeID) (string, fact.TaskID) {
	if in.Wanted.DataPathPort == expect.DefaultDataPathPort {
		return "", ""
	}
	return in.cutEncrypted(id)
}
