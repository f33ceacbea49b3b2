package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// mostMemory is what one run of the program on one node may take.
const mostMemory = 40 << 20

// results are all measurements of one run, and what they were made on. In JSON times are nanoseconds, sizes bytes.
type results struct {
	Engine string
	Kernel string
	CPUs   int
	// Load is the load average when the measurements began: numbers of a busy machine are worth less.
	Load string
	// Binary is the size of the program in bytes.
	Binary int64
	Rows   []*row
}

// row is one comparison.
type row struct {
	Case string
	// By is what fairway is compared with, empty for nothing.
	By string `json:",omitempty"`
	// Target is how long fairway may take, Memory how many bytes at its peak, Share how much of one core; 0 for no target.
	Target         time.Duration `json:",omitempty"`
	Memory         int64         `json:",omitempty"`
	Share          float64       `json:",omitempty"`
	Fairway, Other series
	// Wrong are answers that were not right; their rows say nothing about speed.
	Wrong []string `json:",omitempty"`
}

// series are the costs of equal runs.
type series []cost

func (s *series) add(c cost) { *s = append(*s, c) }

func (r *row) judge(who, wrong string) {
	if wrong != "" {
		r.Wrong = append(r.Wrong, who+": "+wrong)
	}
}

func describe(engine, fairway string) results {
	out := results{Engine: engine, CPUs: runtime.NumCPU()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		out.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		out.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	if f, err := os.Stat(fairway); err == nil {
		out.Binary = f.Size()
	}
	return out
}

// wrong is an error where an answer was not right.
func (r *results) wrong() error {
	var all []error
	for _, row := range r.Rows {
		for _, w := range row.Wrong {
			all = append(all, fmt.Errorf("%s: wrong answer: %s", row.Case, w))
		}
	}
	return errors.Join(all...)
}

func (r *results) write(w io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(w, "engine %s, kernel %s, %d CPUs, load %s; fairway is %.1f MiB\n", r.Engine, r.Kernel, r.CPUs, r.Load, mib(r.Binary))
	fmt.Fprint(w, "median (least–most) of wall time; CPU and memory are fairway's\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "case\tfairway\ttarget\tby hand\t\tratio\tCPU\tpeak memory")
	for _, row := range r.Rows {
		row.print(t)
	}
	return t.Flush()
}

func (r *row) print(w io.Writer) {
	other, ratio := "", ""
	if len(r.Other) > 0 {
		other = r.Other.wall()
		ratio = fmt.Sprintf("%.1f×", float64(r.Other.median(wall))/float64(r.Fairway.median(wall)))
	}
	if len(r.Wrong) > 0 {
		ratio = "WRONG"
	}
	spent := short(r.Fairway.median(cpu))
	if r.Share > 0 {
		spent = fmt.Sprintf("%.3f %%", 100*r.Fairway.share())
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f MiB\n", r.Case, r.Fairway.wall(), r.targets(), other, r.By, ratio, spent, mib(r.Fairway.peak()))
}

// targets are those of the row, each with a word where its median was missed.
func (r *row) targets() string {
	var out []string
	add := func(missed bool, format string, args ...any) {
		t := "≤ " + fmt.Sprintf(format, args...)
		if missed {
			t += " MISSED"
		}
		out = append(out, t)
	}
	if r.Target > 0 {
		add(r.Fairway.median(wall) > r.Target, "%s", short(r.Target))
	}
	if r.Memory > 0 {
		add(r.Fairway.peak() > r.Memory, "%.0f MiB", mib(r.Memory))
	}
	if r.Share > 0 {
		add(r.Fairway.share() > r.Share, "%.1f %%", 100*r.Share)
	}
	return strings.Join(out, ", ")
}

func wall(c cost) time.Duration { return c.Wall }

func cpu(c cost) time.Duration { return c.CPU }

// share is how much of one core a series took.
func (s series) share() float64 {
	return float64(s.median(cpu)) / float64(max(1, s.median(wall)))
}

func (s series) median(of func(cost) time.Duration) time.Duration {
	all := s.sorted(of)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

func (s series) sorted(of func(cost) time.Duration) []time.Duration {
	all := make([]time.Duration, len(s))
	for i, c := range s {
		all[i] = of(c)
	}
	slices.Sort(all)
	return all
}

// wall is the median of wall times, with the least and the most.
func (s series) wall() string {
	all := s.sorted(wall)
	return fmt.Sprintf("%s (%s–%s)", short(s.median(wall)), short(all[0]), short(all[len(all)-1]))
}

func (s series) peak() int64 {
	var most int64
	for _, c := range s {
		most = max(most, c.Peak)
	}
	return most
}

// short writes seconds from one second on, else milliseconds.
func short(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
