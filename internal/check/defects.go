package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// defect is a fault of certain releases of the engine that is known.
type defect struct {
	// Ranges are pairs of the first and the last release that has it, both
	// included; "" is an open end.
	Ranges [][2]string
	// Does completes "an engine that …".
	Does   string
	Issues []string
	Fixed  string
	// Mixed: it shows only between engines with and without it.
	Mixed bool
	// Shows says what of it is to be seen on a node, empty for nothing, and of
	// which task. A defect whose doings no snapshot shows is not in the table.
	Shows func(*In, fact.NodeID) (string, fact.TaskID)
}

func (d *defect) affects(r release) bool {
	return slices.ContainsFunc(d.Ranges, func(b [2]string) bool { return r.within(b[0], b[1]) })
}

// defects is the table of known-bad builds (reference: ground-truth §1.16).
func defects() []defect {
	return []defect{
		{Ranges: [][2]string{{"", "17.9.99"}}, Does: "keeps forwarding rows of an address's former owner", Issues: []string{"moby#35401", "libnetwork#1934"}, Fixed: "17.10", Shows: (*In).strayRows},
		{Ranges: [][2]string{{"17.10.0", "17.10.99"}}, Does: "rejects tasks for a changed key of its store", Issues: []string{"moby#35310"}, Fixed: "17.12", Shows: saying("key modified")},
		{Ranges: [][2]string{{"", "18.2.99"}}, Does: "gossips apart after managers were restarted", Issues: []string{"moby#33346", "libnetwork#1734"}, Fixed: "18.03", Shows: (*In).missingPeers},
		{Ranges: [][2]string{{"", "20.10.23"}, {"23.0.0", "23.0.2"}}, Does: "fails to encrypt on kernels without xt_u32", Issues: []string{"CVE-2023-28840"}, Fixed: "20.10.24 or 23.0.3", Shows: (*In).cutEncrypted},
		{Ranges: [][2]string{{"", "23.0.6"}, {"24.0.0", "24.0.0"}}, Does: "encrypts for port 4789 only", Issues: []string{"moby#45635"}, Fixed: "23.0.7 or 24.0.1", Shows: (*In).cutOtherPort},
		{Ranges: [][2]string{{"28.2.0", "28.2.2"}}, Does: "leaks rows of overlays and answers DNS unreliably", Issues: []string{"moby#50232", "moby#50229"}, Fixed: "28.3.0", Shows: (*In).strayRows},
		{Ranges: [][2]string{{"", "25.0.12"}, {"26.0.0", "28.99.99"}}, Does: "breaks the other encrypted networks when one is deleted", Issues: []string{"moby#50106"}, Fixed: "25.0.13 or 29.0.0", Shows: (*In).cutEncrypted},
		{Ranges: [][2]string{{"25.0.13", "25.0.14"}, {"29.0.0", "29.2.0"}}, Does: "does not understand the encryption of other engines", Issues: []string{"moby#51798"}, Fixed: "25.0.15 or 29.2.1", Mixed: true, Shows: (*In).cutEncrypted},
		{Ranges: [][2]string{{"29.0.0", "29.7.2"}}, Does: "drops names after a short partition", Issues: []string{"moby#53141"}, Fixed: "the release with moby#53142", Shows: (*In).missingNames},
		{Ranges: [][2]string{{"29.0.0", "29.8.0"}}, Does: "loses a permanent forwarding row to a learned one after a node rejoins", Issues: []string{"moby#53663"}, Fixed: "the release with moby#53663", Shows: (*In).lostRows},
	}
}

// saying finds tasks on a node that ended with these words.
func saying(words string) func(*In, fact.NodeID) (string, fact.TaskID) {
	return func(in *In, id fact.NodeID) (string, fact.TaskID) {
		for i := range in.Wanted.Tasks {
			if t := &in.Wanted.Tasks[i]; t.Node == id && strings.Contains(t.Err, words) && in.Taken.Sub(t.StateSince) < recent {
				return expect.ShortName(t) + ": " + short(t.Err), t.ID
			}
		}
		return "", ""
	}
}

// strayRows finds rows that lead elsewhere than gossip says.
func (in *In) strayRows(id fact.NodeID) (string, fact.TaskID) {
	return in.rowOf(id, func(h *heldRow) bool {
		return slices.ContainsFunc(h.FDB, func(f fact.FDBEntry) bool { return f.Dst != h.VTEP })
	}, "leads elsewhere")
}

func (in *In) lostRows(id fact.NodeID) (string, fact.TaskID) {
	return in.rowOf(id, func(h *heldRow) bool { return h.Neigh != nil && len(h.FDB) == 0 }, "has no forwarding row")
}

func (in *In) rowOf(id fact.NodeID, bad func(*heldRow) bool, what string) (string, fact.TaskID) {
	all := &In{Snapshot: in.Snapshot, Scope: in.Scope} // what it cannot see is no reason to say unknown
	if n := in.Node(id); n != nil && n.Engine != nil && n.Kernel != nil && in.Missing(n.Name, "", fact.KindFDB) == nil {
		all.Sighted = []*fact.Node{n}
	}
	for _, h := range all.heldRows() {
		if bad(&h) {
			return fmt.Sprintf("%s of %s %s", h.IP, h.Name, what), h.Task
		}
	}
	return "", ""
}

func (in *In) missingPeers(id fact.NodeID) (string, fact.TaskID) {
	for _, net := range in.Scope.Overlays() {
		for _, n := range in.Wanted.Nodes {
			if e := in.joined(id, net); e != nil && n.ID != id && n.State == "ready" && len(in.wantedOn(n.ID, net)) > 0 && !in.lists(e, n.ID) {
				return fmt.Sprintf("%s is no peer of %s", n.Hostname, e.Name), in.wantedOn(n.ID, net)[0]
			}
		}
	}
	return "", ""
}
