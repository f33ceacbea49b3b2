package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// logs measures what reads logs; it needs no lab.
func (b *bench) logs(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "fairway-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, part := range []func(context.Context, string) error{b.patterns, b.text, b.journal} {
		if err := part(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

// patterns has the test program of package said look for all its patterns in a log of 290 MB, and grep for the same literals.
// fairway may take 290 ms (1 GB/s), and twice what grep takes.
func (b *bench) patterns(ctx context.Context, dir string) error {
	r := &row{Case: "all patterns over a 290 MB log", By: "grep -F -f, the same literals"}
	log := filepath.Join(dir, "engine.log")
	b.say("%s, %d times", r.Case, b.runs)
	for i := range b.runs + 1 {
		ours, lines, err := b.scan(ctx, log)
		if err != nil {
			return err
		}
		theirs, found, err := grep(ctx, log)
		if err != nil {
			return err
		}
		if lines != found {
			r.judge("fairway", fmt.Sprintf("%s lines, grep found %s", lines, found))
		}
		// The first time makes the log.
		if i > 0 {
			r.Fairway.add(ours)
			r.Other.add(theirs)
		}
	}
	r.Target = min(290*time.Millisecond, 2*r.Other.median(wall))
	b.out.Rows = append(b.out.Rows, r)
	return nil
}

var linesFound = regexp.MustCompile(`\s(\d+)(?:\.\d+)? lines`)

// scan tells what one pass over the log took, and how many lines it found.
func (b *bench) scan(ctx context.Context, log string) (cost, string, error) {
	said := filepath.Join(filepath.Dir(b.fleet), "said.test")
	cmd := exec.CommandContext(ctx, said, "-test.run=^$", "-test.bench=File", "-test.benchtime=1x")
	cmd.Env = append(cmd.Environ(), "FAIRWAY_SAID_LOG="+log)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return cost{}, "", fmt.Errorf("run %s: %w: %s", said, err, bytes.TrimSpace(out))
	}
	m := linesFound.FindSubmatch(out)
	if m == nil {
		return cost{}, "", fmt.Errorf("find the lines of a benchmark in %q", out)
	}
	c := spent(cmd)
	c.Wall, err = perOp(string(out))
	return c, string(m[1]), err
}

func grep(ctx context.Context, log string) (cost, string, error) {
	cmd := exec.CommandContext(ctx, "grep", "-c", "-F", "-f", log+".literals", log)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	start := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return cost{}, "", fmt.Errorf("run grep over a log: %w", err)
	}
	took := time.Since(start)
	c := spent(cmd)
	c.Wall = took
	return c, string(bytes.TrimSpace(out)), nil
}
