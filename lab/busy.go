package lab

import (
	"fmt"
	"os"
	"slices"
)

// ambient are causes that are true of all labs here and of no fault: a machine with more to do than it can starves them. What
// is wanted is not among them.
func ambient(w Want) []string {
	const starved = "host-starvation"
	if !busy() || slices.ContainsFunc(w.Causes, func(c Cause) bool { return c.ID == starved }) {
		return nil
	}
	return []string{starved}
}

// busy tells whether this machine keeps its processes waiting (Linux 4.20 and later tell how much).
func busy() bool {
	b, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return false
	}
	var short, long float64
	_, err = fmt.Sscanf(string(b), "some avg10=%f avg60=%f", &short, &long)
	return err == nil && max(short, long) > 40
}

// without takes causes out of a report, and returns them. The verdict becomes what it would be without them: they may have
// been all that kept from being sure, or all that was wrong.
func (r *report) without(ids []string) []Cause {
	var out []Cause
	kept := r.Causes[:0:0]
	firm := false
	for i, c := range r.causes() {
		if slices.Contains(ids, c.ID) {
			out = append(out, c)
		} else {
			kept = append(kept, r.Causes[i])
			firm = firm || r.Causes[i].Certainty != "hint"
		}
	}
	r.Causes = kept
	if len(out) > 0 && r.Verdict == "failed" && !firm && len(r.failures()) == 0 {
		r.Verdict = "unknown"
	}
	if len(out) > 0 && r.Verdict == "unknown" && len(kept)+len(r.NotAgain) == 0 && !r.blinded() {
		r.Verdict = "ok"
	}
	return out
}
