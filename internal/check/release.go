package check

import (
	"cmp"
	"fmt"

	"fairway/internal/fact"
)

// release is an engine's version without what distributions and betas add:
// "29.0.0-beta.24" and "29.0.0+dfsg1" are 29.0.0.
type release [3]int

// releaseOf reads a version; one that cannot be read is the zero release.
func releaseOf(s string) release {
	var r release
	if n, _ := fmt.Sscanf(s, "%d.%d.%d", &r[0], &r[1], &r[2]); n < 2 {
		return release{}
	}
	return r
}

func (r release) compare(o release) int {
	return cmp.Or(r[0]-o[0], r[1]-o[1], r[2]-o[2])
}

// within reports whether a release is known and neither before from nor after
// to; an empty bound is none.
func (r release) within(from, to string) bool {
	return r != release{} && (from == "" || r.compare(releaseOf(from)) >= 0) && (to == "" || r.compare(releaseOf(to)) <= 0)
}

func hostNames(nodes []*fact.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return out
}
