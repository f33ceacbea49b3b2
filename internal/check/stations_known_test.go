package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
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
