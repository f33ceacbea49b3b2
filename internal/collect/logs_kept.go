package collect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
	"fairway/internal/said"
)

// kept are the lines that stay, within bounds.
type kept struct {
	lines int
	bytes int64

	all  []line
	size int64
	// added counts all that ever came.
	added int
}

// line is one that may stay, and what it means; nil: that is not known.
type line struct {
	line  fact.LogLine
	means *fact.Statement
	of    *source
	n     int // of its coming
}

// add takes a line of a log. Its secrets are still in it: masking all that comes
// would take longer than reading it, see finish.
func (k *kept) add(of *source, at time.Time, from fact.LogFrom, text []byte) {
	l := line{line: fact.LogLine{At: at, From: from, Text: string(text)}, of: of, n: k.added}
	if st, known := said.Read(from, at, fact.Plain(l.line.Text)); known {
		l.means = &st
	}
	k.added++
	of.lines++
	k.all = append(k.all, l)
	k.size += int64(len(l.line.Text))
	// Not at each line: leaving out sorts them all.
	if len(k.all) > 2*k.lines+1000 || k.size > 2*k.bytes+1<<20 {
		k.prune()
	}
}

// finish leaves what may be kept, oldest first, without secrets.
func (k *kept) finish() []line {
	k.prune()
	k.size = 0
	for i := range k.all {
		l := &k.all[i].line
		l.Text = clean(l.Text)
		k.size += int64(len(l.Text))
	}
	k.prune() // what stands for a secret may be longer
	return k.all
}

// clean takes secrets and line breaks out of a message. A secret may stand alone in
// a line of it, or go over several.
func clean(text string) string {
	parts := strings.Split(text, "\n")
	for i, p := range parts {
		parts[i] = said.Mask(fact.Plain(p))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return fact.Plain(said.Mask(strings.Join(parts, "\n")))
}

// prune sorts the lines by time and leaves those out that are too many.
func (k *kept) prune() {
	if len(k.all) > k.lines || k.size > k.bytes {
		slices.SortFunc(k.all, func(a, b line) int {
			if (a.means != nil) != (b.means != nil) {
				return cmp.Compare(b.rank(), a.rank())
			}
			return cmp.Or(b.line.At.Compare(a.line.At), cmp.Compare(b.n, a.n))
		})
		stay := 0
		for size := int64(0); stay < min(len(k.all), k.lines); stay++ {
			if size += int64(len(k.all[stay].line.Text)); size > k.bytes {
				break
			}
		}
		for _, l := range k.all[stay:] {
			l.of.left++
			k.size -= int64(len(l.line.Text))
		}
		clear(k.all[stay:])
		k.all = k.all[:stay]
	}
	slices.SortFunc(k.all, func(a, b line) int { return cmp.Or(a.line.At.Compare(b.line.At), cmp.Compare(a.n, b.n)) })
}

// rank: lines that say something known stay first.
func (l *line) rank() int {
	if l.means != nil {
		return 1
	}
	return 0
}
