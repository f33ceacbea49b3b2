package textlog

import (
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// wanted is what a linear scan over what was written says, and what else may be
// found: lines whose stamps are wrong.
func (q Query) wanted(log []written) (must, may []got) {
	for _, w := range log {
		from := q.From
		if w.coarse {
			from = from.Truncate(time.Second)
		}
		if w.who == engine && !q.Engine || w.who == kernel && !q.Kernel || w.who == somebody ||
			w.at.Before(from) || w.at.After(q.To) {
			continue
		}
		g := got{w.at.UTC(), w.who == kernel, w.text}
		if may = append(may, g); !w.wild {
			must = append(must, g)
		}
	}
	return must, may
}

// TestFindsWhatALinearScanFinds holds over logs of every form, in disorder, with
// garbage, rotated and compressed.
func TestFindsWhatALinearScanFinds(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewSource(rapid.Int64().Draw(rt, "seed")))
		s := style{form: form(rapid.IntRange(0, int(forms)-1).Draw(rt, "form")), nasty: rapid.Bool().Draw(rt, "nasty"),
			wild: rapid.Bool().Draw(rt, "wild"), step: rapid.SampledFrom([]time.Duration{20 * time.Second, 100 * time.Millisecond}).Draw(rt, "step"), zone: rapid.SampledFrom([]*time.Location{time.UTC, berlin}).Draw(rt, "zone")}
		log := randomLog(r, s, rapid.SampledFrom([]int{0, 1, 2, 300, 4000}).Draw(rt, "lines"))
		last := started
		for _, w := range log {
			if !w.wild { // the year is told from there
				last = w.at
			}
		}
		of, err := os.MkdirTemp(dir, "")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(of)
		path := filepath.Join(of, "docker.log")
		rotate(t, path, log, rapid.SliceOfN(rapid.SampledFrom([]string{"", ".gz", ".zst"}), 0, 3).Draw(rt, "rotated"), last)
		span := max(last.Sub(started), 0) + 5*s.step
		q := Query{From: started.Add(time.Duration(r.Int63n(int64(span)))), Engine: r.Intn(4) > 0, Kernel: r.Intn(4) > 0, Zone: s.zone}
		q.To = q.From.Add(time.Duration(r.Int63n(int64(400 * s.step))))
		found, st := readAll(t, path, q)
		must, may := q.wanted(log)
		if len(st.Damage) > 0 {
			rt.Fatalf("damage: %v", st.Damage)
		}
		if missing := subtract(must, found); len(missing) > 0 {
			rt.Fatalf("missing %d of %d, first %v", len(missing), len(must), missing[0])
		}
		if extra := subtract(found, may); len(extra) > 0 {
			rt.Fatalf("%d too many, first %v", len(extra), extra[0])
		}
		sure := !s.wild && s.step > time.Second // else files begin within the slack
		if len(found) > len(may) || sure && !slices.Equal(must, found) {
			rt.Fatalf("%d found in another order or twice, %d wanted", len(found), len(may))
		}
	})
}

func subtract(from, what []got) []got {
	have := map[got]bool{}
	for _, g := range what {
		have[g] = true
	}
	return slices.DeleteFunc(slices.Clone(from), func(g got) bool { return have[g] })
}

// rotate writes a log into files, oldest part last: path.3.gz, path.2, path.1.zst, path.
func rotate(t *testing.T, path string, log []written, endings []string, last time.Time) {
	parts := len(endings) + 1
	for i := range parts {
		part := log[i*len(log)/parts : (i+1)*len(log)/parts]
		at := last
		for _, w := range part {
			if !w.wild {
				at = w.at
			}
		}
		name := path
		if turn := parts - 1 - i; turn > 0 {
			name += "." + string(rune('0'+turn)) + endings[turn-1]
		}
		put(t, name, rawOf(part), at.Add(time.Second))
	}
}
