package render_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// flapping is a Swarm whose n3 comes and goes in gossip.
func flapping() *fact.Snapshot {
	s := facttest.Scenario("fdb-missing")
	n := facttest.NodeOf(s, 1)
	n.Said = &fact.Said{Windows: []fact.Window{{From: s.Taken.Add(-time.Hour), To: s.Taken}}}
	say := func(ago time.Duration, st fact.Statement) {
		st.At, st.From = s.Taken.Add(-ago), fact.FromEngine
		n.Said.Statements = append(n.Said.Statements, st)
	}
	peer := facttest.PeerName(3)
	for i := range 4 {
		say(10*time.Minute-time.Duration(i)*time.Minute, fact.Statement{ID: "gossip-suspect", Peer: peer, Text: "memberlist: Suspect " + peer + " has failed, no acks received"})
	}
	say(5*time.Minute, fact.Statement{ID: "gossip-node-failed", Peer: peer, Text: "Node " + peer + " change state NodeActive --> NodeFailed"})
	say(4*time.Minute, fact.Statement{ID: "gossip-node-back", Benign: true, Peer: peer, Text: "Node " + peer + " change state NodeFailed --> NodeActive"})
	say(3*time.Minute, fact.Statement{ID: "gossip-health", Text: "NetworkDB stats n1 - healthscore:2 (connectivity issues)", Stats: &fact.GossipStats{HealthScore: 2}})
	for i, peers := range []int{3, 3, 2, 3} {
		say(time.Duration(20-5*i)*time.Minute, fact.Statement{ID: "gossip-stats", Benign: true, Network: string(facttest.App), Text: "stats",
			Stats: &fact.GossipStats{Peers: peers, Entries: 9, Queue: i}})
	}
	return s
}

func TestTimelineGolden(t *testing.T) {
	r := report(t, flapping(), checks())
	golden(t, "flapping.txt", text(t, r, render.Options{}))
	golden(t, "flapping-colour.txt", text(t, r, render.Options{Colour: true}))
}

// TestTimelineOnlyWhereThereIsSomethingToTell: all is well, and nobody asked.
func TestTimelineOnlyWhereThereIsSomethingToTell(t *testing.T) {
	s := facttest.Healthy()
	if out := string(text(t, report(t, s, checks()), render.Options{})); strings.Contains(out, "Timeline") || strings.Contains(out, "Gossip, by") {
		t.Errorf("told of a healthy Swarm:\n%s", out)
	}
	s.Question.Since = s.Taken.Add(-2 * time.Hour)
	if out := string(text(t, report(t, s, checks()), render.Options{})); !strings.Contains(out, "Timeline (UTC)") {
		t.Errorf("not told though asked:\n%s", out)
	}
}

func TestTimelineTellsDaysAndHowManyMore(t *testing.T) {
	s := flapping()
	s.Wanted.Tasks[0].Created = s.Taken.Add(-20 * time.Hour)
	n := facttest.NodeOf(s, 1)
	for i := range 100 {
		n.Said.Statements = append(n.Said.Statements, fact.Statement{At: s.Taken.Add(-time.Duration(i) * time.Second), From: fact.FromEngine, Text: fmt.Sprint("trouble ", i)})
	}
	r := report(t, s, checks())
	out := string(text(t, r, render.Options{}))
	fits(t, out, 80, commands(r))
	if !strings.Contains(out, "more, less telling; -o json has up to 500") {
		t.Errorf("how many more is not told:\n%s", out)
	}
	var tasks []check.Event
	for _, e := range r.Timeline {
		if strings.Contains(e.What, "created") {
			tasks = append(tasks, e)
		}
	}
	r.Timeline = tasks
	for i := range r.Timeline {
		r.Timeline[i].Telling = true
	}
	if out := string(text(t, r, render.Options{})); !strings.Contains(out, "\n  2026-11-22\n") || !strings.Contains(out, "\n  2026-11-23\n") {
		t.Errorf("days are not told:\n%s", out)
	}
}
