package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
)

// maxMessage is how much of a message is delivered.
const maxMessage = 256 << 10

// maxLate is how many entries in a row have to be behind the window before we
// believe that it is over: one of them may be damaged.
const maxLate = 16

// prepare finds the entries of each term, and goes to the start of the window.
func (f *file) prepare(r *reader) {
	if err := f.test(r); err != nil {
		f.hurt(err)
	}
	for _, t := range r.terms {
		d, ok, err := f.lookUp(t.text, &r.unpack)
		if err != nil {
			f.hurt(fmt.Errorf("look for %s: %w", t.text, err))
		}
		if ok {
			f.follow(r, t.class, d.first, d.arrays, d.n)
		}
	}
}

// test looks for a field of the first entry: with a damaged key or table no field
// would be found, and nothing would say so.
func (f *file) test(r *reader) error {
	b, err := f.at(f.entries+arrayLen, 8)
	if err != nil {
		return err
	}
	e, err := f.entry(f.place(b))
	if err != nil {
		return err
	}
	if err := f.sound(r, e); err != nil || len(r.items) == 0 {
		return err
	}
	d, err := f.dataAt(r.items[0])
	if err != nil {
		return err
	}
	p, all, err := f.payload(d, maxPlain, &r.unpack)
	if err != nil || !all {
		return err
	}
	if got, _, err := f.lookUp(bytes.Clone(p), &r.unpack); err != nil || got.off != d.off {
		return cmp.Or(err, fmt.Errorf("data at %#x: not in the table of fields", d.off))
	}
	return nil
}

// sound verifies an entry and its fields.
func (f *file) sound(r *reader, e entry) (err error) {
	r.items, err = f.items(&e, r.items[:0])
	all := e.same.xor
	for _, off := range r.items {
		hash, bad := f.verify(off, &r.unpack)
		err = cmp.Or(err, bad)
		all ^= hash
	}
	if errors.Is(err, errBig) {
		return nil
	}
	if err == nil && all != 0 {
		err = fmt.Errorf("entry at %#x: not all of its fields", e.off)
	}
	return err
}

// follow adds a list of entries.
func (f *file) follow(r *reader, by class, first, arrays, n uint64) {
	l, err := f.chain(first, arrays, n)
	if err != nil {
		f.hurt(err)
	}
	l.by = by
	l.seek(r.from)
	l.advance()
	f.lists = append(f.lists, l)
}

// rescue adds all entries of the file once something of it was unreadable: each is
// then looked at for what it says of itself.
func (f *file) rescue(r *reader) {
	if f.hurts == 0 || f.rescued {
		return
	}
	f.rescued = true
	f.follow(r, 0, 0, f.entries, f.entered)
}

// step finds the file's next entry of the window.
func (r *reader) step(f *file) error {
	late := 0
	f.next.off = 0
	for late < maxLate {
		if r.steps++; r.steps%64 == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		f.rescue(r)
		off, by := f.pop()
		if off == 0 {
			return nil
		}
		// Those of a list that was added late were there already.
		if off <= f.last {
			continue
		}
		e, err := f.entry(off)
		if err != nil {
			f.hurt(err)
			continue
		}
		f.last = off
		switch {
		case e.at > r.to:
			late++
		case e.at >= r.from:
			e.by = by
			f.next = e
			return nil
		}
	}
	return nil
}

// pop takes the first entry off all lists that have it.
func (f *file) pop() (off uint64, by class) {
	for _, l := range f.lists {
		if l.at != 0 && (off == 0 || l.at < off) {
			off = l.at
		}
	}
	for _, l := range f.lists {
		if off != 0 && l.at == off {
			by |= l.by
			l.advance()
		}
	}
	return off, by
}

// read reads the message of an entry, nil if it has none, and what else its fields
// say.
func (r *reader) read(f *file, e entry) (by class, text []byte, err error) {
	r.items, err = f.items(&e, r.items[:0])
	if err != nil {
		return 0, nil, err
	}
	// Entries that are inside of each other are damage, and many of them no end.
	if f.read += uint64(len(r.items)); f.read > f.end/4 {
		return 0, nil, errors.New("more fields than there is room for")
	}
	by = e.by
	var at uint64
	for _, off := range r.items {
		c, bad := r.class(f, off)
		if bad != nil {
			err = bad
		}
		if by |= c; c&classMessage != 0 {
			at = off
		}
	}
	if by&classForeign != 0 {
		return by, nil, err
	}
	if at == 0 {
		// Some have none; but it may be there, and damaged.
		return by, nil, cmp.Or(err, f.sound(r, e))
	}
	d, err := f.dataAt(at)
	if err != nil {
		return by, nil, err
	}
	p, _, err := f.payload(d, len(message)+maxMessage, &r.unpack)
	if err != nil {
		return by, nil, err
	}
	return by, p[len(message):], nil
}
