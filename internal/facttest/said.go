package facttest

import (
	"fmt"
	"time"

	"fairway/internal/fact"
)

// PeerName is the name that gossip gave node i.
func PeerName(i int) string { return fmt.Sprintf("%012d", i) }

// said is what a healthy node's logs say: NetworkDB's statistics every five
// minutes, and what engines always log when tasks start.
func said(i int) *fact.Said {
	s := &fact.Said{
		Windows: []fact.Window{
			{From: hourAgo.Add(-30 * time.Second), To: hourAgo.Add(45 * time.Second), Why: []string{fmt.Sprintf("task api.%d created", i)}},
			{From: Taken.Add(-11 * time.Minute), To: Taken, Why: []string{"now"}},
		},
		Sources: []fact.LogSource{{Name: "/var/log/journal", Kind: "journal", Lines: 4}},
	}
	say := func(st fact.Statement) {
		st.From = fact.FromEngine
		s.Statements = append(s.Statements, st)
		s.Lines = append(s.Lines, fact.LogLine{At: st.At, From: st.From, Text: st.Text})
	}
	for k := 1; k <= 3; k++ {
		if k != i {
			say(fact.Statement{At: hourAgo.Add(-20 * time.Second), ID: "gossip-joined", Peer: PeerName(k), Addr: VTEP(k), Benign: true,
				Text: fmt.Sprintf("Node %s/%s, joined gossip cluster", PeerName(k), VTEP(k))})
		}
	}
	for _, ago := range []time.Duration{9 * time.Minute, 4 * time.Minute} {
		say(fact.Statement{At: Taken.Add(-ago), ID: "gossip-stats", Network: string(App), Benign: true, Stats: &fact.GossipStats{Peers: 3, Entries: 9},
			Text: fmt.Sprintf("NetworkDB stats n%d(%s) - netID:%s leaving:false netPeers:3 entries:9 Queue qLen:0 netMsg/s:0", i, PeerName(i), App)})
	}
	return s
}

// Say adds a statement to what node i's log says, so long before Taken.
func Say(s *fact.Snapshot, i int, ago time.Duration, st fact.Statement) {
	n := NodeOf(s, i)
	if st.From == "" {
		st.From = fact.FromEngine
	}
	st.At = Taken.Add(n.ClockOffset - ago)
	if n.Said == nil {
		n.Said = &fact.Said{}
	}
	n.Said.Statements = append(n.Said.Statements, st)
	n.Said.Lines = append(n.Said.Lines, fact.LogLine{At: st.At, From: st.From, Text: st.Text})
}
