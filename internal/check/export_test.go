package check

import (
	"fairway/internal/expect"
	"fairway/internal/fact"
)

// Raw is what a check says of a snapshot before it is judged.
type Raw struct {
	Findings int
	Blind    []string
}

// PairNames is a pair of nodes by host name.
type PairNames struct{ Node, Peer string }

// ZonesOf reads zones from a matrix of bad and good pairs.
func ZonesOf(bad, good []PairNames) (one, other []string) {
	pairs := func(list []PairNames) []pair {
		var out []pair
		for _, p := range list {
			out = append(out, pair{Node: &fact.Node{Name: p.Node}, Peer: expect.Peer{Name: p.Peer}})
		}
		return out
	}
	z := zones(pairs(bad), pairs(good))
	return z[0], z[1]
}

// AskRaw asks one check, without settling and folding.
func AskRaw(s *fact.Snapshot, c *Check) (Raw, error) {
	sc, err := expect.Resolve(s)
	if err != nil {
		return Raw{}, err
	}
	r := runOne(s, &sc, c)
	return Raw{len(r.findings), r.blind}, nil
}
