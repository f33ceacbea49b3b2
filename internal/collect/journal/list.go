package journal

import (
	"errors"
	"fmt"
)

// list is entries in the order in which they were written: all of a file, or
// those of a data object. The first may stand alone, the others are in a chain of
// arrays, each about twice as long as the one before.
type list struct {
	f      *file
	by     class
	first  uint64
	arrays []array
	n      int
	// at is the entry where we are, 0 at the end; i is the number of the one behind.
	at  uint64
	i   int
	bad int
}

// array is one of a chain: its items are at off, the first is number from of the
// list.
type array struct {
	off     uint64
	from, n int
}

// arrayLen is the length of an array before its items.
const arrayLen = 24

const (
	// maxArrays bounds a chain: arrays double, so 64 would do for any file that
	// journald writes.
	maxArrays = 1 << 10
	// maxBad is how many unreadable entries in a row end a list.
	maxBad = 1 << 12
)

// chain makes the list of n entries: one at first unless that is 0, the others in
// the arrays from off on. An error comes with the list as far as it goes.
func (f *file) chain(first, off, n uint64) (*list, error) {
	l := &list{f: f, first: first}
	if first != 0 {
		l.n = 1
	}
	each := uint64(8)
	if f.compact {
		each = 4
	}
	n = min(n, f.end/4)
	for uint64(l.n) < n {
		if len(l.arrays) == maxArrays {
			return l, fmt.Errorf("more than %d arrays of entries in a chain", maxArrays)
		}
		b, size, err := f.object(off, kindArray, arrayLen)
		if err != nil {
			return l, fmt.Errorf("array of entries at %#x: %w", off, err)
		}
		has := int(min((size-arrayLen)/each, n-uint64(l.n)))
		l.arrays = append(l.arrays, array{off: off + arrayLen, from: l.n, n: has})
		l.n += has
		next := le.Uint64(b[16:])
		// They are written one after the other: what leads back is a loop.
		if uint64(l.n) < n && next < off+size {
			return l, fmt.Errorf("array of entries at %#x: followed by %#x", off, next)
		}
		off = next
	}
	return l, l.whole(each)
}

// whole is an error if there is one more entry than was counted. While a file is
// written, that is so for a moment.
func (l *list) whole(each uint64) error {
	if l.f.tail != ^uint64(0) || len(l.arrays) == 0 {
		return nil
	}
	a := l.arrays[len(l.arrays)-1]
	b, size, err := l.f.object(a.off-arrayLen, kindArray, arrayLen)
	if err != nil {
		return err
	}
	next := le.Uint64(b[16:])
	if after := uint64(a.n) * each; size >= arrayLen+after+each {
		if b, err = l.f.at(a.off+after, int(each)); err != nil {
			return err
		}
		next = l.f.place(b)
	}
	if next != 0 {
		return fmt.Errorf("array of entries at %#x: more of them than were counted", a.off-arrayLen)
	}
	return nil
}

var errNoEntry = errors.New("an entry is missing in its array")

// place is where entry number i of the list is.
func (l *list) place(i int) (uint64, error) {
	if l.first != 0 && i == 0 {
		return l.first, nil
	}
	a := l.find(i)
	each := 8
	if l.f.compact {
		each = 4
	}
	b, err := l.f.at(a.off+uint64((i-a.from)*each), each)
	if err != nil {
		return 0, err
	}
	off := l.f.place(b)
	if off == 0 {
		return 0, errNoEntry
	}
	return off, nil
}

// find is the array that has number i. Most are asked for the last ones.
func (l *list) find(i int) array {
	for n := len(l.arrays) - 1; n > 0; n-- {
		if l.arrays[n].from <= i {
			return l.arrays[n]
		}
	}
	return l.arrays[0]
}

// seek goes to the first entry that is not before from: times only grow in a
// file.
func (l *list) seek(from uint64) {
	low, high := 0, l.n
	for low < high {
		mid := (low + high) / 2
		at, i, ok := l.readable(mid, high)
		switch {
		case ok && at < from:
			low = i + 1
		default:
			high = mid
		}
	}
	l.i = low
}

// readable is the time of the first entry from i on that can be read, and its
// number; a few are tried.
func (l *list) readable(i, high int) (uint64, int, bool) {
	for last := min(high, i+64); i < last; i++ {
		off, err := l.place(i)
		if err != nil {
			continue
		}
		if e, err := l.f.entry(off); err == nil {
			return e.at, i, true
		}
	}
	return 0, 0, false
}

// advance finds the next entry of the list; at is 0 at its end.
func (l *list) advance() {
	before := l.at
	l.at = 0
	for ; l.i < l.n && l.bad < maxBad; l.i++ {
		off, err := l.place(l.i)
		switch {
		case err == nil && off > l.f.tail:
			// Written after we opened the file.
			l.i = l.n
			return
		case err == nil && off <= before:
			err = fmt.Errorf("entry at %#x: listed after %#x", off, before)
		}
		if err == nil {
			l.at, l.bad = off, 0
			l.i++
			return
		}
		l.f.hurt(err)
		if errors.Is(err, errShort) || errors.Is(err, errNoEntry) {
			l.i = l.n
			return
		}
		l.bad++
	}
}
