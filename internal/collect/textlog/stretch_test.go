package textlog

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStretchOfWrongStamps: a machine boots with a wrong clock and sets it a little
// later; what was logged before and after is found all the same, in a file that is
// shorter than a stretch, too.
func TestStretchOfWrongStamps(t *testing.T) {
	for _, lines := range []int{8000, 800} {
		stretchOfWrongStamps(t, lines)
	}
}

func stretchOfWrongStamps(t *testing.T, lines int) {
	wrongFrom, wrongTo := lines/2-20, lines/2+20 // the first look of a bisection falls in there
	for _, wrong := range []time.Duration{-50 * 365 * 24 * time.Hour, -3 * time.Hour, 2 * time.Hour, 24 * time.Hour} {
		var b strings.Builder
		at := func(i int) time.Time { return started.Add(time.Duration(i) * 10 * time.Second) }
		for i := range lines {
			stamp := at(i)
			if i >= wrongFrom && i < wrongTo {
				stamp = stamp.Add(wrong)
			}
			fmt.Fprintf(&b, "time=%q level=info msg=\"line %04d\"\n", stamp.Format(time.RFC3339Nano), i)
		}
		path := put(t, filepath.Join(t.TempDir(), "docker.log"), []byte(b.String()), at(lines))
		for _, w := range [][2]int{{100, 400}, {3700, 4400}, {3000, 3970}, {4030, 5000}, {7000, 7999}} {
			w[0], w[1] = w[0]*lines/8000, w[1]*lines/8000
			found, _ := readAll(t, path, Query{From: at(w[0]), To: at(w[1]), Engine: true})
			have := map[string]bool{}
			for _, g := range found {
				have[g.text[strings.Index(g.text, "line "):]] = true
			}
			for i := w[0]; i <= w[1]; i++ {
				if (i < wrongFrom || i >= wrongTo) && !have[fmt.Sprintf("line %04d\"", i)] {
					t.Errorf("clock wrong by %v, lines %v of %d: line %d is missing", wrong, w, lines, i)
					break
				}
			}
		}
	}
}
