package check

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// Figures are what one node's statistics lines say of one network over time.
type Figures struct {
	Node string `json:"node"`
	// Network is empty for the node's health score, which is not of one network;
	// peers, entries and queue are 0 then.
	Network string `json:"network,omitempty"`
	// Lines is how many lines there were; Points holds those that differ from the one
	// before, at most 100, the newest.
	Lines  int     `json:"lines"`
	Points []Point `json:"points"`
	// Notable: they are not what a network at rest says, here or on another node.
	Notable bool `json:"notable,omitempty"`
}

// Point is one line of NetworkDB's statistics.
type Point struct {
	At time.Time `json:"at"`
	// HealthScore is 0 for well, up to 8; Peers counts the node itself.
	HealthScore int `json:"healthscore"`
	Peers       int `json:"peers"`
	Entries     int `json:"entries"`
	Queue       int `json:"queue"`
}

// Flapping counts what one node's gossip said of one peer.
type Flapping struct {
	Node string `json:"node"`
	// Peer is the other node's host name, where the name in the log tells it.
	Peer string `json:"peer"`
	// Suspected, Lost and Back are how often it did not answer, was given up, and
	// joined again.
	Suspected int       `json:"suspected"`
	Lost      int       `json:"lost"`
	Back      int       `json:"back"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// mostPoints bounds a node's figures of one network.
const mostPoints = 100

// figures are the statistics of every node and network, over time.
func (j *judge) figures() []Figures {
	var out []Figures
	at := map[string]int{}
	j.statements(func(n *fact.Node, st *fact.Statement) {
		if st.Stats == nil {
			return
		}
		net := j.networkSaid(n, st.Network)
		k := n.Name + "|" + net
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, Figures{Node: n.Name, Network: net})
		}
		out[i].add(j.here(n.Name, st.At), st.Stats)
	})
	slices.SortFunc(out, func(a, b Figures) int {
		return cmp.Or(strings.Compare(a.Network, b.Network), strings.Compare(a.Node, b.Node))
	})
	note(out)
	return out
}

// note marks the networks whose figures are worth a look: a node that is not
// well, or has messages waiting, or counts other peers or entries than the
// others, or than before.
func note(list []Figures) {
	odd, usual := map[string]bool{}, map[string]Point{}
	for i := range list {
		f := &list[i]
		for _, p := range f.Points {
			first, known := usual[f.Network]
			if !known {
				usual[f.Network], first = p, p
			}
			if p.HealthScore > 0 || p.Queue > 0 || p.Peers != first.Peers || p.Entries != first.Entries {
				odd[f.Network] = true
			}
		}
	}
	for i := range list {
		list[i].Notable = odd[list[i].Network]
	}
}

func (f *Figures) add(at time.Time, st *fact.GossipStats) {
	f.Lines++
	p := Point{At: at.UTC(), HealthScore: st.HealthScore, Peers: st.Peers, Entries: st.Entries, Queue: st.Queue}
	if n := len(f.Points); n > 0 {
		same := f.Points[n-1]
		if same.At = p.At; same == p {
			return
		}
	}
	if f.Points = append(f.Points, p); len(f.Points) > mostPoints {
		f.Points = f.Points[1:]
	}
}

func (j *judge) statements(each func(*fact.Node, *fact.Statement)) {
	for i := range j.s.Nodes {
		if n := &j.s.Nodes[i]; n.Said != nil {
			for k := range n.Said.Statements {
				each(n, &n.Said.Statements[k])
			}
		}
	}
}

// networkSaid is the name of a network that a log names by an ID, maybe cut.
func (j *judge) networkSaid(n *fact.Node, id string) string {
	if id == "" {
		return ""
	}
	var lists [][]fact.Network
	if j.s.Wanted != nil {
		lists = append(lists, j.s.Wanted.Networks)
	}
	if n.Engine != nil {
		for i := range n.Engine.Networks {
			lists = append(lists, []fact.Network{n.Engine.Networks[i].Network})
		}
	}
	for _, list := range lists {
		for i := range list {
			if strings.HasPrefix(string(list[i].ID), id) {
				return expect.NetworkName(j.s, list[i].ID)
			}
		}
	}
	return id
}

// flapping counts, for each pair, what gossip said of the other; pairs of which
// nothing bad was said are left out.
func (j *judge) flapping() []Flapping {
	var out []Flapping
	peerOf := j.peersSaid()
	j.statements(func(n *fact.Node, st *fact.Statement) {
		what := gossipWord(st.ID)
		if st.Peer == "" || what == "" {
			return
		}
		peer := cmp.Or(peerOf(n, st), st.Peer)
		at := j.here(n.Name, st.At).UTC()
		i := slices.IndexFunc(out, func(f Flapping) bool { return f.Node == n.Name && f.Peer == peer })
		if i < 0 {
			i = len(out)
			out = append(out, Flapping{Node: n.Name, Peer: peer, First: at})
		}
		out[i].Last = at
		switch what {
		case "suspected":
			out[i].Suspected++
		case "lost":
			out[i].Lost++
		case "back":
			out[i].Back++
		}
	})
	return slices.DeleteFunc(out, func(f Flapping) bool { return f.Suspected+f.Lost == 0 })
}

// peersSaid finds the host name of the node that a statement names, empty where
// nobody knows it; each name is looked up once.
func (j *judge) peersSaid() func(*fact.Node, *fact.Statement) string {
	in := &In{Snapshot: j.s, Scope: j.sc}
	type named struct {
		peer string
		addr netip.Addr
	}
	known := map[named]string{}
	return func(n *fact.Node, st *fact.Statement) string {
		k := named{st.Peer, st.Addr}
		name, ok := known[k]
		if !ok {
			if id := in.nodeSaid(&heard{n, st.At, *st}); id != "" {
				name = in.NodeName(id)
			}
			known[k] = name
		}
		return name
	}
}

// gossipWord is what a statement says of a peer; empty: nothing of the kind.
func gossipWord(id string) string {
	switch id {
	case "gossip-suspect":
		return "suspected"
	case "gossip-node-failed":
		return "lost"
	case "gossip-node-back":
		return "back"
	}
	return ""
}
