package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// report is as much of fairway's JSON report as a verdict on it needs. It is declared here again, because the lab judges
// the contract and not fairway's own code.
type report struct {
	Verdict string `json:"verdict"`
	Causes  []struct {
		ID      string `json:"id"`
		Node    string `json:"node"`
		Network string `json:"network"`
		Peer    string `json:"peer"`
		Subject struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"subject"`
	} `json:"causes"`
	Gaps []struct {
		Node   string `json:"node"`
		What   string `json:"what"`
		Reason string `json:"reason"`
		Aside  bool   `json:"aside"` // hides nothing that was asked
	} `json:"gaps"`
}

// causes are those of a report in the lab's words.
func (r report) causes() []Cause {
	var all []Cause
	for _, c := range r.Causes {
		all = append(all, Cause{ID: c.ID, Node: c.Node, Network: c.Network, Kind: c.Subject.Kind, Name: c.Subject.Name, Peer: c.Peer})
	}
	return all
}

// diagnose runs fairway's command on a node, and returns its report also as it was written. A question without ends is
// that of fairway check.
func (l *Lab) diagnose(ctx context.Context, command []string, w Want) (report, string, error) {
	argv := append(slices.Clone(command), "-o", "json")
	argv = append(argv, w.args()...)
	if i := slices.Index(argv, "diagnose"); w.To == "" && i >= 0 {
		argv[i] = "check"
	}
	out, err := l.Exec(ctx, w.On, argv...)
	var r report
	if bad := json.Unmarshal([]byte(out), &r); bad != nil {
		return r, out, errors.Join(fmt.Errorf("fairway wrote no report: %w", bad), err)
	}
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		return r, out, err
	}
	if code != r.exit() {
		return r, out, fmt.Errorf("fairway says %s and exits %d", r.Verdict, code)
	}
	return r, out, nil
}

// args are a question as it is typed.
func (w Want) args() []string {
	ends := slices.DeleteFunc([]string{w.From, w.To}, func(end string) bool { return end == "" })
	if w.Since != "" {
		return append([]string{"--since", w.Since}, ends...)
	}
	return ends
}

// exit is the exit code that belongs to a verdict.
func (r report) exit() int { return map[string]int{"ok": 0, "failed": 3, "unknown": 4}[r.Verdict] }

// sick tells why a report of a healthy lab is wrong, or nothing.
func (r report) sick() string {
	if len(r.Causes) == 0 && r.Verdict != "failed" {
		return ""
	}
	return fmt.Sprintf("of a healthy lab it says %s: %s", r.Verdict, show(r.causes()))
}

// missed tells how a report differs from what a fault wants, or nothing. No more causes may be there than wanted, and the
// one wanted first must be first.
func (r report) missed(want []Cause) string {
	got, verdict := r.causes(), "failed"
	if !slices.ContainsFunc(want, func(c Cause) bool { return !c.Hint }) {
		verdict = "unknown"
	}
	if r.Verdict != verdict || len(got) != len(want) || !want[0].is(got[0]) {
		return fmt.Sprintf("wanted %s, got %s: %s", show(want), r.Verdict, show(got))
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || w.is(g)
		}
		if !found {
			return fmt.Sprintf("%s is missing among %s", show([]Cause{w}), show(got))
		}
	}
	return ""
}

// unseen are the nodes that could not be seen.
func (r report) unseen() []string {
	var out []string
	for _, g := range r.Gaps {
		if g.What == "node" {
			out = append(out, g.Node)
		}
	}
	return out
}

// blinded tells that something that was asked could not be seen.
func (r report) blinded() bool {
	for _, g := range r.Gaps {
		if !g.Aside {
			return true
		}
	}
	return false
}

// blind tells which nodes should have been seen and were not, or nothing.
func (r report) blind(may []string) string {
	for _, g := range r.Gaps {
		if g.What == "node" && !slices.Contains(may, g.Node) {
			return "it does not see " + g.Node + ": " + g.Reason
		}
	}
	return ""
}

// pairs are causes between two nodes: which end comes first depends on whose view there is.
var pairs = []string{"underlay-vxlan-udp-blocked", "underlay-peer-unreachable", "underlay-mtu-blackhole", "vxlan-port-clash-hypervisor"}

// is compares a wanted cause with one that was reported; what is not wanted is not compared.
func (c Cause) is(got Cause) bool {
	if slices.Contains(pairs, c.ID) && c.Peer != "" && got.Node == c.Peer && got.Peer == c.Node {
		got.Node, got.Peer = c.Node, c.Peer
	}
	for _, f := range [][2]string{{c.ID, got.ID}, {c.Node, got.Node}, {c.Network, got.Network}, {c.Kind, got.Kind},
		{c.Name, got.Name}, {c.Peer, got.Peer}} {
		if f[0] != "" && f[0] != f[1] {
			return false
		}
	}
	return true
}

func show(causes []Cause) string {
	if len(causes) == 0 {
		return "no cause"
	}
	var all []string
	for _, c := range causes {
		text := c.ID
		for _, f := range [][2]string{{" node ", c.Node}, {" network ", c.Network}, {" ", c.Kind}, {" ", c.Name}, {" peer ", c.Peer}} {
			if f[1] != "" {
				text += f[0] + f[1]
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
