package journal

import "fmt"

// entryLen is the length of an entry before its items.
const entryLen = 64

// maxItems is how many fields an entry has at most. journald takes 1024 (systemd 188).
const maxItems = 2048

// entry is the head of an entry object.
type entry struct {
	off, size uint64
	seq, at   uint64
	same      identity
	// by are the classes of the lists that it is in.
	by class
}

// identity is equal for copies of an entry in several files: the boot, the times
// and the hash over all fields (which is never keyed).
type identity struct {
	boot          [16]byte
	at, mono, xor uint64
}

func (f *file) entry(off uint64) (entry, error) {
	b, size, err := f.object(off, kindEntry, entryLen)
	if err == nil && size > entryLen+16*maxItems {
		err = fmt.Errorf("%d bytes long", size)
	}
	if err != nil {
		return entry{}, fmt.Errorf("entry at %#x: %w", off, err)
	}
	e := entry{off: off, size: size, seq: le.Uint64(b[16:]), at: le.Uint64(b[24:])}
	e.same = identity{boot: [16]byte(b[40:]), at: e.at, mono: le.Uint64(b[32:]), xor: le.Uint64(b[56:])}
	return e, nil
}

// items are the places of an entry's data, in scratch.
func (f *file) items(e *entry, scratch []uint64) ([]uint64, error) {
	each := 16
	if f.compact {
		each = 4
	}
	n := int(e.size-entryLen) / each
	b, err := f.at(e.off+entryLen, n*each)
	if err != nil {
		return scratch, fmt.Errorf("entry at %#x: %w", e.off, err)
	}
	for ; len(b) > 0; b = b[each:] {
		scratch = append(scratch, f.place(b))
	}
	return scratch, nil
}

// place is one item of an entry or of an array.
func (f *file) place(b []byte) uint64 {
	if f.compact {
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}
