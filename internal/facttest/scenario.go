package facttest

import (
	"slices"
	"time"

	"fairway/internal/fact"
)

// Scenario is a snapshot by the name of what is the matter in it, for tests of
// what is written about it; nil for a name it does not know. Scenarios lists
// the names.
func Scenario(name string) *fact.Snapshot {
	s := Healthy()
	switch name {
	case "healthy":
	case "one-node":
		return OneNode()
	case "fdb-missing":
		dropFDB(s, 1, 2)
		Fail(s, 1, Api(2), fact.Timeout)
	case "fdb-missing-twice":
		dropFDB(s, 1, 2)
		dropFDB(s, 3, 1)
		Fail(s, 1, Api(2), fact.Timeout)
		Fail(s, 3, Api(1), fact.Timeout)
	case "unexplained":
		Fail(s, 2, Api(3), fact.Timeout)
		Fail(s, 1, Api(3), fact.Refused)
		s.Seen.DNS = append(s.Seen.DNS, fact.DNSProbe{From: Source(2), Server: s.Seen.DNS[0].Server, Name: ApiIP(3).String(), Type: "PTR",
			Outcome: fact.Open, RCode: "NOERROR", Names: []string{"api.3." + string(Api(3)) + ".app"}, RTT: time.Millisecond})
	case "settling":
		dropFDB(s, 1, 2)
		young(s)
		s.Earlier = Healthy()
		young(s.Earlier)
	case "interrupted":
		dropFDB(s, 1, 2)
		young(s)
		Fail(s, 1, Api(2), fact.Timeout)
		s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted,
			Reason: "interrupted before the second look", Do: "run it again and let it finish"})
	case "unknown":
		Miss(s, 2, fact.KindFDB)
		Miss(s, 3, fact.KindNetworks)
	case "managers-silent":
		s.Wanted = nil
		s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindSwarm, Class: fact.ClassUnsupported,
			Reason: "ask for the Swarm's services: this node is not a manager", Do: "run fairway on a manager, or point --host at one"})
	default:
		return nil
	}
	return s
}

// Scenarios are the names that Scenario knows.
func Scenarios() []string {
	return []string{"healthy", "one-node", "fdb-missing", "fdb-missing-twice", "unexplained", "settling", "interrupted", "unknown", "managers-silent"}
}

// dropFDB deletes node i's forwarding row for api's task k.
func dropFDB(s *fact.Snapshot, i, k int) {
	ns := Overlay(s, i)
	ns.FDB = slices.DeleteFunc(ns.FDB, func(f fact.FDBEntry) bool { return f.MAC == fact.OverlayMAC(ApiIP(k)) && f.Self })
}

// young makes api's second task five seconds old.
func young(s *fact.Snapshot) {
	t := s.Wanted.Task(Api(2))
	t.Created, t.Updated = Taken.Add(-5*time.Second), Taken.Add(-3*time.Second)
	t.StateSince = t.Updated
}
