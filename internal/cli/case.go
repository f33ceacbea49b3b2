package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"fairway/internal/casefile"
	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/render"
)

// replay is the snapshot of a case, asked another question where there is one.
func (c *command) replay(path string, q *fact.Question, logs *logFlags) (*fact.Snapshot, error) {
	k, err := casefile.Open(path)
	if err != nil {
		return nil, toolError{err}
	}
	c.about(path, k)
	s := k.Snapshot
	if q == nil {
		own := s.Question
		q = &own
	}
	if logs.since != "" || logs.until != "" {
		if err := logs.window(q, s.Taken); err != nil {
			return nil, err
		}
	} else {
		q.Since, q.Until = s.Question.Since, s.Question.Until
	}
	own := *q
	own.Mesh = s.Question.Mesh // the look itself went on to part I
	if !same(own, s.Question) {
		for l := s; l != nil; l = l.Earlier {
			expect.AskAnew(l, *q)
		}
		if s.Earlier == nil && check.WantsSecondLook(s, check.All()) {
			s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted,
				Reason: "the case holds one look, and this question would have taken a second one", Do: "ask the case without arguments, or the Swarm itself"})
		}
	}
	return s, nil
}

// same compares questions as they are written: no services are none, however
// that came about.
func same(a, b fact.Question) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// about says on standard error what is not as it should be with a case: the
// report is what standard output is for.
func (c *command) about(path string, k *casefile.Case) {
	say := func(text string) {
		_, _ = fmt.Fprintln(c.env.Stderr, c.fit(c.env.Stderr, "fairway: "+render.Clean(text)))
	}
	if k.Cut != "" {
		say(path + " ends early: " + k.Cut)
	}
	for _, d := range k.Damage {
		say(path + ": " + d)
	}
}

// saver keeps looks in a case file as they come; nil keeps nothing.
type saver struct {
	c    *command
	path string
	// file is nil where the case is redacted: nothing reaches the disk before.
	file   *casefile.Writer
	redact bool
	looks  int
	err    error
}

// saver begins a case, so that a path that cannot be written is known before
// anybody is asked anything.
func (c *command) saver(path string, redact bool) (*saver, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return nil, usagef("a case is written to a file, not to standard output: name one")
	}
	v := &saver{c: c, path: path, redact: redact}
	var err error
	if v.file, err = casefile.Create(path, Version()); err != nil {
		return nil, err
	}
	return v, nil
}

// look keeps a look that another one follows.
func (v *saver) look(s *fact.Snapshot) {
	if v != nil && !v.redact && v.err == nil {
		v.looks++
		v.err = v.file.Look(v.looks, s)
	}
}

// done keeps the last look, the report's, and finishes the file.
func (v *saver) done(s *fact.Snapshot) error {
	if v == nil {
		return nil
	}
	if v.redact || s.Earlier == nil && v.looks > 0 { // the only look, which was kept too early
		v.abort()
		return v.c.keep(s, v.path, v.redact)
	}
	v.look(s)
	w := v.file
	if v.err == nil {
		v.err = w.Close()
		v.file = nil
	}
	if v.err != nil {
		return toolError{v.err}
	}
	return v.c.saved(v.path, w.Older)
}

// abort leaves no part of a case behind.
func (v *saver) abort() {
	if v != nil && v.file != nil {
		v.file.Abort()
		v.file = nil
	}
}

// keep writes a snapshot as a case, redacted where that is asked for.
func (c *command) keep(s *fact.Snapshot, path string, redact bool) error {
	var aliases []byte
	if redact {
		var err error
		if s, aliases, err = redacted(s); err != nil {
			return toolError{err}
		}
	}
	w, err := casefile.Create(path, Version())
	if err != nil {
		return toolError{err}
	}
	if err := w.Looks(s); err != nil {
		w.Abort()
		return toolError{err}
	}
	if err := w.Close(); err != nil {
		return toolError{err}
	}
	if aliases != nil {
		if err := c.keepAliases(aliases, path+".aliases.json"); err != nil {
			return toolError{err}
		}
	}
	return c.saved(path, w.Older)
}

// keepAliases writes who is who, for its owner alone and never over another map.
func (c *command) keepAliases(b []byte, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the aliases: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the aliases: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the aliases: %w", err)
	}
	_, err = fmt.Fprintf(c.env.Stderr, "kept in %s whose names and addresses the aliases are; keep it to yourself\n", path)
	return write("what was saved", err)
}

// saved says where a case is and how large, and what became of one that was there.
func (c *command) saved(path, older string) error {
	size := ""
	if older != "" {
		_, _ = fmt.Fprintf(c.env.Stderr, "the case that was there is %s now\n", older)
	}
	if i, err := os.Stat(path); err == nil {
		size = fmt.Sprintf(", %d KiB", (i.Size()+1023)/1024)
	}
	_, err := fmt.Fprintf(c.env.Stderr, "saved in %s%s\n", path, size)
	return write("what was saved", err)
}

// caseName is what a case is called that nobody named.
func caseName(now time.Time) string { return now.UTC().Format("case-20060102T150405Z.fairway") }
