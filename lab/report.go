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
	Summary string `json:"summary"`
	Causes  []struct {
		ID        string `json:"id"`
		Node      string `json:"node"`
		Network   string `json:"network"`
		Peer      string `json:"peer"`
		Certainty string `json:"certainty"`
		Subject   struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"subject"`
	} `json:"causes"`
	Probes []struct {
		From    string `json:"from"`
		To      string `json:"to"`
		Address string `json:"address"`
		Outcome string `json:"outcome"`
		Error   string `json:"error"`
	} `json:"probes"`
	DNS []struct {
		From    string `json:"from"`
		Server  string `json:"server"`
		Name    string `json:"name"`
		Outcome string `json:"outcome"`
	} `json:"dns"`
	Hosts []struct {
		Node    string   `json:"node"`
		Stage   string   `json:"stage"`
		From    []string `json:"from"`
		To      string   `json:"to"`
		Address string   `json:"address"`
		Good    int      `json:"good"`
		Of      int      `json:"of"`
		Outcome string   `json:"outcome"`
		Error   string   `json:"error"`
	} `json:"hosts"`
	NotAgain []string `json:"not_again"` // failed in the first of two looks only
	Gaps     []struct {
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
	return fmt.Sprintf("of a healthy lab it says %s: %s%s", r.Verdict, show(r.causes()), r.ailing())
}

// ailing is the summary of a report and what failed in it, as far as fits into a line: the lab that was asked is gone soon.
func (r report) ailing() string {
	const most = 6
	rows := append(r.failures(), r.NotAgain...)
	if more := len(rows) - most; more > 0 {
		rows = append(rows[:most], fmt.Sprintf("%d more", more))
	}
	out := ""
	for _, s := range append([]string{r.Summary}, rows...) {
		if s != "" {
			out += " | " + strings.TrimSpace(s)
		}
	}
	return out
}

// failures are the connections, look-ups and requests of a report that failed, one line each.
func (r report) failures() []string {
	var out []string
	for _, p := range r.Probes {
		if p.Outcome != "open" {
			out = append(out, fmt.Sprintf("%s → %s %s: %s %s", p.From, p.To, p.Address, p.Outcome, p.Error))
		}
	}
	for _, d := range r.DNS {
		if d.Outcome != "open" {
			out = append(out, fmt.Sprintf("%s asks %s for %s: %s", d.From, d.Server, d.Name, d.Outcome))
		}
	}
	for _, h := range r.Hosts {
		if h.Good < h.Of {
			out = append(out, fmt.Sprintf("%s %s %s %s from %v: %d of %d, %s %s", h.Stage, h.Node, h.To, h.Address, h.From, h.Good, h.Of, h.Outcome, h.Error))
		}
	}
	return out
}

// missed tells how a report differs from what a fault wants, or nothing. No more causes may be there than wanted, and the
// one wanted first must be first.
func (r report) missed(want []Cause) string {
	got, verdict := r.causes(), "failed"
	if !slices.ContainsFunc(want, func(c Cause) bool { return !c.Hint }) {
		verdict = "unknown"
	}
	if r.Verdict != verdict || len(got) != len(want) || !want[0].is(got[0]) {
		return fmt.Sprintf("wanted %s, got %s: %s%s", show(want), r.Verdict, show(got), r.ailing())
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || w.is(g)
		}
		if !found {
			return fmt.Sprintf("%s is missing among %s%s", show([]Cause{w}), show(got), r.ailing())
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
