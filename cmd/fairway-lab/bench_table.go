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
	// Target is how long fairway may take; 0 for no target.
	Target         time.Duration `json:",omitempty"`
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
	var most int64
	for _, row := range r.Rows {
		row.print(t)
		most = max(most, row.Fairway.peak())
	}
	fmt.Fprintf(t, "peak memory of all runs\t%.1f MiB\t≤ 40 MiB\n", mib(most))
	return t.Flush()
}

func (r *row) print(w io.Writer) {
	target, other, ratio := "", "", ""
	if r.Target > 0 {
		target = "≤ " + short(r.Target)
	}
	if len(r.Other) > 0 {
		other = r.Other.wall()
		ratio = fmt.Sprintf("%.1f×", float64(r.Other.median(wall))/float64(r.Fairway.median(wall)))
	}
	if len(r.Wrong) > 0 {
		ratio = "WRONG"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f MiB\n", r.Case, r.Fairway.wall(), target, other, r.By, ratio,
		short(r.Fairway.median(func(c cost) time.Duration { return c.CPU })), mib(r.Fairway.peak()))
}

func wall(c cost) time.Duration { return c.Wall }

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
