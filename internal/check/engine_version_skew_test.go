package check_test

// The lab's engines cannot be given these defects at will, and its kernel does
// not encrypt, so these tests are all.

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// engines gives the nodes these versions, in turn.
func engines(s *fact.Snapshot, versions ...string) {
	for i := 1; i <= 3; i++ {
		v := versions[(i-1)%len(versions)]
		s.Wanted.Node(facttest.Node(i)).EngineVersion = v
		if n := facttest.NodeOf(s, i); n != nil {
			n.Engine.Version = v
		}
	}
}

// encrypt makes the overlay an encrypted one, with the MTU it then has.
func encrypt(s *fact.Snapshot) { makeMTU(s, 0, true) }

func TestEngineVersionSkew(t *testing.T) {
	id := "engine-version-skew"
	half := func(s *fact.Snapshot) { // TCP is lost one way, echoes pass: nothing else explains it
		encrypt(s)
		facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
	}
	mutations(t, []mutation{
		{name: "encryption that others do not understand", mutate: func(s *fact.Snapshot) { half(s); engines(s, "25.0.13", "29.9.0", "29.9.0") },
			want: want{id: id, node: "n1", certainty: check.Hint}},
		{name: "the same, and all have it", mutate: func(s *fact.Snapshot) { half(s); engines(s, "25.0.13") }, check: id, answer: check.OK},
		{name: "an engine without a known defect", mutate: func(s *fact.Snapshot) { half(s); engines(s, "29.9.0", "29.8.1", "29.9.0") }, check: id, answer: check.OK},
		{name: "a version nobody can read", mutate: func(s *fact.Snapshot) { half(s); engines(s, "dev") }, check: id, answer: check.OK},
		{name: "versions differ, and nothing is wrong", mutate: func(s *fact.Snapshot) { engines(s, "20.10.24+dfsg1", "28.5.2", "29.0.0-beta.24") }, check: id, answer: check.OK},
		{name: "known to lose rows, and a row is lost: it follows", mutate: func(s *fact.Snapshot) {
			engines(s, "29.1.0")
			dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(2)))
			facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
		}, want: want{id: "fdb-missing", node: "n1", peer: "n2", certainty: check.Proof}, explain: 1},
	})
}

func TestDefectIsNamedUnderItsCause(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) { engines(s, "29.1.0"); untold(s, 2, 1) })
	r := run(t, s)
	if len(r.Causes) != 1 || r.Causes[0].ID != "networkdb-missing-after-rejoin" ||
		!slices.ContainsFunc(r.Causes[0].Explains, func(e string) bool { return strings.Contains(e, "moby#53141") }) {
		t.Errorf("causes %+v, want the missing entry with the defect's number", r.Causes)
	}
}

func TestReleases(t *testing.T) {
	for _, v := range []string{"29.0.0", "29.0.0-beta.24", "29.0.0+dfsg1", "v2", ""} {
		if got := check.Within(v, "29.0.0", "29.7.2"); got != strings.HasPrefix(v, "29") {
			t.Errorf("%q within 29.0.0 to 29.7.2: %v", v, got)
		}
	}
}
