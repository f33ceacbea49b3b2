package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fairway/lab"
)

// report is what is judged of fairway's JSON report.
type report struct {
	Verdict string
	Summary string
	Causes  []struct {
		ID, Node, Network, Peer string
		Evidence                []struct{ Want string }
	}
	Elsewhere []any
	Settling  []any
	Probes    []struct{ Address, Outcome string }
}

// judgeReport says what is wrong with an answer of fairway's; empty when it is right: fdb-missing is the only cause, about
// exactly these tasks, and they alone time out; or, when there are none, nothing is wrong but not all of it was seen.
func judgeReport(out []byte, exit int, lost []lab.Task, tasks int) string {
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return "no report: " + err.Error()
	}
	verdict, code := "unknown", 4
	if len(lost) > 0 {
		verdict, code = "failed", 3
	}
	if r.Verdict != verdict || exit != code || len(r.Elsewhere)+len(r.Settling) > 0 {
		return fmt.Sprintf("it says %s and ends with %d, %d causes elsewhere, %d settling: %s", r.Verdict, exit, len(r.Elsewhere), len(r.Settling), r.Summary)
	}
	return cmp.Or(r.judgeCauses(lost), r.judgeProbes(lost, tasks))
}

// judgeCauses wants each task's MAC in the evidence once; alike findings are one cause.
func (r *report) judgeCauses(lost []lab.Task) string {
	var got, want []string
	for _, t := range lost {
		want = append(want, overlayMAC(t.Addrs["app"]))
	}
	for _, c := range r.Causes {
		if c.ID != "fdb-missing" || c.Node != onNode || c.Network != "app" || c.Peer != offNode {
			return fmt.Sprintf("it names %s on %s towards %s", c.ID, c.Node, c.Peer)
		}
		for _, e := range c.Evidence {
			mac, _, _ := strings.Cut(e.Want, " ")
			got = append(got, mac)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Sprintf("it misses the rows of %v, which should be %v", got, want)
	}
	return ""
}

func (r *report) judgeProbes(lost []lab.Task, tasks int) string {
	want := map[string]string{}
	for _, t := range lost {
		want[t.Addrs["app"].String()] = "timeout"
	}
	seen := map[string]bool{}
	for _, p := range r.Probes {
		seen[p.Address] = true
		if w := cmp.Or(want[p.Address], "open"); p.Outcome != w {
			return fmt.Sprintf("it found %s %s, which is %s", p.Address, p.Outcome, w)
		}
	}
	if len(seen) != tasks {
		return fmt.Sprintf("it tried %d addresses of %d", len(seen), tasks)
	}
	return ""
}

// judgeLoop does the same for the runbook's loop, which finds addresses only.
func judgeLoop(out string, back, lost []lab.Task) string {
	var want []string
	for _, t := range back {
		state := "open"
		if slices.ContainsFunc(lost, func(l lab.Task) bool { return l.ID == t.ID }) {
			state = "failed"
		}
		want = append(want, t.Addrs["app"].String()+" "+state)
	}
	got := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Sprintf("it found %d addresses, %d of them failed", len(got), strings.Count(out, "failed"))
	}
	return ""
}
