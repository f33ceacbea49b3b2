// Package journal reads the lines of the engine and of the kernel out of
// systemd's journal files, without systemd: it opens the files, finds a window of
// time in them by bisection and follows their indexes to what matches.
//
// The files are written by others while they are read, maybe damaged and maybe
// hostile: every length, chain and unpacked size has a bound, and every damage is
// told. The format is that of systemd 187 to 262 (its journal-def.h and
// "Journal File Format").
package journal

import (
	"context"
	"errors"
	"time"
)

// Query says which entries are wanted.
type Query struct {
	// From and To are the window, both ends included; the zero time is no end. The
	// clock is that of the node that wrote the journal.
	From, To time.Time
	// Engine wants the lines of dockerd: those of its units, and those that call
	// themselves dockerd. What containers wrote (Docker's journald log driver) and
	// what the kernel's audit says of dockerd are never delivered.
	Engine bool
	// Kernel wants the kernel's lines.
	Kernel bool
	// Units are further units of the engine, beside docker.service and its snap's.
	Units []string
}

// Entry is one entry of a journal that has a message.
type Entry struct {
	// At is when the journal took it, to the microsecond.
	At time.Time
	// Kernel says that the kernel wrote it, else the engine.
	Kernel bool
	// Message may have several lines and any bytes, and is cut after 256 KiB. It is
	// valid during the call only.
	Message []byte
}

// Stats say what was read.
type Stats struct {
	// Files is how many journals were looked into, those outside of the window too.
	Files int
	// Entries is how many were delivered.
	Entries int
	// Damage says what could not be read, a line for a folder or a file; empty: all
	// was read.
	Damage []string
}

// Read delivers the wanted entries of all journals in dirs and the folders in
// them, oldest first (those of the same microsecond by sequence number), until
// each says false. An entry that is in two journals is delivered once. A folder
// that does not exist is no error and no damage: see Stats.Files.
func Read(ctx context.Context, dirs []string, q Query, each func(Entry) bool) (Stats, error) {
	r := newReader(ctx, q)
	defer r.close()
	if err := r.open(dirs); err != nil {
		return r.done(), err
	}
	err := r.merge(each)
	return r.done(), err
}

// reader is one run of [Read].
type reader struct {
	ctx      context.Context
	terms    []term
	from, to uint64 // microseconds since 1970

	pages  pages
	unpack unpacker
	files  []*file
	damage []string
	stats  Stats
	items  []uint64
	steps  int
	// spent is how many bytes of messages were taken out of the files.
	spent int64
}

func newReader(ctx context.Context, q Query) *reader {
	return &reader{ctx: ctx, terms: q.terms(), from: micros(q.From, 0), to: micros(q.To, ^uint64(0))}
}

// What one run does at most: a hostile file must not keep it busy for ever.
const (
	maxSpent  = 2 << 30
	maxDamage = 100
)

var errSpent = errors.New("more to read than one run may, the rest is left out")

// micros is a time in the journal's unit.
func micros(t time.Time, none uint64) uint64 {
	if t.IsZero() {
		return none
	}
	return uint64(max(0, t.UnixMicro()))
}

func (r *reader) close() {
	for _, f := range r.files {
		f.close()
	}
}

// hurt notes damage that is of no single file.
func (r *reader) hurt(what string) {
	if len(r.damage) < maxDamage {
		r.damage = append(r.damage, what)
	}
}

func (r *reader) done() Stats {
	for _, f := range r.files {
		if f.damage != "" {
			r.hurt(f.damaged())
		}
	}
	r.stats.Damage = r.damage
	return r.stats
}
