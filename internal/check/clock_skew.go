package check

import (
	"fmt"
	"slices"
	"time"

	"fairway/internal/fact"
)

// ClockSkew finds nodes whose clock is not that of the others.
var ClockSkew = &Check{
	ID:    "clock-skew",
	Title: "a node's clock is not that of the others",
	Doc: Doc{
		Symptom: "A node does not join, or its certificate is not renewed: \"x509: certificate has expired or is not yet valid\". Logs of two nodes cannot be laid side by side.",
		Cause: "The clock of the node is off: no time service runs, or a virtual machine was paused or restored. Managers make certificates valid from one hour before, and nodes judge them by their own clock; " +
			"gossip itself does not mind.",
		ByHand: "`date -u` on every node at once; `timedatectl` says whether the clock is synchronised.",
		Relief: "Set the clock: `systemctl restart systemd-timesyncd`, or `chronyc makestep`.",
		Fix:    "Run a time service on every node and watch it.",
	},
	Needs:  []fact.Kind{fact.KindInfo},
	Claims: noConnect,
	Run:    clockSkew,
}

// Limits of clocks. swarmkit makes certificates valid from one hour before
// their making (ca.CertBackdate, all versions).
const (
	skewNotable = 5 * time.Second
	skewHarmful = time.Hour
)

func clockSkew(in *In) []Finding {
	var offsets []time.Duration
	for _, n := range in.Sighted {
		if n.Engine != nil {
			offsets = append(offsets, offset(n))
		}
	}
	middle := usual(offsets)
	var out []Finding
	for _, n := range in.Sighted {
		if n.Engine == nil {
			in.Blind("%s: engine was not seen", n.Name)
			continue
		}
		off := offset(n) - middle
		if off.Abs()-n.ClockWithin <= skewNotable {
			continue
		}
		way, f := "ahead of", Finding{Certainty: Hint, Node: n.Name, Subject: in.NodeSubject(n.ID), Structural: true, Nodes: []fact.NodeID{n.ID}}
		if off < 0 {
			way = "behind"
		}
		if off.Abs()-n.ClockWithin > skewHarmful {
			f.Certainty = Strong
		}
		f.Message = fmt.Sprintf("the clock of %s is %v %s that of the other nodes", n.Name, off.Abs().Round(time.Second/10), way)
		f.Evidence = []Evidence{{n.Name + ": clock", fmt.Sprintf("within %v of the others", skewNotable),
			fmt.Sprintf("%+.1f s, good to %.1f s", off.Seconds(), n.ClockWithin.Seconds())}}
		f.Confirm, f.Relief = "on "+n.Name+": timedatectl; date -u", "on "+n.Name+": systemctl restart systemd-timesyncd"
		out = append(out, f)
	}
	return out
}

// offset is a node's clock minus that of the host that asked. The engine's own
// says something where it was asked from afar.
func offset(n *fact.Node) time.Duration { return n.ClockOffset + n.Engine.ClockOffset }

// usual is the middle of the offsets; of two middles the one nearer to the host
// that asked.
func usual(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	a, b := list[(len(list)-1)/2], list[len(list)/2]
	if b.Abs() < a.Abs() {
		return b
	}
	return a
}
