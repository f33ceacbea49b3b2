package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// HostStarvation finds hosts whose engine gets too little of the machine to
// answer others in time.
var HostStarvation = &Check{
	ID:    "host-starvation",
	Title: "a host is so busy that its engine answers too late",
	Doc: Doc{
		Symptom: "One node flaps in gossip, or turns Down for moments; names resolve slowly there, health checks run into their timeout. Its containers run on.",
		Cause: "Gossip wants an answer within half a second, the managers a heartbeat every five; both are served by dockerd, and so are names. Where it waits for a processor, for memory or for a disk, it answers too late, and others take the node for dead. " +
			"Other programs take all of it, a limit is set on dockerd itself, the machine swaps, or the hypervisor gives the virtual machine too little (steal).",
		ByHand: "On the node: `cat /proc/loadavg /proc/pressure/*`, `vmstat 1` (r, si/so, wa, st), `dmesg -T | grep -E 'Out of memory|blocked for more|soft lockup'`; for dockerd alone `cat /proc/$(pidof dockerd)/task/*/schedstat`: the second number is nanoseconds of waiting.",
		Relief: "Take load off: drain the node, or scale down what fills it.",
		Fix:    "Limit services (`--limit-cpu`, `--limit-memory`, `--reserve-…`), so that they leave room; give dockerd weight and memory of its own (CPUWeight=, MemoryLow= of docker.service) and no limit; a faster disk below /var/lib/docker; more for the virtual machine.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindCounters, fact.KindLogs, fact.KindDNS},
	Because: []string{"gossip-7946-blocked", "gossip-udp-blocked", "underlay-peer-unreachable", "duplicate-node-identity", "conntrack-full", "neigh-table-overflow", "manager-path-2377-blocked"},
	Run:     hostStarvation,
}

const (
	// engineWaits is the share of the time in which dockerd wants a processor and
	// has none, in percent, and enoughWait how long that must have been while we
	// looked: a moment's queue is none.
	engineWaits = 80
	enoughWait  = 500e6
	// Shares of the last ten seconds, in percent: some tasks waited for a processor,
	// all for a disk or for memory.
	cpuLost, ioLost, memoryLost = 90, 60, 20
)

func hostStarvation(in *In) []Finding {
	var out []Finding
	for _, n := range in.logged() {
		if n.Kernel.Host() == nil {
			in.Blind("%s: its kernel was not seen", n.Name)
			continue
		}
		signs, sure := in.strained(n)
		shown, now := in.tooLate(n)
		// A busy machine is none's fault by itself, and what was logged may be of another
		// time: pressure alone needs somebody who waits for the engine now.
		if len(signs) == 0 || len(shown) == 0 || !sure && !now {
			continue
		}
		f := Finding{Certainty: Hint, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true, Impact: ImpactNode(n.Name),
			Message:  fmt.Sprintf("the engine of %s answers too late: its host is too busy (%s)", n.Name, signs[0].Got),
			Evidence: slices.Concat(signs, shown),
			Confirm:  fmt.Sprintf("on %s: cat /proc/loadavg /proc/pressure/*; vmstat 1 5; dmesg -T | tail", n.Name),
			Relief:   fmt.Sprintf("docker node update --availability drain %s", quoted(n.Name))}
		if f.Meek = !sure; sure {
			f.Certainty = Strong
		}
		out = append(out, f)
	}
	return out
}

// strained is what says that a host has too little of something; sure: it is
// about the engine itself, or the kernel says so.
func (in *In) strained(n *fact.Node) (signs []Evidence, sure bool) {
	add := func(what, want, got string) { signs = append(signs, Evidence{n.Name + ": " + what, want, got}) }
	run, wait := n.Kernel.Host().Counter("", "dockerd.run"), n.Kernel.Host().Counter("", "dockerd.wait")
	if run != nil && wait != nil && wait.Delta() > enoughWait && wait.Delta()*100 >= (wait.Delta()+run.Delta())*engineWaits {
		add("its engine waits for a processor", "less waiting than work", fmt.Sprintf("%.1f s of waiting, %.1f s of work while we looked", float64(wait.Delta())/1e9, float64(run.Delta())/1e9))
		sure = true
	}
	for _, k := range []struct{ id, what string }{{"out-of-memory", "programs killed for lack of memory"}, {"host-stalled", "the host stood still"}} {
		if lines := in.said(n, k.id); len(lines) > 0 {
			signs = append(signs, quoteLog(n.Name+": "+k.what, "no such line", lines))
			sure = true
		}
	}
	for _, resource := range []string{"cpu", "memory", "io"} {
		if v := n.Kernel.Strain.Of(resource); v != nil {
			got, most := v.Full[0], map[string]float64{"memory": memoryLost, "io": ioLost}[resource]
			if resource == "cpu" {
				got, most = v.Some[0], cpuLost
			}
			if got >= most {
				add("tasks wait for "+resource, fmt.Sprintf("below %.0f %% of the time", most), fmt.Sprintf("%.0f %%, load %.1f on %d processors", got, n.Kernel.Strain.Load[0], n.Kernel.Strain.CPUs))
			}
		}
	}
	return signs, sure
}

// tooLate is what shows that others, or the node itself, found it slow; now: while
// we looked.
func (in *In) tooLate(n *fact.Node) (out []Evidence, now bool) {
	for _, k := range []struct{ id, want string }{{"gossip-refuting", "nobody suspects it"}, {"gossip-health", "healthscore:0"}, {"swarm-heartbeat-failed", "heartbeats answered"}, {"gossip-overload", "messages handled as they come"}} {
		if lines := in.said(n, k.id); len(lines) > 1 { // one is noise
			out = append(out, quoteLog(logOf(n), k.want, lines))
		}
	}
	for _, o := range in.byName() {
		lines := slices.DeleteFunc(in.said(o, "gossip-suspect", "gossip-node-failed"), func(s heard) bool { return in.nodeSaid(&s) != n.ID })
		if len(lines) > 1 && o.ID != n.ID {
			out = append(out, quoteLog(logOf(o), n.Name+" answers gossip's probes", lines))
		}
	}
	slow := 0
	for _, d := range in.Seen.DNS {
		if d.From.Node == n.Name && d.Outcome == fact.Timeout {
			slow++
		}
	}
	if slow > 0 {
		out = append(out, Evidence{n.Name + ": names asked in containers", "answers within the limit", fmt.Sprintf("%d without", slow)})
	}
	return out, slow > 0
}
