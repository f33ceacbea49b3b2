package lab

import (
	"fmt"
	"os"
	"slices"
)

// starvation is the cause that is true of every lab on a machine that has more to do than it can.
const starvation = "host-starvation"

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

// starved takes what is true of the machine, and of no fault, out of a report, and returns it.
func (r *report) starved() []Cause {
	var out []Cause
	for _, c := range r.causes() {
		if c.ID == starvation {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil
	}
	kept := r.Causes[:0:0]
	for _, c := range r.Causes {
		if c.ID != starvation {
			kept = append(kept, c)
		}
	}
	r.Causes = kept
	if r.Verdict == "unknown" && len(kept) == 0 && !r.blinded() { // it is a hint, and was all that kept from being sure
		r.Verdict = "ok"
	}
	return out
}

// starves: the fault itself keeps engines waiting.
func (w Want) starves() bool {
	return slices.ContainsFunc(w.Causes, func(c Cause) bool { return c.ID == starvation })
}
