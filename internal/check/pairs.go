package check

import (
	"cmp"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// pair is a node and a peer of it, judged from the node's side.
type pair struct {
	Node     *fact.Node
	Peer     expect.Peer
	Evidence []Evidence
	// Tasks are those whose traffic shows it.
	Tasks []fact.TaskID
	// Encrypted is the name of the overlay whose packets go as ESP (IP protocol 50)
	// between the two, of which datagrams of ours say nothing; empty for any other.
	Encrypted string
	// Proof: the evidence needs no probe.
	Proof bool
}

// fault is what a set of bad pairs comes to: one node that reaches none of its
// peers, two zones with a wall between them, or one pair.
type fault struct {
	Pairs []pair
	// Zones are the host names on either side of a wall; empty for none.
	Zones [2][]string
	Finding
}

// blame turns bad pairs into as few faults as possible. A bad row or column of
// the matrix, with at least two pairs and no good one, is its node's; a block of
// it, bad throughout between two groups of nodes that are each fine in
// themselves, is a wall between two zones. A pair that is bad both ways is told
// once.
func (in *In) blame(bad, good []pair) []fault {
	var out []fault
	slices.SortFunc(bad, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.Node.Name, b.Node.Name), strings.Compare(a.Peer.Name, b.Peer.Name))
	})
	for len(bad) > 0 {
		whole := wholeNode(bad, good)
		if z := zones(bad, good); whole == "" && z[0] != nil {
			return append(out, in.wall(bad, z))
		}
		first := &bad[0]
		var group []pair
		bad = slices.DeleteFunc(bad, func(p pair) bool {
			same := p.touches(whole) || whole == "" && p.touches(first.Node.Name) && p.touches(first.Peer.Name)
			if same {
				group = append(group, p)
			}
			return same
		})
		out = append(out, in.faultOf(group, whole))
	}
	return out
}

func (p *pair) touches(name string) bool { return p.Node.Name == name || p.Peer.Name == name }

// wholeNode is a node that reaches none of at least two others, or that none of
// them reaches; empty when there is none.
func wholeNode(bad, good []pair) string {
	from := func(p *pair) (string, string) { return p.Node.Name, p.Peer.Name }
	to := func(p *pair) (string, string) { return p.Peer.Name, p.Node.Name }
	for _, side := range []func(*pair) (string, string){from, to} {
		for i := range bad {
			name, _ := side(&bad[i])
			var others []string
			for k := range bad {
				if n, o := side(&bad[k]); n == name && !slices.Contains(others, o) {
					others = append(others, o)
				}
			}
			fine := slices.ContainsFunc(good, func(p pair) bool { n, _ := side(&p); return n == name })
			if len(others) > 1 && !fine {
				return name
			}
		}
	}
	return ""
}

// faultOf starts the finding of a group: Peer and the peer as subject for a
// pair, the node itself where it is bad with all.
func (in *In) faultOf(group []pair, whole string) fault {
	// What a node's own kernel proves says more than a peer's silence; of a pair
	// that both ends tell alike, the node that fairway runs on comes first.
	slices.SortStableFunc(group, func(a, b pair) int { return in.weight(&b) - in.weight(&a) })
	p := &group[0]
	f := fault{Pairs: group, Finding: Finding{Certainty: Strong, Node: p.Node.Name, Peer: p.Peer.Name,
		Subject: Subject{Kind: "node", ID: string(p.Peer.ID), Name: p.Peer.Name}}}
	if whole != "" {
		f.Node, f.Peer = whole, ""
		f.Subject = Subject{Kind: "node", ID: string(nodeNamed(in.Snapshot, whole)), Name: whole}
	}
	f.gather(group)
	return f
}

func (in *In) weight(p *pair) int {
	w := 0
	if p.Proof {
		w += 2
	}
	if p.Node.ID == in.Here {
		w++
	}
	return w
}

func (f *fault) gather(group []pair) {
	for _, p := range group {
		for _, e := range p.Evidence {
			if !slices.Contains(f.Evidence, e) { // both ends of a pair may tell the same
				f.Evidence = append(f.Evidence, e)
			}
		}
		f.Tasks = append(f.Tasks, p.Tasks...)
		f.Nodes = append(f.Nodes, p.Node.ID)
		if p.Peer.ID != "" {
			f.Nodes = append(f.Nodes, p.Peer.ID)
		}
		f.Structural = f.Structural || p.Proof
	}
	if f.Structural {
		f.Certainty = Proof
	}
}

