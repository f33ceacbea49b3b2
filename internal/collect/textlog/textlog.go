// Package textlog finds the lines of a time window in a text log of a host, and
// in the rotated and compressed files beside it, without reading all of them.
//
// A log is outside input: every line is bounded, a file may be garbage, may grow,
// shrink or be rotated while it is read. Nothing but regular files is opened.
package textlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Query says which lines are wanted.
type Query struct {
	// From and To are the ends of the window, both included. A stamp of whole seconds
	// is inside if that second is.
	From, To time.Time
	// Engine and Kernel say whose lines are wanted.
	Engine, Kernel bool
	// Own says that the file is the engine's own: a line in it is the engine's unless
	// it says otherwise. Else only what syslog marked as the engine's or the kernel's
	// is taken, and lines in the engine's own format (time="…" level=… msg=…).
	Own bool
	// Zone is of stamps that name none; nil: UTC.
	Zone *time.Location
}

// Entry is one line, with the lines without a stamp that follow it.
type Entry struct {
	// At is the engine's own stamp where the message has one, else the line's.
	At time.Time
	// Kernel: the kernel wrote it, else the engine.
	Kernel bool
	// Message is what was logged, without what syslog put before it, up to MaxLine
	// bytes. It is valid during the call only.
	Message []byte
}

// Stats is what a reading came across.
type Stats struct {
	// Files were read, those without a line in the window included; Entries were
	// delivered.
	Files, Entries int
	// Damage says what could not be read, a sentence each.
	Damage []string
	// First is the oldest stamp of the files that could matter, of anybody's line;
	// a rotated file that was not opened, because it ended before the window, counts
	// by the time of its last write. Zero: no stamp was found.
	First time.Time
	// Written is when the log was written last, by the file system.
	Written time.Time
}

// Read delivers the lines of a window, in the order in which they were written: in
// the rotated siblings of the file at path, where those reach into the window, the
// oldest first, then in that file. It stops when each says false. Files that begin
// less than the slack apart may come in any order.
//
// Stamps need not be in order. No line is missed as long as none is preceded by a
// stamp that is more than Slack later, or where this holds but for stretches of up
// to Stretch bytes with wrong stamps (a clock that was set after boot).
//
// The error is about the file at path; what is wrong with others is Damage.
func Read(ctx context.Context, path string, q Query, each func(Entry) bool) (Stats, error) {
	set, err := open(path, q)
	if err != nil {
		return Stats{}, fmt.Errorf("open log %s: %w", path, err)
	}
	defer set.close()
	r := reader{q: q, each: each}
	r.stats = Stats{Damage: set.damage, First: set.first, Written: set.written}
	for i, f := range set.files {
		if f.endsBefore(q.From, set.files[i+1:]) {
			continue
		}
		r.stats.Files++
		if err := r.file(ctx, f); err != nil {
			if ctx.Err() != nil {
				return r.stats, fmt.Errorf("read log %s: %w", f.name, ctx.Err())
			}
			r.stats.Damage = append(r.stats.Damage, fmt.Sprintf("%s: %v", f.name, err))
		}
		if r.enough {
			break
		}
	}
	return r.stats, nil
}

// reader is one reading.
type reader struct {
	q     Query
	each  func(Entry) bool
	stats Stats
	lines lines
	// enough: nobody wants more.
	enough bool
	// entry waits for the lines that continue it; message is its copy.
	entry   Entry
	waiting bool
	message []byte
	// before is the stamp of the line before; far is where the lines began that are
	// all behind the window, -1: nowhere.
	before time.Time
	far    int64
}

// file reads what of a file may be in the window.
func (r *reader) file(ctx context.Context, f *file) error {
	var err error
	if f.packed == nil {
		err = r.plain(ctx, f)
	} else {
		err = r.unpack(ctx, f)
	}
	r.flush()
	return err
}

func (r *reader) plain(ctx context.Context, f *file) error {
	from, err := f.search(&r.lines, r.q.From)
	if err != nil {
		return err
	}
	// The last line may go on behind what the file's size was when it was opened.
	r.lines.reset(io.NewSectionReader(f, from, f.size+allBuffer-from), from, false)
	err = r.scan(ctx, f)
	if err == nil && r.lines.ended() && r.lines.at < f.size {
		return errShrank
	}
	return err
}

func (r *reader) unpack(ctx context.Context, f *file) error {
	in, err := f.unpacked()
	if err != nil {
		return err
	}
	defer in.Close()
	r.lines.reset(in, 0, false)
	return r.scan(ctx, f)
}

// scan takes lines until all are taken, or Stretch bytes of them are behind the window.
func (r *reader) scan(ctx context.Context, f *file) error {
	r.before, r.far = time.Time{}, -1
	for n := 0; !r.enough; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, at, ok := r.lines.next()
		if !ok {
			return r.lines.trouble()
		}
		if f.packed == nil && at >= f.size {
			return nil
		}
		if f.packed == nil && r.lines.open && f.beingWritten() {
			r.lines.reset(io.NewSectionReader(f, at, allBuffer), at, false)
			if line, _, ok = r.lines.next(); !ok || r.lines.open {
				return nil
			}
		}
		if r.line(f.clock, line, at) {
			return nil
		}
	}
	return nil
}

// line takes one line; it returns true where the rest of the file is behind the window.
func (r *reader) line(c clock, line []byte, at int64) (behind bool) {
	s, ok := c.read(line)
	if !ok {
		r.goOn(line)
		return false
	}
	r.flush()
	s.at = c.again(s, r.before)
	r.before = s.at
	switch slack := s.slack(); {
	case s.at.After(r.q.To.Add(slack)):
		if r.far < 0 {
			r.far = at
		}
		return at-r.far > Stretch
	case !s.at.Before(r.q.From.Add(-slack)):
		r.take(c, s)
	}
	r.far = -1
	return false
}

// take keeps a line of the window, if it is wanted, until it is known what continues it.
func (r *reader) take(c clock, s stamp) {
	who, message := whose(s, r.q.Own)
	if who == somebody || who == engine && !r.q.Engine || who == kernel && !r.q.Kernel {
		return
	}
	if who == engine && !s.own {
		// The engine's own stamp knows year, zone and fraction.
		if inner, ok := c.read(message); ok && inner.own && inner.at.Sub(s.at).Abs() < s.slack() {
			s.at, s.coarse = inner.at, inner.coarse
		}
	}
	from := r.q.From
	if s.coarse {
		from = from.Truncate(time.Second)
	}
	if s.at.Before(from) || s.at.After(r.q.To) {
		return
	}
	r.entry, r.waiting = Entry{At: s.at, Kernel: who == kernel}, true
	r.message = append(r.message[:0], message...)
}

// goOn adds a line without a stamp to the one before it.
func (r *reader) goOn(line []byte) {
	if room := MaxLine - len(r.message) - 1; r.waiting && room > 0 {
		r.message = append(append(r.message, '\n'), line[:min(len(line), room)]...)
	}
}

func (r *reader) flush() {
	if !r.waiting || r.enough {
		return
	}
	r.waiting = false
	r.entry.Message = r.message
	r.stats.Entries++
	r.enough = !r.each(r.entry)
}

// errShrank: the engine's rotation by copying and truncating, most likely.
var errShrank = errors.New("it became shorter while it was read")
