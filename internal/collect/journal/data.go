package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// class says what a field tells about its entry, as bits.
type class uint8

const (
	classEngine class = 1 << iota
	classKernel
	// classForeign is not what the engine logged, though it came from its process.
	classForeign
	classMessage
	// classKnown is set in the cache of classes.
	classKnown
)

// term is a field which entries are wanted for: "_SYSTEMD_UNIT=docker.service".
type term struct {
	text  []byte
	class class
}

var (
	message = []byte("MESSAGE=")
	// Containers' output comes from the engine's own process; only this tells.
	container = []byte("CONTAINER_ID=")
	// With auditing on, the kernel tells what the engine's process did: several
	// records for each change of the firewall.
	audit = []byte("_TRANSPORT=audit")
)

// terms are the fields that the query is about.
func (q Query) terms() []term {
	var out []term
	add := func(text string, c class) {
		if !slices.ContainsFunc(out, func(t term) bool { return string(t.text) == text }) {
			out = append(out, term{[]byte(text), c})
		}
	}
	if q.Engine {
		for _, unit := range append([]string{"docker.service", "snap.docker.dockerd.service"}, q.Units...) {
			add("_SYSTEMD_UNIT="+unit, classEngine)
		}
		add("SYSLOG_IDENTIFIER=dockerd", classEngine)
		add("_COMM=dockerd", classEngine)
	}
	if q.Kernel {
		add("_TRANSPORT=kernel", classKernel)
	}
	return out
}

// data is the head of a data object: a field with its value, stored once for all
// entries that have it.
type data struct {
	off, size     uint64
	packed        byte
	hash, next    uint64
	first, arrays uint64
	// n is how many entries have it.
	n uint64
}

// payloadAt is how long a data object is before its payload.
func (f *file) payloadAt() uint64 {
	if f.compact {
		return 72
	}
	return 64
}

func (f *file) dataAt(off uint64) (data, error) {
	b, size, err := f.object(off, kindData, int(f.payloadAt()))
	if err != nil {
		return data{}, fmt.Errorf("data at %#x: %w", off, err)
	}
	return data{off: off, size: size, packed: b[1] & packedAny, hash: le.Uint64(b[16:]), next: le.Uint64(b[24:]),
		first: le.Uint64(b[40:]), arrays: le.Uint64(b[48:]), n: le.Uint64(b[56:])}, nil
}

// payload is up to limit bytes of the field, unpacked, and whether that is all of
// it. It is valid until the next call.
func (f *file) payload(d data, limit int, u *unpacker) ([]byte, bool, error) {
	n := d.size - f.payloadAt()
	if d.packed == 0 {
		b, err := f.at(d.off+f.payloadAt(), int(min(n, uint64(limit))))
		return b, n <= uint64(limit), err
	}
	b, err := f.unpacked(d, int(min(n, maxPacked+1)), u)
	if err != nil {
		return nil, false, fmt.Errorf("data at %#x: %w", d.off, err)
	}
	return b[:min(len(b), limit)], len(b) <= limit && !u.cut, nil
}

// unpacked is what n bytes of the file unpack to. A message is asked for twice in a
// row: what it is, and what it says.
func (f *file) unpacked(d data, n int, u *unpacker) ([]byte, error) {
	if u.of == f && u.off == d.off {
		return u.out, nil
	}
	if n > maxPacked {
		return nil, errBig
	}
	b, err := f.at(d.off+f.payloadAt(), n)
	if err != nil {
		return nil, err
	}
	u.of = nil
	out, err := u.unpack(d.packed, b)
	if err == nil {
		u.of, u.off = f, d.off
	}
	return out, err
}

// hash is what the file's writer made of a field.
func (f *file) hash(field []byte) uint64 {
	if f.keyed {
		return siphash(f.id, field)
	}
	return jenkins(field)
}

// verify says whether the field at off is what was written: there are no check
// sums, but its hash is stored with it. What it returns is the hash that entries
// are made of, which is never keyed.
func (f *file) verify(off uint64, u *unpacker) (uint64, error) {
	d, err := f.dataAt(off)
	if err != nil {
		return 0, err
	}
	p, all, err := f.payload(d, maxPlain, u)
	u.spent += int64(len(p))
	switch {
	case err != nil:
		return 0, err
	case !all:
		return 0, errBig
	case f.hash(p) != d.hash:
		return 0, fmt.Errorf("data at %#x: not what its hash says", off)
	}
	return jenkins(p), nil
}

// maxChain is how many fields of one place in the hash table are looked at.
// journald starts a new file at 100 (systemd 246).
const maxChain = 1 << 14

// lookUp finds the data object of a field; false when the file has none.
func (f *file) lookUp(text []byte, u *unpacker) (data, bool, error) {
	hash := f.hash(text)
	places := f.tableLen / 16
	if places == 0 || f.tableLen > f.end || f.table > f.end-f.tableLen {
		return data{}, false, errors.New("the table of fields is not in the file")
	}
	b, err := f.at(f.table+hash%places*16, 8)
	if err != nil {
		return data{}, false, fmt.Errorf("table of fields: %w", err)
	}
	off := le.Uint64(b)
	for range maxChain {
		if off == 0 || off > f.tail {
			return data{}, false, nil
		}
		d, err := f.dataAt(off)
		switch {
		case err != nil:
			return d, false, err
		case d.hash%places != hash%places || d.next != 0 && d.next <= off:
			return d, false, fmt.Errorf("data at %#x: in the wrong chain", off)
		case d.hash == hash:
			p, all, err := f.payload(d, len(text), u)
			if err == nil && !(all && bytes.Equal(p, text)) {
				err = fmt.Errorf("data at %#x: not what its hash says", off)
			}
			return d, err == nil, err
		}
		off = d.next
	}
	return data{}, false, fmt.Errorf("more than %d fields in a chain", maxChain)
}

const (
	// maxName is how much of a field is compared with terms: a unit's name has at
	// most 255 bytes.
	maxName = 300
	// maxClasses is how many fields are remembered for a file.
	maxClasses = 1 << 13
)

// class tells what the field at off says of its entry.
func (r *reader) class(f *file, off uint64) (class, error) {
	if c := f.classes[off]; c != 0 {
		return c, nil
	}
	d, err := f.dataAt(off)
	if err != nil {
		return 0, err
	}
	p, all, err := f.payload(d, maxName, &r.unpack)
	if err != nil {
		return 0, err
	}
	c := r.says(p, all)
	if d.n != 1 {
		if f.classes == nil || len(f.classes) >= maxClasses {
			f.classes = make(map[uint64]class)
		}
		f.classes[off] = c
	}
	return c, nil
}

func (r *reader) says(field []byte, whole bool) class {
	switch {
	case bytes.HasPrefix(field, message):
		return classKnown | classMessage
	case bytes.HasPrefix(field, container), bytes.Equal(field, audit):
		return classKnown | classForeign
	case whole:
		for _, t := range r.terms {
			if bytes.Equal(field, t.text) {
				return classKnown | t.class
			}
		}
	}
	return classKnown
}
