package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// What an object is (its first byte).
const (
	kindData = iota + 1
	kindField
	kindEntry
	kindDataTable
	kindFieldTable
	kindArray
)

// Flags of a file which a reader has to understand.
const (
	flagXZ = 1 << iota
	flagLZ4
	flagKeyed
	flagZstd
	flagCompact
	flagsKnown = flagXZ | flagLZ4 | flagKeyed | flagZstd | flagCompact
)

// headerLen is that of the first version (systemd 187); of what was added later we
// need nothing.
const headerLen = 208

// stateOnline is a file that is being written, or was when the machine died.
const stateOnline = 1

// objectLen is how long the head of every object is: kind, flags, size.
const objectLen = 16

// file is one journal as it was when it was opened: what is appended later is not
// looked at.
type file struct {
	path  string
	info  fs.FileInfo
	data  io.ReaderAt
	shut  io.Closer
	pages *pages
	// seed keeps equal pages of many files apart.
	seed uint64

	id [16]byte
	// counter names who numbered the entries: files of one machine share it.
	counter        [16]byte
	keyed, compact bool
	// start and end are where objects are.
	start, end uint64
	// tail is the last object that was there when the file was opened; all of them
	// if nobody writes to it.
	tail             uint64
	table, tableLen  uint64 // the hash table of data
	entries, entered uint64 // first array of entries, number of entries
	headTime         uint64
	tailTime         uint64

	// scratch is for objects that are on two pages.
	scratch []byte
	classes map[uint64]class
	lists   []*list
	rescued bool
	// last is the entry that was read last, read how many fields were.
	last, read uint64
	// damage is the first, hurts how many there were.
	damage string
	hurts  int
	// next is what is delivered next of this file; its place is 0 if nothing is left.
	next entry
}

var (
	errShort = errors.New("behind the end of the file")
	errPlace = errors.New("not a place of an object")
)

// openFile opens a journal. Only regular files are read: a link or a pipe could
// lead anywhere.
func openFile(path string, p *pages) (*file, error) {
	o, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	info, err := o.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	f, err := newFile(path, o, info.Size(), p)
	if err != nil {
		o.Close()
		return nil, err
	}
	f.info, f.shut = info, o
	return f, nil
}

// newFile is a journal of so many bytes.
func newFile(path string, data io.ReaderAt, size int64, p *pages) (*file, error) {
	f := &file{path: path, data: data, pages: p}
	if err := f.header(uint64(size)); err != nil {
		return nil, fmt.Errorf("read journal %s: %w", path, err)
	}
	return f, nil
}

func (f *file) close() {
	if f.shut != nil {
		f.shut.Close()
	}
}

// header reads the head of a file of that size.
func (f *file) header(size uint64) error {
	h := make([]byte, headerLen)
	if size < headerLen {
		return errShort
	}
	if _, err := f.data.ReadAt(h, 0); err != nil {
		return fmt.Errorf("header: %w", endless(err))
	}
	if string(h[:8]) != "LPKSHHRH" {
		return errors.New("this is no journal")
	}
	flags := le.Uint32(h[12:])
	if more := flags &^ flagsKnown; more != 0 {
		return fmt.Errorf("written by a newer systemd: flags %#x are not known", more)
	}
	f.keyed, f.compact = flags&flagKeyed != 0, flags&flagCompact != 0
	copy(f.id[:], h[24:])
	copy(f.counter[:], h[72:])
	f.start = le.Uint64(h[88:])
	if f.start < headerLen || f.start > size || f.start%8 != 0 {
		return fmt.Errorf("header of %d bytes", f.start)
	}
	f.end = size
	f.table, f.tableLen = le.Uint64(h[104:]), le.Uint64(h[112:])
	f.tail = ^uint64(0)
	if h[16] == stateOnline {
		f.tail = le.Uint64(h[136:])
	}
	f.entered = min(le.Uint64(h[152:]), size/entryLen)
	f.entries = le.Uint64(h[176:])
	f.headTime, f.tailTime = le.Uint64(h[184:]), le.Uint64(h[192:])
	if arena := le.Uint64(h[96:]); arena > size-f.start {
		f.hurt(fmt.Errorf("truncated: %d of %d bytes are there", size-f.start, arena))
	}
	return nil
}

// outside says that no entry can be of the window.
func (f *file) outside(from, to uint64) bool {
	if f.entered == 0 {
		return true
	}
	return f.headTime <= f.tailTime && (f.tailTime < from || f.headTime > to)
}

func (f *file) hurt(err error) {
	if f.hurts++; f.hurts == 1 {
		f.damage = err.Error()
	}
}

func (f *file) damaged() string {
	if f.hurts > 1 {
		return fmt.Sprintf("read journal %s: %s (and %d more)", f.path, f.damage, f.hurts-1)
	}
	return fmt.Sprintf("read journal %s: %s", f.path, f.damage)
}

// at returns bytes of the file. They are valid until the next call.
func (f *file) at(off uint64, n int) ([]byte, error) {
	if off > f.end || uint64(n) > f.end-off {
		return nil, errShort
	}
	page := off / pageLen
	if (off+uint64(n)-1)/pageLen == page || n == 0 {
		b, err := f.pages.get(f, page)
		in := int(off % pageLen)
		if err != nil || in+n > len(b) {
			return nil, endless(err)
		}
		return b[in : in+n], nil
	}
	if cap(f.scratch) < n {
		f.scratch = make([]byte, n, n+n/2)
	}
	b := f.scratch[:n]
	if read, err := f.data.ReadAt(b, int64(off)); read < n {
		return nil, endless(err)
	}
	return b, nil
}

// object returns the first n bytes of the object at off, and how long it is. It
// has to be of that kind.
func (f *file) object(off uint64, kind byte, n int) ([]byte, uint64, error) {
	if off < f.start || off%8 != 0 {
		return nil, 0, errPlace
	}
	b, err := f.at(off, n)
	if err != nil {
		return nil, 0, err
	}
	size := le.Uint64(b[8:])
	switch {
	case b[0] != kind:
		return nil, 0, fmt.Errorf("an object of kind %d instead of %d", b[0], kind)
	case size < uint64(n):
		return nil, 0, fmt.Errorf("an object of %d bytes", size)
	case size > f.end-off:
		return nil, 0, errShort
	}
	return b, size, nil
}

// endless is err, or, where there is none, that a file became shorter.
func endless(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}
