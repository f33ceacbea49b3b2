package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DockerdHung finds engines that do not answer although their hosts do.
var DockerdHung = &Check{
	ID:    "dockerd-hung",
	Title: "an engine hangs or does not run, although its host answers",
	Doc: Doc{
		Symptom: "On one node no name resolves, while connections to addresses go on. After six seconds the other nodes forget its tasks; after fifteen the managers call it Down. `docker ps` there hangs.",
		Cause: "dockerd is stopped, in a deadlock, starved, or dead. It answers DNS for every container, gossips, and programs the kernel: all of this stops at once. " +
			"Its ports still take connections when it hangs, because the kernel does that, and refuse them when it is gone.",
		ByHand: "On the node: `timeout 5 docker version`; `ps -o stat,wchan -C dockerd` (T is stopped, D waits for a disk). A receive queue that grows: `ss -uln src 127.0.0.11` in a container's namespace.",
		Relief: "Restart the engine: `systemctl restart docker`; where it does not end, `systemctl kill -s KILL docker` first.",
		Fix:    "Take its stacks before you restart it (`kill -USR1` writes them to a file) and look for a deadlock fixed since (moby#35469, moby#32195); give dockerd CPU, memory and a disk that others cannot take.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindUnderlay},
	Because: []string{"underlay-peer-unreachable", "manager-path-2377-blocked", "host-starvation"},
	Outside: true,
	Run:     dockerdHung,
}

func dockerdHung(in *In) []Finding {
	var out []Finding
	for i := range in.Wanted.Nodes {
		n := &in.Wanted.Nodes[i]
		f := Finding{Certainty: Strong, Node: n.Hostname, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID},
			Confirm: fmt.Sprintf("on %s: timeout 5 docker version; ps -o pid,stat,wchan,etime -C dockerd", n.Hostname),
			Relief:  fmt.Sprintf("on %s: systemctl restart docker", n.Hostname), Impact: ImpactNode(n.Hostname)}
		if in.silentToItsHost(n, &f) || in.silentToAll(n, &f) {
			out = append(out, f)
		}
	}
	return out
}

// silentToItsHost: fairway was there and the engine did not answer it.
func (in *In) silentToItsHost(n *fact.SwarmNode, f *Finding) bool {
	for _, g := range in.Gaps {
		if g.Node == n.Hostname && g.Class == fact.ClassTimeout && (g.Kind == fact.KindInfo || g.Kind == fact.KindContainers) {
			f.Evidence = append(f.Evidence, Evidence{n.Hostname + ": engine", "an answer", g.Reason})
		}
	}
	if len(f.Evidence) == 0 || in.Node(n.ID) == nil {
		f.Evidence = nil
		return false
	}
	f.Message = fmt.Sprintf("the engine of %s hangs: its host answers, and it does not", n.Hostname)
	waiting, spaces := uint32(0), 0
	if k := in.Node(n.ID).Kernel; k != nil {
		for _, ns := range k.Namespaces {
			for _, s := range ns.Sockets {
				if s.Proto == "udp" && s.Local.Addr() == expect.ResolverAddr && s.Queue > 0 {
					waiting, spaces = waiting+s.Queue, spaces+1
				}
			}
		}
	}
	if spaces > 0 {
		f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: resolvers of %d containers", n.Hostname, spaces), "questions read", fmt.Sprintf("%d bytes unread", waiting)})
	}
	f.Probed = slices.ContainsFunc(in.Seen.DNS, func(d fact.DNSProbe) bool {
		return d.From.Node == n.Hostname && d.Server.Addr() == expect.ResolverAddr && d.Outcome == fact.Timeout
	})
	return true
}

// silentToAll: neither managers nor gossip hear of the node, and yet its host
// takes or refuses connections to the engine's ports.
func (in *In) silentToAll(n *fact.SwarmNode, f *Finding) bool {
	by, of := in.heardBy(n.ID)
	if n.State == "ready" || len(by) > 0 {
		return false
	}
	ports := in.portProbes(n.ID, "gossip")
	open, refused := outcomes(ports, fact.Open), outcomes(ports, fact.Refused)
	if of == 0 || len(ports) == 0 {
		// A node that is off for good, and has no part in the question, hides nothing.
		if !slices.Contains(expect.PathNodes(in.Scope), n.ID) && in.Taken.Sub(n.Updated) > SteadyFor {
			return false
		}
		in.Blind("the managers call %s %s; whether its engine answers others was not seen", n.Hostname, n.State)
		return false
	}
	if open+refused < len(ports) || slices.ContainsFunc(ports, func(p fact.PeerProbe) bool { return !answered(p) }) {
		return false
	}
	f.Message = fmt.Sprintf("the engine of %s hangs: its ports take connections, but neither gossip nor the managers hear of it", n.Hostname)
	if refused > 0 {
		f.Message, f.Relief = fmt.Sprintf("no engine runs on %s: its host refuses connections to the engine's ports", n.Hostname), fmt.Sprintf("on %s: systemctl start docker", n.Hostname)
		f.Probed = true
	}
	f.Evidence = []Evidence{{"managers: node " + n.Hostname, "ready", n.State + " " + n.Message},
		{"gossip on the other nodes", n.Hostname + " among the peers", "not there"}}
	for _, p := range ports {
		f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s → %s", p.Node, p.Target), "open, and an engine that answers", string(p.Outcome)})
	}
	return true
}
