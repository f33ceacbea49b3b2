package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// EngineVersionSkew names defects of engines that are known and fit what is
// wrong.
var EngineVersionSkew = &Check{
	ID:    "engine-version-skew",
	Title: "an engine's version has a known defect that fits what is wrong",
	Doc: Doc{
		Symptom: "It began with an upgrade, or it happens only between nodes of certain versions.",
		Cause:   "Some releases of the engine break the overlay by themselves, and some do not understand others. Versions that differ are no fault in themselves; only a defect that is known, with what it would do in sight, is told, and only as a hint.",
		ByHand:  "`docker node ls --format '{{.Hostname}} {{.EngineVersion}}'` against the issue named.",
		Relief:  "What the issue advises; often a restart of the service (`docker service update --force SERVICE`) or of the engine.",
		Fix:     "Bring all engines to one release in which the defect is mended.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindTCP, fact.KindFDB},
	Because: []string{"underlay-peer-unreachable", "underlay-vxlan-udp-blocked", "gossip-7946-blocked", "gossip-split-islands", "dockerd-hung",
		"networkdb-stale-entries", "networkdb-missing-after-rejoin", "dns-stale-record", "fdb-missing", "fdb-stale-vtep", "peer-not-programmed",
		"overlay-neigh-missing", "overlay-neigh-wrong-mac", "task-not-running", "data-path-port-mismatch", "underlay-mtu-blackhole", "duplicate-ip-or-vip",
		"app-wrong-port", "app-bound-to-loopback", "app-bound-to-one-network", "overlay-port-down-or-unenslaved", "duplicate-node-identity"},
	Run: versionSkew,
}

func versionSkew(in *In) []Finding {
	var out []Finding
	for _, d := range defects() {
		var on []string
		var ids []fact.NodeID
		var tasks []fact.TaskID
		said := ""
		for _, n := range in.Wanted.Nodes {
			if !d.affects(releaseOf(in.versionOf(&n))) || !slices.Contains(in.pathNodes(), n.ID) {
				continue
			}
			if got, task := d.Shows(in, n.ID); got != "" {
				on, ids, said = append(on, n.Hostname), append(ids, n.ID), got
				if task != "" {
					tasks = append(tasks, task)
				}
			}
		}
		if len(on) == 0 || d.Mixed && !in.mixed(d) {
			continue
		}
		slices.Sort(on)
		f := Finding{Certainty: Hint, Subject: in.NodeSubject(slices.Min(ids)), Nodes: ids, Tasks: tasks,
			Message: fmt.Sprintf("%s %s an engine that %s (%s), mended in %s", listed(on), plural(len(on), "runs", "run"), d.Does, strings.Join(d.Issues, ", "), d.Fixed),
			Confirm: "docker node ls --format '{{.Hostname}} {{.EngineVersion}}'", Fix: "Upgrade to " + d.Fixed + " or later, on all nodes.", Impact: ImpactNone}
		if len(on) == 1 {
			f.Node = on[0]
		}
		f.Evidence = []Evidence{{"engine on " + listed(on), "without " + d.Issues[0], in.versionOf(in.Wanted.Node(ids[0]))}, {"what it would do", "not seen", said}}
		out = append(out, f)
	}
	return out
}

// versionOf is a node's engine as the engine says itself, else as the managers know it.
func (in *In) versionOf(n *fact.SwarmNode) string {
	if s := in.Node(n.ID); s != nil && s.Engine != nil && s.Engine.Version != "" {
		return s.Engine.Version
	}
	return n.EngineVersion
}

// mixed: a node on the path has an engine without the defect.
func (in *In) mixed(d defect) bool {
	return slices.ContainsFunc(in.Wanted.Nodes, func(n fact.SwarmNode) bool {
		r := releaseOf(in.versionOf(&n))
		return r != release{} && !d.affects(r) && slices.Contains(in.pathNodes(), n.ID)
	})
}

func (in *In) pathNodes() []fact.NodeID { return sideNodes(in.Scope, BothSides) }
