package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// sayFresh is how old a statement may be that is to explain what is wrong now: two
// of NetworkDB's statistics lines, as far as logs are read without being asked.
const sayFresh = 11 * time.Minute

// heard is a statement of a node's log, told by the clock of the host that asked.
type heard struct {
	Node *fact.Node
	When time.Time
	fact.Statement
}

// logged lists the nodes whose logs were read. That nobody read any is no answer.
func (in *In) logged() []*fact.Node {
	var out []*fact.Node
	for _, n := range in.Sighted {
		if n.Said == nil {
			in.Blind("%s: its logs were not read", n.Name)
			continue
		}
		out = append(out, n)
	}
	return out
}

// byName are all nodes that were looked at, sorted.
func (in *In) byName() []*fact.Node {
	var out []*fact.Node
	for i := range in.Nodes {
		out = append(out, &in.Nodes[i])
	}
	slices.SortFunc(out, func(a, b *fact.Node) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// said lists what a node said about something, oldest first, as far as it is about
// now: in the last minutes, or in the time that was asked about.
func (in *In) said(n *fact.Node, ids ...string) []heard {
	if n == nil || n.Said == nil {
		return nil
	}
	var out []heard
	for _, st := range n.Said.Statements {
		when := st.At.Add(-n.ClockOffset)
		if slices.Contains(ids, st.ID) && (in.Taken.Sub(when) <= sayFresh || n.Said.AskedFor(st.At)) {
			out = append(out, heard{n, when, st})
		}
	}
	slices.SortStableFunc(out, func(a, b heard) int {
		return cmp.Or(a.When.Compare(b.When), strings.Compare(a.ID, b.ID), strings.Compare(a.Text, b.Text))
	})
	return out
}

// goingOn is how long a complaint may be silent that gossip repeats every 30 s
// while its reason lasts.
const goingOn = 100 * time.Second

// goesOn: the last of it was said just now, or in the time that was asked about.
func (in *In) goesOn(list []heard) bool {
	if len(list) == 0 {
		return false
	}
	last := list[len(list)-1]
	return in.Taken.Sub(last.When) <= goingOn || last.Node.Said.AskedFor(last.At)
}

// acknowledged is how long a peer has to take over tables before the complaint
// (NetworkDB, all versions): one that is younger than a change may be of before.
const acknowledged = 30 * time.Second

// foundAgain: gossip found the peer again after the exchange that was complained of
// last had begun, so all that was said is of the past.
func (in *In) foundAgain(n *fact.Node, of []heard) bool {
	last := &of[len(of)-1]
	return slices.ContainsFunc(in.said(n, "gossip-joined", "gossip-node-back"), func(s heard) bool {
		return s.When.After(last.When.Add(-acknowledged)) && (s.Peer == last.Peer || in.nodeSaid(&s) != "" && in.nodeSaid(&s) == in.nodeSaid(last))
	})
}

// when is when a task came to its state, by the clock of the host that asked: its
// node told the time.
func (in *In) when(t *fact.Task) time.Time {
	if n := in.Node(t.Node); n != nil {
		return t.StateSince.Add(-n.ClockOffset)
	}
	return t.StateSince
}

// about keeps what was said of one peer.
func about(list []heard, peer string) []heard {
	return slices.DeleteFunc(slices.Clone(list), func(s heard) bool { return s.Peer != peer })
}

// quoteLog is lines of a log as evidence: how many, from when to when, and the last.
func quoteLog(where, want string, list []heard) Evidence {
	if len(list) == 0 {
		return Evidence{Where: where, Want: want, Got: "nothing"}
	}
	first, last := list[0], list[len(list)-1]
	got := fmt.Sprintf("%s: %s", clock(last.When), short(last.Text))
	if len(list) > 1 {
		got = fmt.Sprintf("%d times since %s, last at %s", len(list), clock(first.When), got)
	}
	return Evidence{Where: where, Want: want, Got: got}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// logOf is where lines of a node stand.
func logOf(n *fact.Node) string { return n.Name + ": log of the engine" }

// nodeAt is the Swarm node behind an address of gossip, empty for a stranger.
func (in *In) nodeAt(a netip.Addr) fact.NodeID {
	if !a.IsValid() || in.Wanted == nil {
		return ""
	}
	for i := range in.Wanted.Nodes {
		if id := in.Wanted.Nodes[i].ID; slices.Contains(in.addrsOf(id), a) {
			return id
		}
	}
	return ""
}

// nodeSaid is the Swarm node that a statement names, by address or by the name
// that gossip gave it: new at each start of an engine, so only recent ones are
// known. Empty where nobody knows it.
func (in *In) nodeSaid(s *heard) fact.NodeID {
	if id := in.nodeAt(s.Addr); id != "" || s.Peer == "" {
		return id
	}
	for i := range in.Nodes {
		if n := in.Nodes[i].Engine; n != nil {
			for _, e := range n.Networks {
				for _, p := range e.Peers {
					if p.Name != "" && (s.Peer == p.Name || strings.HasSuffix(s.Peer, "-"+p.Name)) {
						return in.nodeAt(p.IP)
					}
				}
			}
		}
	}
	return in.introduced(s.Peer)
}

// introduced is the node that came with an address under a name, or whose host
// name the name begins with (engine 18.09 and later, when not cut).
func (in *In) introduced(peer string) fact.NodeID {
	for i := range in.Nodes {
		n := &in.Nodes[i]
		for k := 0; n.Said != nil && k < len(n.Said.Statements); k++ {
			if st := &n.Said.Statements[k]; st.Peer == peer && st.Addr.IsValid() {
				if id := in.nodeAt(st.Addr); id != "" {
					return id
				}
			}
		}
	}
	if in.Wanted == nil {
		return ""
	}
	for _, n := range in.Wanted.Nodes {
		if rest, ok := strings.CutPrefix(peer, n.Hostname+"-"); ok && len(rest) == 12 && n.Hostname != "" {
			return n.ID
		}
	}
	return ""
}

// troubled is an unordered pair of nodes of whose gossip a log complains.
type troubled struct {
	A, B     string // host names, sorted
	Evidence []Evidence
	// Both: the logs of both ends say so.
	By []string
}

// pairUp adds a complaint of a node about another to the pair of both.
func pairUp(list []troubled, by, other string, e Evidence) []troubled {
	a, b := min(by, other), max(by, other)
	i := slices.IndexFunc(list, func(t troubled) bool { return t.A == a && t.B == b })
	if i < 0 {
		list, i = append(list, troubled{A: a, B: b}), len(list)
	}
	list[i].Evidence = append(list[i].Evidence, e)
	if !slices.Contains(list[i].By, by) {
		list[i].By = append(list[i].By, by)
	}
	return list
}

// inAll is the one node that is in every one of several pairs; empty where there
// is none, or one pair only.
func inAll(list []troubled) string {
	if len(list) < 2 {
		return ""
	}
	for _, name := range []string{list[0].A, list[0].B} {
		if !slices.ContainsFunc(list, func(t troubled) bool { return t.A != name && t.B != name }) {
			return name
		}
	}
	return ""
}

// pairFindings are one finding about the node in every pair, else one a pair. The
// evidence is that of the pairs.
func (in *In) pairFindings(list []troubled) []Finding {
	var out []Finding
	make1 := func(node, peer string, parts ...troubled) {
		f := Finding{Node: node, Peer: peer, Subject: in.NodeSubject(nodeNamed(in.Snapshot, node)), Recurring: true, Hosts: true}
		for _, t := range parts {
			f.Evidence = append(f.Evidence, t.Evidence...)
			f.Nodes = append(f.Nodes, nodeNamed(in.Snapshot, t.A), nodeNamed(in.Snapshot, t.B))
		}
		slices.SortFunc(f.Evidence, func(a, b Evidence) int {
			return cmp.Or(strings.Compare(a.Where, b.Where), strings.Compare(a.Got, b.Got))
		})
		slices.Sort(f.Nodes)
		f.Nodes = slices.Compact(f.Nodes)
		out = append(out, f)
	}
	slices.SortFunc(list, func(a, b troubled) int { return cmp.Or(strings.Compare(a.A, b.A), strings.Compare(a.B, b.B)) })
	if one := inAll(list); one != "" {
		make1(one, "", list...)
		return out
	}
	for _, t := range list {
		make1(t.A, t.B, t)
	}
	return out
}

// peersIn lists the peers that statements name, sorted.
func peersIn(list []heard) []string {
	var out []string
	for _, s := range list {
		if s.Peer != "" && !slices.Contains(out, s.Peer) {
			out = append(out, s.Peer)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

// calledPeer is the host name of the peer that statements are about, else the name
// that gossip gave it.
func (in *In) calledPeer(list []heard) string {
	for i := range list {
		if id := in.nodeSaid(&list[i]); id != "" {
			return in.NodeName(id)
		}
	}
	return list[0].Peer
}