// zones splits the nodes in two where every bad pair is between the parts, every
// node has two of them or more, and good pairs hold each part together; both are
// nil where there is no such split.
func zones(bad, good []pair) (out [2][]string) {
	var groups [][]string
	join := func(names ...string) {
		var merged []string
		groups = slices.DeleteFunc(groups, func(g []string) bool {
			near := slices.ContainsFunc(names, func(n string) bool { return slices.Contains(g, n) })
			if near {
				merged = append(merged, g...)
			}
			return near
		})
		merged = append(merged, names...)
		slices.Sort(merged)
		groups = append(groups, slices.Compact(merged))
	}
	for i := range bad {
		join(bad[i].Node.Name)
		join(bad[i].Peer.Name)
	}
	for i := range good {
		a, b := good[i].Node.Name, good[i].Peer.Name
		if !slices.ContainsFunc(bad, func(p pair) bool { return p.touches(a) && p.touches(b) }) {
			join(a, b)
		}
	}
	if len(groups) != 2 || len(groups[0]) < 2 || len(groups[1]) < 2 {
		return out
	}
	slices.SortFunc(groups, slices.Compare)
	for i := range bad {
		if slices.Contains(groups[0], bad[i].Node.Name) == slices.Contains(groups[0], bad[i].Peer.Name) {
			return out
		}
	}
	for _, n := range slices.Concat(groups...) {
		if partners(bad, n) < 2 {
			return out
		}
	}
	return [2][]string{groups[0], groups[1]}
}

// partners is with how many others a node has a bad pair.
func partners(bad []pair, name string) int {
	others := map[string]bool{}
	for i := range bad {
		if bad[i].touches(name) {
			others[bad[i].Node.Name], others[bad[i].Peer.Name] = true, true
		}
	}
	delete(others, name)
	return len(others)
}

// wall starts the finding of what stands between two zones: nobody's node.
func (in *In) wall(group []pair, z [2][]string) fault {
	f := fault{Pairs: group, Zones: z, Finding: Finding{Certainty: Strong,
		Subject: Subject{Kind: "link", Name: listed(z[0]) + " – " + listed(z[1])}}}
	f.gather(group)
	return f
}

// onEach are commands for each node to act on, one line each.
func (f *fault) onEach(commands ...string) string {
	nodes := slices.Concat(f.Zones[0], f.Zones[1])
	if f.Node != "" {
		nodes = []string{f.Node}
	}
	if f.Peer != "" {
		nodes = append(nodes, f.Peer)
	}
	var out []string
	for _, n := range nodes {
		for _, c := range commands {
			out = append(out, "on "+n+": "+c)
		}
	}
	return strings.Join(out, "\n")
}

// between says who cannot reach whom: "n1 and n3", "n1 and its peers n2, n3", or
// "n1, n2 on one side and n3, n4 on the other".
func (f *fault) between() string {
	if f.Node == "" {
		return listed(f.Zones[0]) + " on one side and " + listed(f.Zones[1]) + " on the other"
	}
	if f.Peer != "" {
		return f.Node + " and " + f.Peer
	}
	var names []string
	for _, p := range f.Pairs {
		n := p.Peer.Name
		if n == f.Node {
			n = p.Node.Name
		}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return f.Node + " and its peers " + strings.Join(names, ", ")
}

// asked returns the probes from a node to a peer's addresses, gossip's first.
func (in *In) asked(node *fact.Node, peer *expect.Peer, what string) []fact.PeerProbe {
	var out []fact.PeerProbe
	for _, p := range in.Seen.Peers {
		at := p.Target.Addr()
		if p.Node == node.Name && (at == peer.Addr || at == peer.Control) && (what == "" || p.What == what) && p.Outcome != fact.ProbeError {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b fact.PeerProbe) int { return strings.Compare(a.What, b.What) })
	return out
}

// answered: somebody at the address answered, if only to refuse.
func answered(p fact.PeerProbe) bool {
	return p.Outcome == fact.Open || p.Outcome == fact.Refused && p.ICMP == nil
}

// wantedOn lists the tasks that run on a node and have an address on a network.
func (in *In) wantedOn(id fact.NodeID, net fact.NetworkID) []fact.TaskID {
	var out []fact.TaskID
	for i := range in.Wanted.Tasks {
		if t := &in.Wanted.Tasks[i]; t.Node == id && t.Running() && t.Addr(net).IsValid() {
			out = append(out, t.ID)
		}
	}
	slices.Sort(out)
	return out
}
