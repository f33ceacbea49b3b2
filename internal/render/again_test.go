package render_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// TestEvidenceIsSavedFirst: a restarted engine takes its tasks and the evidence
// with it.
func TestEvidenceIsSavedFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		q    check.Question
		want string
	}{
		{"two ends", check.Question{From: "web", To: "api", Port: 8080, Proto: "tcp"}, "`fairway diagnose web api:8080 --save case.fairway`"},
		{"udp", check.Question{To: "api", Port: 53, Proto: "udp"}, "`fairway diagnose api:53/udp --save case.fairway`"},
		{"any port", check.Question{From: "web", To: "api", Proto: "tcp", Node: "n1"}, "`fairway diagnose web api --node n1 --save case.fairway`"},
		{"address", check.Question{To: "fd00::1", Port: 80, Proto: "tcp"}, "`fairway diagnose '[fd00::1]:80' --save case.fairway`"},
		{"both halves", check.Question{From: "web", To: "api", Port: 8080, Proto: "tcp", Published: 80, PublishedProto: "tcp", Hostname: "shop", Path: "/a b", Status: 204},
			"`fairway diagnose :80 web api:8080 --hostname shop --path '/a b' --expect-status 204 --save case.fairway`"},
		{"the whole Swarm", check.Question{Proto: "tcp"}, "`fairway collect -o case.fairway`"},
	} {
		r := report(t, facttest.Scenario("fdb-missing"), checks())
		r.Question = c.q
		out := func(impact string, kept bool) string {
			r.Causes[0].Impact = impact
			return string(text(t, r, render.Options{Kept: kept, Width: 200}))
		}
		if got := out(check.ImpactNode("n1"), false); !strings.Contains(got, "Before that, keep the evidence: "+c.want) {
			t.Errorf("%s: no %s in\n%s", c.name, c.want, got)
		}
		if strings.Contains(out(check.ImpactNode("n1"), true), "keep the evidence") {
			t.Errorf("%s: said though it is kept", c.name)
		}
		if strings.Contains(out(check.ImpactNone, false), "keep the evidence") {
			t.Errorf("%s: said of a relief without impact", c.name)
		}
	}
}
