package render_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

func compared(t *testing.T, a, b *fact.Snapshot) *check.Diff {
	t.Helper()
	d, err := check.Compare(a, b, checks())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func diffText(t *testing.T, d *check.Diff, o render.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Diff(&b, d, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDiffGoldens(t *testing.T) {
	changed := facttest.Scenario("fdb-missing-twice")
	changed.Wanted.ServiceNamed("api").Replicas = 5
	for i := range changed.Nodes {
		changed.Nodes[i].Kernel.Host().Sysctls = append(changed.Nodes[i].Kernel.Host().Sysctls, fact.Sysctl{Key: "net.ipv4.conf.all.test", Value: "1"})
	}
	facttest.Miss(changed, 2, fact.KindNeighbours)
	facttest.Blank(changed, "n2", fact.KindNeighbours)
	d := compared(t, facttest.Scenario("fdb-missing"), changed)
	golden(t, "diff.txt", []byte(diffText(t, d, render.Options{})))
	golden(t, "diff-colour.txt", []byte(diffText(t, d, render.Options{Colour: true})))
	var b bytes.Buffer
	if err := render.DiffJSON(&b, d); err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.json", b.Bytes())
	same := compared(t, facttest.Healthy(), facttest.Healthy())
	if got := diffText(t, same, render.Options{}); !strings.Contains(got, "Nothing changed that both of them saw.") {
		t.Errorf("got\n%s", got)
	}
}

func TestDiffFitsAndIsBounded(t *testing.T) {
	d := compared(t, facttest.Healthy(), facttest.Scenario("fdb-missing"))
	for i := range 300 {
		c := d.Changes[0]
		c.What += strings.Repeat(" word", i%40) + string(rune('a'+i%26)) + strings.Repeat("y", i)
		d.Changes = append(d.Changes, c)
	}
	out := diffText(t, d, render.Options{})
	fits(t, out, 80, nil)
	if !strings.Contains(out, "more; -o json has them all") {
		t.Error("it does not say how many more there are")
	}
}

func TestDiffOfHostileNames(t *testing.T) {
	for _, poison := range poisons {
		d := compared(t, facttest.Scenario("fdb-missing"), facttest.Scenario("fdb-missing-twice"))
		d.NotCompared = []string{"x"}
		every(reflect.ValueOf(d).Elem(), func(v reflect.Value) { v.SetString(v.String() + poison) })
		harmless(t, "diff", poison, diffText(t, d, render.Options{}))
		var b bytes.Buffer
		if err := render.DiffJSON(&b, d); err != nil {
			t.Fatal(err)
		}
		harmless(t, "diff", poison, strings.ReplaceAll(b.String(), "\uFFFD", ""))
		var back check.Diff
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Errorf("%q: %v", poison, err)
		}
	}
}
