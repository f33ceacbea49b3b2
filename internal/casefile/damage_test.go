package casefile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"fairway/internal/casefile"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestWrongChecksum(t *testing.T) {
	list := healthy(t)
	e := named(list, "look-1/nodes/002-n2/kernel.json")
	set(e, strings.Replace(e.data, `"Release"`, `"release"`, 1))
	c := wantGap(t, packed(t, list...), "n2", fact.KindKernel, fact.KindFDB, fact.KindResolv)
	if c.Snapshot.Nodes[1].Kernel != nil || c.Snapshot.Nodes[0].Kernel == nil || c.Snapshot.Nodes[1].Engine == nil {
		t.Error("other than that kernel is lost, or it is not")
	}
	if !strings.Contains(strings.Join(c.Damage, "; "), "look-1/nodes/002-n2/kernel.json: it has another checksum") {
		t.Errorf("damage %q", c.Damage)
	}
}

func TestLostParts(t *testing.T) {
	for name, kinds := range map[string][]fact.Kind{"wanted.json": {fact.KindSwarm}, "nodes/001-n1/engine.json": {fact.KindInfo, fact.KindContainers, fact.KindNetworks},
		"nodes/001-n1/kernel.json": {fact.KindKernel}} {
		node := "n1"
		if name == "wanted.json" {
			node = ""
		}
		name = "look-1/" + name
		without := slices.DeleteFunc(healthy(t), func(e entry) bool { return e.Name == name })
		wantGap(t, packed(t, without...), node, kinds...)
		// A manifest that does not list it either: the look itself does.
		if c := read(t, packed(t, sealed(t, without...)...)); c.Snapshot.Missing(node, "", kinds[0]) == nil {
			t.Errorf("%s is not there, and nothing says so", name)
		}
		garbled := healthy(t)
		set(named(garbled, name), `{"Nodes":7,`)
		wantGap(t, packed(t, sealed(t, garbled...)...), node, kinds...)
	}
}

func TestManifestLies(t *testing.T) {
	list := healthy(t)
	m := named(list, "manifest.json")
	whole := m.data
	set(m, strings.Replace(whole, `"look-1/wanted.json","size":`, `"look-1/wanted.json","size":1`, 1))
	wantGap(t, packed(t, list...), "", fact.KindSwarm)
	unlisted := named(sealed(t, slices.DeleteFunc(healthy(t), func(e entry) bool { return e.Name == "look-1/wanted.json" })...), "manifest.json").data
	set(m, unlisted)
	wantGap(t, packed(t, list...), "", fact.KindSwarm)
	set(m, strings.Replace(whole, `{"name":"look-1/wanted.json"`, `{"name":"look-1/\u001b[2J.json","size":1},{"name":"look-1/wanted.json"`, 1))
	if c := read(t, packed(t, list...)); len(c.Damage) != 1 || !strings.Contains(c.Damage[0], "is missing") || strings.Contains(c.Damage[0], "\x1b") {
		t.Errorf("damage %q", c.Damage)
	}
	for _, bad := range []string{"", "{", `[]`, `{"parts":"x"}`, strings.Repeat("[", 5000)} {
		set(m, bad)
		if c := read(t, packed(t, list...)); !strings.Contains(c.Cut, "manifest cannot be read") {
			t.Errorf("manifest %.20q: cut %q", bad, c.Cut)
		}
	}
	set(m, `{}`)
	if c, err := casefile.Read(bytes.NewReader(packed(t, list...)), casefile.Limits{}); err == nil {
		t.Errorf("nothing is listed, and %+v was read", c.Files)
	}
}

