package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestStations: every hop is judged by checks that there are, each check at one
// hop; and no check about the routing mesh of a host is left out of the paths.
func TestStations(t *testing.T) {
	known := map[string]bool{}
	for _, c := range check.All() {
		known[c.ID] = true
	}
	for _, id := range later {
		known[id] = true
	}
	ids, hops := check.StationChecks()
	for i, id := range ids {
		if !known[id] {
			t.Errorf("%s: %s is no check", hops[i], id)
		}
		if slices.Contains(ids[:i], id) {
			t.Errorf("%s: %s is at another hop, too", hops[i], id)
		}
	}
	for id := range known {
		part := strings.HasPrefix(id, "ingress-") || strings.HasPrefix(id, "ipvs-dest") || id == "conntrack-full" || strings.HasPrefix(id, "gwbridge-")
		if part && id != "ingress-used-between-containers" && !slices.Contains(ids, id) {
			t.Errorf("%s is at no hop", id)
		}
	}
}

// An application that answers wrongly by itself is no fault of the way to it.
func TestApplicationFailsAtHome(t *testing.T) {
	s := meshAsked("26.1.5")
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	wrong := func() {
		for i := range s.Seen.Published {
			for k := range s.Seen.Published[i].Requests {
				if r := &s.Seen.Published[i].Requests[k]; r.Status != 0 {
					r.Status = 503
				}
			}
		}
	}
	wrong()
	for _, q := range expect.MeshStages(s, &sc) {
		answer(&q, fact.Open)
		s.Seen.Published = append(s.Seen.Published, q)
	}
	wrong()
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != check.VerdictFailed || !strings.Contains(r.Summary, "port 8080 of api answered 0 of 33 requests on 3 nodes; the application, asked on its own loopback, answered 0 of 3 (api.3: status 503)") {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
	for _, p := range r.Paths {
		for _, h := range p.Hops {
			if want := map[bool]check.Answer{true: check.Failed, false: check.OK}[h.Hop == "application"]; h.Answer != want {
				t.Errorf("%s: %s is %s: %s", p.From, h.Hop, h.Answer, h.Why)
			}
		}
	}
}

// TestUnmadeRequests: what could not be tried did not pass.
func TestUnmadeRequests(t *testing.T) {
	s := meshAsked("26.1.5")
	for i := range s.Seen.Published {
		answer(&s.Seen.Published[i], fact.ProbeError)
	}
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != check.VerdictUnknown || strings.HasPrefix(r.Summary, "nothing is wrong") {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
}

// TestBothHalves: what is between FROM and TO is named before the published port
// (runbook P2).
func TestBothHalves(t *testing.T) {
	s := onNode2(func(s *fact.Snapshot) { saved(s, 2, without("-A DOCKER-INGRESS"), "nat") })
	whole := facttest.Mesh()
	s.Question = fact.Question{Published: 8080, From: "web", To: "api", Port: 8080}
	s.Seen.TCP, s.Seen.DNS, s.Seen.MTU = whole.Seen.TCP, whole.Seen.DNS, whole.Seen.MTU
	dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(2)))
	facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Causes) != 2 || r.Causes[0].ID != "fdb-missing" || r.Causes[1].ID != "ingress-chain-missing" {
		t.Errorf("causes %s", ids(r.Causes))
	}
}
