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

// AskRaw asks one check, without settling and folding.
func AskRaw(s *fact.Snapshot, c *Check) (Raw, error) {
	sc, err := expect.Resolve(s)
	if err != nil {
		return Raw{}, err
	}
	r := runOne(s, &sc, c)
	return Raw{len(r.findings), r.blind}, nil
}
