package render

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
)

func TestSteps(t *testing.T) {
	for _, row := range []struct {
		line string
		want []step
	}{
		{"on n1: bridge fdb show dev vxlan0 | grep 02:42:0a:00:01:16", []step{{"on n1", "bridge fdb show dev vxlan0 | grep 02:42:0a:00:01:16"}}},
		{"docker service ps api", []step{{"", "docker service ps api"}}},
		{"on n1: ip route get 10.0.0.1; ip neigh show 10.0.0.1", []step{{"on n1", "ip route get 10.0.0.1; ip neigh show 10.0.0.1"}}},
		{"on a manager: docker node update --availability drain n1; when its tasks are gone: docker node update --availability active n1",
			[]step{{"on a manager", "docker node update --availability drain n1"}, {"when its tasks are gone", "docker node update --availability active n1"}}},
		{"docker network inspect app; on n1: ip link show eth0", []step{{"", "docker network inspect app"}, {"on n1", "ip link show eth0"}}},
		{"on n1: docker inspect -f 'a: b' x", []step{{"on n1", "docker inspect -f 'a: b' x"}}},
		{"Put the row back by hand.", nil},
		{"on n1: restart the engine in a quiet hour", nil},
		{"docker keeps rows for a while.", nil},
		{"", nil},
	} {
		if got := steps(row.line); !slices.Equal(got, row.want) {
			t.Errorf("%q: %q, want %q", row.line, got, row.want)
		}
	}
}

func TestRepeated(t *testing.T) {
	got := repeated([]string{"task-not-running: api.1 is down", "web.1 → api.1 (10.0.1.2:80): timeout", "task-not-running: api.2 is down",
		"web.2 → api.1 (10.0.1.2:80): timeout", "web.1 → api.2 (10.0.1.3:80): timeout", "one row is gone"})
	want := []string{"task-not-running: api.1 is down (1 more like it)", "web.1 → api.1 (10.0.1.2:80): timeout (1 more like it)",
		"web.1 → api.2 (10.0.1.3:80): timeout", "one row is gone"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWrap(t *testing.T) {
	for _, row := range []struct {
		text string
		want []string
	}{
		{"one two three four five six", []string{"one two three four", "five six"}},
		{"run `ip -d link show dev vxlan0` there", []string{"run", "`ip -d link show dev vxlan0`", "there"}},
		{"a lone ` quotes nothing at all here", []string{"a lone ` quotes", "nothing at all here"}},
		{"aaaaaaaaaaaaaaaaaaaaaaaaa b", []string{"aaaaaaaaaaaaaaaaaaaa", "aaaaa b"}},
		{"漢字漢字漢字漢字漢字漢字", []string{"漢字漢字漢字漢字漢字", "漢字"}},
		{" \n ", nil},
	} {
		if got := wrap(row.text, 20); !slices.Equal(got, row.want) {
			t.Errorf("%q: %q, want %q", row.text, got, row.want)
		}
	}
}

// TestAsideStandsApart: what no verdict waits for is not among what is missing,
// and nobody is sent to mend it.
func TestAsideStandsApart(t *testing.T) {
	r := &check.Report{Verdict: check.VerdictOK, Question: check.Question{To: "api"}, Gaps: []check.Gap{{Node: "n1", What: "logs", Reason: "its log begins later", Aside: true}}}
	var b strings.Builder
	if err := Text(&b, r, Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Contains(got, "Not seen\n") || !strings.Contains(got, "not needed for this answer\n  - n1: logs: its log begins later") {
		t.Errorf("%s", got)
	}
	r.Verdict = check.VerdictUnknown
	b.Reset()
	if err := Text(&b, r, Options{Width: 80}); err != nil || strings.Contains(b.String(), "see to what stands") {
		t.Errorf("%v %s", err, b.String())
	}
}
