package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// The hour that is asked for of the text log, whose stamps are in order, as awk compares it.
const (
	textFrom = "2023-11-17T14:00:00"
	textTo   = "2023-11-17T15:00:00.000000000Z"
)

// text takes an hour out of a week's text log of 290 MB, which the test program of package textlog makes. awk, which has
// to read it all, counts the same lines.
func (b *bench) text(ctx context.Context, dir string) error {
	r := &row{Case: "an hour out of a 290 MB text log", By: "awk over its time stamps", Target: 5 * time.Millisecond}
	log := filepath.Join(dir, "docker.log")
	b.say("%s, %d times", r.Case, b.runs)
	for i := range b.runs + 1 {
		ours, lines, err := b.hour(ctx, log)
		if err != nil {
			return err
		}
		theirs, found, err := locally(ctx, "awk", "-F", `"`, fmt.Sprintf(`$2>=%q && $2<=%q {n++} END {printf "%%d", n}`, textFrom, textTo), log)
		if err != nil {
			return err
		}
		if lines != string(found) {
			r.judge("fairway", fmt.Sprintf("%s lines, awk found %s", lines, found))
		}
		// The first time makes the log.
		if i > 0 {
			r.Fairway.add(ours)
			r.Other.add(theirs)
		}
	}
	b.out.Rows = append(b.out.Rows, r)
	return nil
}

// hour tells what one window took, and how many lines it had.
func (b *bench) hour(ctx context.Context, log string) (cost, string, error) {
	program := filepath.Join(filepath.Dir(b.fleet), "textlog.test")
	cmd := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench=Window", "-test.benchtime=10x")
	cmd.Env = append(cmd.Environ(), "FAIRWAY_TEXTLOG="+log)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return cost{}, "", fmt.Errorf("run %s: %w: %s", program, err, out)
	}
	m := linesFound.FindSubmatch(out)
	if m == nil {
		return cost{}, "", fmt.Errorf("find the lines of a benchmark in %q", out)
	}
	c := spent(cmd)
	c.Wall, err = perOp(string(out))
	return c, string(m[1]), err
}
