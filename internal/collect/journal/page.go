package journal

import (
	"errors"
	"io"
)

// A page is what is read at once; all files share the pages that are kept.
const (
	pageLen  = 16 << 10
	maxPages = 256
	// maxReads bounds one run: 32 GiB, more than a host's journals have.
	maxReads = 2 << 20
)

// pages keeps the parts of files that were read last.
type pages struct {
	slots [maxPages]page
	read  int
}

type page struct {
	of *file
	no uint64
	n  int
	b  []byte
}

// get returns a page of a file, shorter at the file's end. It is valid until the
// next call.
func (p *pages) get(f *file, no uint64) ([]byte, error) {
	s := &p.slots[(no+f.seed)%maxPages]
	if s.of == f && s.no == no {
		return s.b[:s.n], nil
	}
	if s.b == nil {
		s.b = make([]byte, pageLen)
	}
	if p.read++; p.read > maxReads {
		return nil, errSpent
	}
	s.of = nil
	n, err := f.data.ReadAt(s.b, int64(no*pageLen))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	s.of, s.no, s.n = f, no, n
	return s.b[:n], nil
}