func TestDeepJSON(t *testing.T) {
	deep := strings.Repeat(`{"Wanted":`, 100_000)
	for _, inner := range []string{strings.Repeat("[", 100_000), strings.Repeat(`{"x":`, 100_000), deep, `{"Nodes":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + "}"} {
		list := healthy(t)
		set(named(list, "look-1/wanted.json"), inner)
		c := wantGap(t, packed(t, sealed(t, list...)...), "", fact.KindSwarm)
		if !strings.Contains(strings.Join(c.Damage, " "), "nested deeper") {
			t.Errorf("damage %q", c.Damage)
		}
	}
}

func TestTextThatIsNotPlain(t *testing.T) {
	s := facttest.Healthy()
	s.Nodes[0].Name = "n1\x1b[2J\xff\u202e\u009b31m"
	s.Nodes[0].Said = &fact.Said{Lines: []fact.LogLine{{At: facttest.Taken, From: fact.FromEngine, Text: "a\x1b]0;x\a\n2026\tb\xff\u2028c"}}}
	s.Wanted.Services[0].Name = "web\r\nok"
	raw := written(t, s)
	for _, e := range unpacked(t, raw) {
		if strings.ContainsAny(e.data, "\x1b\a\r") {
			t.Errorf("%s holds control characters", e.Name)
		}
	}
	c := read(t, raw)
	fact.Tidy(s)
	if d := cmp.Diff(s, c.Snapshot, exact); d != "" {
		t.Error(d)
	}
	// A case that another tool wrote.
	list := unpacked(t, raw)
	set(named(list, "look-1/wanted.json"), `{"ClusterID":"a\u001b[31m`+"\xff\u009b"+`"}`)
	for i := range list {
		if strings.HasSuffix(list[i].Name, "log.txt") {
			set(&list[i], "2026-11-23T10:00:00Z\tengine\x1b\thi \x1b[31m\xff\r\n")
		}
	}
	c = read(t, packed(t, sealed(t, list...)...))
	if got := c.Snapshot.Wanted.ClusterID; got != "a [31m\uFFFD " {
		t.Errorf("cluster ID %q", got)
	}
	if got := c.Snapshot.Nodes[0].Said.Lines[0]; got.Text != "hi  [31m\uFFFD " || got.From != "engine " {
		t.Errorf("line %q", got)
	}
}

// TestTruncated cuts a case everywhere: what is left is a part that says so, or
// an error.
func TestTruncated(t *testing.T) {
	s := twoLooks()
	raw := written(t, s)
	for i := 0; i < len(raw); i += 1 + len(raw)/150 {
		wantPart(t, raw[:i], s, fmt.Sprintf("%d of %d bytes", i, len(raw)))
	}
	z, err := zstd.NewReader(nil)
	must(t, err)
	defer z.Close()
	plain, err := z.DecodeAll(raw, nil)
	must(t, err)
	for i := 0; i < len(plain)-2048; i += 1 + len(plain)/80 {
		wantPart(t, squeezed(t, plain[:i]), s, fmt.Sprintf("%d of %d bytes of the archive", i, len(plain)))
	}
}

// wantPart wants an error, or some of the snapshot's facts and a gap for each
// that is not there.
func wantPart(t *testing.T, raw []byte, s *fact.Snapshot, what string) {
	t.Helper()
	c, err := casefile.Read(bytes.NewReader(raw), casefile.Limits{})
	if err != nil {
		return
	}
	if c.Cut == "" {
		t.Errorf("%s: nothing says that it is cut", what)
	}
	of := s.Earlier
	if c.Snapshot.Earlier != nil {
		of = s
	}
	got := c.Snapshot
	if got.Wanted == nil && got.Missing("", "", fact.KindSwarm) == nil || got.Wanted != nil && !reflect.DeepEqual(got.Wanted, of.Wanted) {
		t.Errorf("%s: wanted is not what it was, and no gap says so", what)
	}
	for i := range got.Nodes {
		g, o := &got.Nodes[i], &of.Nodes[i]
		if g.Engine == nil && got.Missing(o.Name, "", fact.KindNetworks) == nil || g.Engine != nil && !reflect.DeepEqual(g.Engine, o.Engine) {
			t.Errorf("%s: the engine of %s is not what it was, and no gap says so", what, o.Name)
		}
		if g.Kernel == nil && got.Missing(o.Name, "", fact.KindFDB) == nil || g.Kernel != nil && !reflect.DeepEqual(g.Kernel, o.Kernel) {
			t.Errorf("%s: the kernel of %s is not what it was, and no gap says so", what, o.Name)
		}
	}
}

func TestACaseThatIsCutKeepsItsWholeLook(t *testing.T) {
	s := twoLooks()
	list := unpacked(t, written(t, s))
	i := slices.IndexFunc(list, func(e entry) bool { return e.Name == "look-2/nodes/002-n2/kernel.json" })
	c := read(t, packed(t, list[:i]...))
	if d := cmp.Diff(s.Earlier, c.Snapshot, exact); d != "" {
		t.Error(d)
	}
	if !strings.Contains(c.Cut, "look 2 is not whole") {
		t.Errorf("cut %q", c.Cut)
	}
}

// TestBitFlips: a case with a wrong bit is refused, or says that it is damaged,
// or reads as it was.
func TestBitFlips(t *testing.T) {
	s := twoLooks()
	raw := written(t, s)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		bad := bytes.Clone(raw)
		at := r.IntN(len(bad))
		bad[at] ^= 1 << r.IntN(8)
		c, err := casefile.Read(bytes.NewReader(bad), casefile.Limits{})
		if err == nil && c.Cut == "" && len(c.Damage) == 0 && !reflect.DeepEqual(s, c.Snapshot) {
			t.Errorf("byte %d: read as something else, and nothing says so", at)
		}
	}
}
