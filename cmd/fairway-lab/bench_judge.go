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
	Gaps      []struct {
		What  string
		Aside bool
	}
	Probes []struct{ Address, Outcome string }
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

// judgeHealthy wants nothing to be wrong, everything seen, and so many connections open. A documented bound that was
// reached, in a large Swarm, is told and hides nothing; nor does what stands aside, as a log that is younger than asked for.
func judgeHealthy(out []byte, exit, pairs int) string {
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return "no report: " + err.Error()
	}
	gaps := 0
	for _, g := range r.Gaps {
		if g.What != "sample" && !g.Aside {
			gaps++
		}
	}
	if r.Verdict != "ok" || exit != 0 || len(r.Causes)+len(r.Elsewhere)+len(r.Settling)+gaps > 0 {
		return fmt.Sprintf("it says %s and ends with %d, %d causes, %d elsewhere, %d settling, %d gaps: %s",
			r.Verdict, exit, len(r.Causes), len(r.Elsewhere), len(r.Settling), gaps, r.Summary)
	}
	open := 0
	for _, p := range r.Probes {
		if p.Outcome == "open" {
			open++
		}
	}
	if open != pairs || len(r.Probes) != pairs {
		return fmt.Sprintf("%d of %d connections are open, %d are all", open, len(r.Probes), pairs)
	}
	return ""
}

// judgeEverywhere wants every address found open once from every frontend, by the loop on every node.
func judgeEverywhere(out string, back []lab.Task, fronts int) string {
	var want []string
	for _, t := range back {
		want = append(want, slices.Repeat([]string{t.Addrs["app"].String() + " open"}, fronts)...)
	}
	got := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Sprintf("it tried %d addresses of %d, %d failed", len(got), len(want), strings.Count(out, "failed"))
	}
	return ""
}

// judgeLook wants every container and the links of every container's namespace in what an agent says of its node.
func judgeLook(out []byte, containers int) string {
	var a struct {
		Node struct {
			Engine struct{ Containers []any }
			Kernel struct {
				Namespaces []struct{ Containers, Links []any }
			}
		}
		Gaps []any
	}
	if err := json.Unmarshal(out, &a); err != nil {
		return "no answer: " + err.Error()
	}
	linked := 0
	for _, ns := range a.Node.Kernel.Namespaces {
		if len(ns.Containers) > 0 && len(ns.Links) > 1 {
			linked++
		}
	}
	// The agent's own namespace is its host's.
	if n := len(a.Node.Engine.Containers); n != containers || linked < containers-1 || len(a.Gaps) > 0 {
		return fmt.Sprintf("it tells of %d containers of %d and of the links of %d, with %d gaps", n, containers, linked, len(a.Gaps))
	}
	return ""
}

// judgeLoop judges the runbook's loop, which finds addresses only.
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
