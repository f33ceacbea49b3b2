package check_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// clock is a time of the day that facttest's snapshots are taken on.
func clock(s string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, "2026-11-23T"+s+"Z")
	if err != nil {
		panic(err)
	}
	return at
}

func speaks(s *fact.Snapshot, i int, list ...fact.Statement) {
	n := facttest.NodeOf(s, i)
	if n.Said == nil {
		n.Said = &fact.Said{}
	}
	for _, st := range list {
		if st.From == "" {
			st.From = fact.FromEngine
		}
		n.Said.Statements = append(n.Said.Statements, st)
	}
}

func ran(t *testing.T, s *fact.Snapshot) *check.Report {
	t.Helper()
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines is a timeline as text, one line an event.
func lines(r *check.Report) string {
	var b strings.Builder
	for _, e := range r.Timeline {
		fmt.Fprintf(&b, "%s %s %s %s", e.At.Format("15:04:05"), e.Picture, e.Node, e.What)
		if e.Until != nil {
			fmt.Fprintf(&b, " x%d until %s", e.Times, e.Until.Format("15:04:05"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestTimelineIsByOurClockAndFolded(t *testing.T) {
	s := facttest.Healthy()
	facttest.NodeOf(s, 2).ClockOffset = 5 * time.Second
	api := s.Wanted.Task(facttest.Api(2))
	api.State, api.Err, api.StateSince, api.Updated = "failed", "network sandbox join failed\nOK", clock("09:55:05"), clock("09:55:00.5")
	for i := range 12 {
		speaks(s, 2, fact.Statement{At: clock("09:56:05").Add(time.Duration(i) * 5 * time.Second), ID: "gossip-suspect", Peer: "n3-0123456789ab", Text: "memberlist: Suspect n3-0123456789ab"})
	}
	speaks(s, 1, fact.Statement{At: clock("09:55:20"), ID: "joined", Benign: true, Text: "near trouble"},
		fact.Statement{At: clock("09:50:00"), ID: "joined", Benign: true, Text: "far from trouble"},
		fact.Statement{At: clock("02:00:00"), ID: "gossip-suspect", Text: "in no window"})
	facttest.Fail(s, 1, facttest.Api(3), fact.Timeout)
	got := lines(ran(t, s))
	for _, want := range []string{
		"09:55:00 wanted n2 api: api.2 failed: network sandbox join failed OK\n",
		"09:56:00 said n2 engine says: memberlist: Suspect n3-0123456789ab x12 until 09:56:55\n",
		"09:55:20 said n1 engine says: near trouble\n",
		"09:00:00 wanted  web: web.1, web.2, web.3 created\n",
		"seen n1 connection to api.3 (10.0.1.23:8080): timeout, from web.1\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, not := range []string{"far from trouble", "in no window", "node n1 ready"} {
		if strings.Contains(got, not) {
			t.Errorf("%q in\n%s", not, got)
		}
	}
}

func TestTimelineOfReplacedTasksTellsThemApart(t *testing.T) {
	s := facttest.Healthy()
	old := *s.Wanted.Task(facttest.Api(2))
	old.ID, old.Desired, old.State, old.Err, old.ExitCode = "oldapi2000000000000000000", "shutdown", "failed", "task: non-zero exit (137)", 137
	old.Created, old.StateSince, old.Updated = clock("09:40:00"), clock("09:58:00"), clock("09:58:04")
	s.Wanted.Tasks = append(s.Wanted.Tasks, old)
	got := lines(ran(t, s))
	for _, want := range []string{"api: api.2 (oldapi20) failed: task: non-zero exit (137)\n", "09:58:04 wanted n2 api: api.2 (oldapi20) updated, wanted shutdown\n", "api.1, api.2 (api20000), api.3 running"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestTimelineIsBounded(t *testing.T) {
	s := facttest.Healthy()
	for i := range 700 {
		speaks(s, 1, fact.Statement{At: clock("09:50:00").Add(time.Duration(i) * 300 * time.Millisecond), ID: "x", Text: fmt.Sprint("line ", i)})
	}
	r := ran(t, s)
	telling := 0
	for i, e := range r.Timeline {
		if e.Telling {
			telling++
		}
		if i > 0 && e.At.Before(r.Timeline[i-1].At) {
			t.Fatalf("event %d is before the one before it", i)
		}
	}
	if len(r.Timeline) != 500 || telling != 40 || r.LeftOut < 200 || r.LeftOut > 220 {
		t.Errorf("%d events, %d telling, %d left out", len(r.Timeline), telling, r.LeftOut)
	}
	if last := r.Timeline[len(r.Timeline)-1]; !strings.Contains(last.What, "line 699") {
		t.Errorf("the newest was dropped: %+v", last)
	}
}

// TestTimelineKeepsNamesInTheirPlace: a service's name is no format.
func TestTimelineKeepsNamesInTheirPlace(t *testing.T) {
	s := facttest.Healthy()
	for i := range s.Wanted.Tasks {
		if s.Wanted.Tasks[i].Service == "api" {
			s.Wanted.Tasks[i].Service = "%s%d"
		}
	}
	if got := lines(ran(t, s)); strings.Contains(got, "%!") || !strings.Contains(got, "%s%d.1") {
		t.Errorf("got\n%s", got)
	}
}

func TestTimelineOfTheTimeAskedFor(t *testing.T) {
	s := facttest.Healthy()
	s.Question.Since, s.Question.Until = clock("09:10:00"), clock("09:20:00")
	speaks(s, 1, fact.Statement{At: clock("09:15:00"), Text: "inside"}, fact.Statement{At: clock("09:55:00"), Text: "outside"})
	r := ran(t, s)
	if got := lines(r); !strings.Contains(got, "inside") || strings.Contains(got, "outside") || strings.Contains(got, "created") {
		t.Errorf("got\n%s", got)
	}
	if r.Question.Since == nil || r.Question.Until == nil {
		t.Error("the question does not say so")
	}
}

func TestGossipFiguresAndFlapping(t *testing.T) {
	s := facttest.Healthy()
	for i := range s.Nodes {
		s.Nodes[i].Said = nil // its own statistics
	}
	stats := func(at string, peers, queue int) fact.Statement {
		return fact.Statement{At: clock(at), ID: "gossip-stats", Network: string(facttest.App)[:9], Benign: true,
			Stats: &fact.GossipStats{Peers: peers, Entries: 12, Queue: queue}}
	}
	speaks(s, 1, stats("09:50:00", 3, 0), stats("09:55:00", 3, 0), stats("10:00:00", 1, 40),
		fact.Statement{At: clock("09:58:00"), ID: "gossip-suspect", Peer: "n3-0123456789ab", Text: "a"},
		fact.Statement{At: clock("09:58:30"), ID: "gossip-suspect", Peer: "n3-0123456789ab", Text: "a"},
		fact.Statement{At: clock("09:58:10"), ID: "gossip-suspect", Peer: "far", Addr: netip.MustParseAddr("10.77.0.99"), Text: "b"})
	r := ran(t, s)
	if len(r.Figures) < 1 || r.Figures[0].Network != "app" || r.Figures[0].Lines != 3 || len(r.Figures[0].Points) != 2 || r.Figures[0].Points[1].Peers != 1 || !r.Figures[0].Notable {
		t.Errorf("figures %+v", r.Figures)
	}
	if len(r.Flapping) != 2 || r.Flapping[0].Peer != "n3" || r.Flapping[0].Suspected != 2 || r.Flapping[0].Last.Sub(r.Flapping[0].First) != 30*time.Second {
		t.Errorf("flapping %+v", r.Flapping)
	}
}

// BenchmarkTimeline is a node whose log never stops complaining.
func BenchmarkTimeline(b *testing.B) {
	s := facttest.Healthy()
	for i := range 50000 {
		speaks(s, 1, fact.Statement{At: clock("09:50:00").Add(time.Duration(i) * 10 * time.Millisecond), ID: "gossip-suspect", Peer: fmt.Sprintf("%012x", i%500), Text: fmt.Sprint("Suspect ", i)})
	}
	for b.Loop() {
		if _, err := check.Run(s, nil, 0); err != nil {
			b.Fatal(err)
		}
	}
}
