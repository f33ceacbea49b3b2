package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The window that is asked for of the journal, in seconds since 1970: it is in the newer of its two files.
const (
	journalFrom = "1700110000"
	journalTo   = "1700113600"
)

// journal takes an hour out of 300 000 entries, of which the engine wrote half. The test program of package journal
// makes them with systemd's own code, and prints the hour as journalctl -o cat does: whole programs are compared.
func (b *bench) journal(ctx context.Context, dir string) error {
	program := filepath.Join(filepath.Dir(b.fleet), "journal.test")
	b.say("writing a journal of 300 000 entries")
	if out, err := exec.CommandContext(ctx, program, "make", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("write a journal: %w: %s", err, bytes.TrimSpace(out))
	}
	ours := []string{program, "window", dir, journalFrom, journalTo}
	theirs := []string{"journalctl", "-q", "-o", "cat", "-D", dir, "--since", "@" + journalFrom, "--until", "@" + journalTo,
		"_SYSTEMD_UNIT=docker.service", "+", "_SYSTEMD_UNIT=snap.docker.dockerd.service", "+", "SYSLOG_IDENTIFIER=dockerd", "+", "_COMM=dockerd"}
	return b.duel(ctx, &row{Case: "an hour out of 300 000 journal entries", By: "journalctl --since --until"}, 4*b.runs, ours, theirs)
}

// duel runs two programs by turns, on this machine itself. Their output has to be equal. What is slower than the other
// missed its target.
func (b *bench) duel(ctx context.Context, r *row, runs int, ours, theirs []string) error {
	b.say("%s, %d times", r.Case, runs)
	for range runs {
		c, mine, err := locally(ctx, ours...)
		if err != nil {
			return err
		}
		r.Fairway.add(c)
		c, other, err := locally(ctx, theirs...)
		if err != nil {
			return err
		}
		r.Other.add(c)
		if len(mine) == 0 || !bytes.Equal(mine, other) {
			r.judge("fairway", fmt.Sprintf("%d bytes, %s printed %d", len(mine), theirs[0], len(other)))
		}
	}
	r.Target = r.Other.median(wall)
	b.out.Rows = append(b.out.Rows, r)
	return nil
}

// locally runs a program on this machine and measures it.
func locally(ctx context.Context, argv ...string) (cost, []byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		return cost{}, nil, fmt.Errorf("run %s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	c := spent(cmd)
	c.Wall = took
	return c, out, nil
}
