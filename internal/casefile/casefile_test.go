package casefile_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/casefile"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// exact compares facts as they are; addresses have no exported fields.
var exact = cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })}

func written(t testing.TB, s *fact.Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := casefile.Write(&b, "1.0", s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, b []byte) *casefile.Case {
	t.Helper()
	c, err := casefile.Read(bytes.NewReader(b), casefile.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// twoLooks is a Swarm looked at twice, with logs.
func twoLooks() *fact.Snapshot {
	s := facttest.MeshOn("26.1.5")
	s.Earlier = facttest.Mesh()
	s.Nodes[1].Said = &fact.Said{Windows: []fact.Window{{From: facttest.Taken, To: facttest.Taken, Why: []string{"asked for"}}},
		Lines: []fact.LogLine{{At: facttest.Taken, From: fact.FromEngine, Text: `time="…" level=warning msg="x"`}, {At: facttest.Taken, From: fact.FromKernel, Text: ""}}}
	s.Nodes[2].Said = &fact.Said{}
	return s
}

func TestACaseHoldsItsSnapshot(t *testing.T) {
	s := twoLooks()
	c := read(t, written(t, s))
	if c.Cut != "" || len(c.Damage) != 0 || c.Tool != "1.0" || c.Format != casefile.Format {
		t.Errorf("cut %q, damage %q, tool %q, format %d", c.Cut, c.Damage, c.Tool, c.Format)
	}
	if d := cmp.Diff(s, c.Snapshot, exact); d != "" {
		t.Error(d)
	}
}

func TestTheSameSnapshotGivesTheSameBytes(t *testing.T) {
	if !bytes.Equal(written(t, twoLooks()), written(t, twoLooks())) {
		t.Error("two cases of one snapshot differ")
	}
}
