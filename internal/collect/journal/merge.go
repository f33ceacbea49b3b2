package journal

import (
	"cmp"
	"time"
)

// merge delivers the entries of all files in the order of time.
func (r *reader) merge(each func(Entry) bool) error {
	if len(r.terms) == 0 {
		return nil
	}
	for _, f := range r.files {
		f.prepare(r)
		if err := r.step(f); err != nil {
			return err
		}
	}
	seen := copies{}
	for f := r.earliest(); f != nil; f = r.earliest() {
		e := f.next
		if !seen.before(f, e) && !r.deliver(f, e, each) {
			return nil
		}
		if r.spent+r.unpack.spent > maxSpent {
			r.hurt(errSpent.Error())
			return nil
		}
		if err := r.step(f); err != nil {
			return err
		}
	}
	return nil
}

// earliest is the file with the earliest next entry, nil at the end.
func (r *reader) earliest() *file {
	var out *file
	for _, f := range r.files {
		if f.next.off == 0 {
			continue
		}
		if out == nil || f.isBefore(out) {
			out = f
		}
	}
	return out
}

// isBefore orders the next entries of two files. Those of one microsecond come in
// systemd's order: by number where one writer counted both, else by the time since
// the boot that they share, else by their hash (sd_journal_next, systemd 257).
func (f *file) isBefore(g *file) bool {
	a, b := &f.next, &g.next
	c := cmp.Compare(a.at, b.at)
	if c == 0 && f.counter == g.counter {
		c = cmp.Compare(a.seq, b.seq)
	}
	if c == 0 && a.same.boot == b.same.boot {
		c = cmp.Compare(a.same.mono, b.same.mono)
	}
	return cmp.Or(c, cmp.Compare(a.same.xor, b.same.xor)) < 0
}

// deliver hands an entry over if it is one that is wanted and has a message; false
// ends the run.
func (r *reader) deliver(f *file, e entry, each func(Entry) bool) bool {
	by, text, err := r.read(f, e)
	if err != nil {
		f.hurt(err)
	}
	if text == nil || by&(classEngine|classKernel) == 0 || by&classForeign != 0 {
		return true
	}
	r.stats.Entries++
	r.spent += int64(len(text))
	return each(Entry{At: time.UnixMicro(int64(e.at)), Kernel: by&classKernel != 0, Message: text})
}

// copies finds entries that are in several files: journald writes what it had in
// /run to /var once that is there.
type copies struct {
	at   uint64
	seen map[identity]*file
}

// maxCopies is how many entries of one microsecond are remembered.
const maxCopies = 1 << 14

// before says that another file had the entry; else it is remembered.
func (c *copies) before(f *file, e entry) bool {
	if c.seen == nil || c.at != e.at {
		c.at = e.at
		if c.seen == nil {
			c.seen = make(map[identity]*file)
		}
		clear(c.seen)
	}
	if of, ok := c.seen[e.same]; ok {
		return of != f
	}
	if len(c.seen) < maxCopies {
		c.seen[e.same] = f
	}
	return false
}
