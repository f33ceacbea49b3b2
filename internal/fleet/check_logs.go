package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"fairway/internal/fact"
)

// CheckLogs holds log lines of the node of that name to the windows asked for.
func CheckLogs(name string, r *LogRequest, a *LogAnswer) error {
	said := &a.Said
	most := cmp.Or(r.Lines, MaxLines)
	if len(said.Lines) > most || len(said.Statements) > most {
		return fmt.Errorf("its answer has %d log lines and %d statements, %d were asked for", len(said.Lines), len(said.Statements), most)
	}
	for i := range said.Lines {
		if l := &said.Lines[i]; !within(r.Windows, l.At) || l.From != fact.FromEngine && l.From != fact.FromKernel {
			return fmt.Errorf("its answer has a log line of %s that was not asked for", l.At.UTC().Format(time.RFC3339))
		}
	}
	for i := range said.Statements {
		if st := &said.Statements[i]; !within(r.Windows, st.At) {
			return fmt.Errorf("its answer has a statement of %s that was not asked for", st.At.UTC().Format(time.RFC3339))
		}
	}
	return checkGaps(name, a.Gaps)
}

// within: logs tell times less precisely than windows do, some by the second.
func within(windows []fact.Window, at time.Time) bool {
	return slices.ContainsFunc(windows, func(w fact.Window) bool {
		return !at.Before(w.From.Add(-time.Second)) && !at.After(w.To.Add(time.Second))
	})
}
