package textlog

import (
	"bytes"
	"io"
)

// MaxLine is how much of a line is kept, in bytes; the rest of it is skipped. The
// same bound holds for a line together with those that continue it.
const MaxLine = 64 << 10

// lines cuts a stream into lines. A NUL ends a line, too: after a power failure
// file systems leave blocks of them, and the next boot writes on behind.
type lines struct {
	r   io.Reader
	buf []byte
	// buf[lo:hi] is not used yet; the file has it from at on.
	lo, hi int
	at     int64
	// chunk is how much to ask for next: little at first, for look-ups.
	chunk int
	// skip: what comes up to the next end of a line is no line.
	skip bool
	// open: the line that was returned last has no end, the stream had.
	open bool
	err  error
}

const (
	firstChunk = 4 << 10
	allBuffer  = 2 * MaxLine
)

// reset starts over; at is where in the file r is, and skip drops the line it is in.
func (l *lines) reset(r io.Reader, at int64, skip bool) {
	if l.buf == nil {
		l.buf = make([]byte, allBuffer)
	}
	*l = lines{r: r, buf: l.buf, at: at, skip: skip, chunk: firstChunk}
}

// next returns a line that is not empty, and where it starts. It is valid until
// the next call. Without one, err says why, nil: the end.
func (l *lines) next() (line []byte, at int64, ok bool) {
	for {
		for l.lo < l.hi && l.buf[l.lo] == 0 {
			l.drop(1)
			l.skip = false
		}
		at, skip := l.at, l.skip
		line, ok := l.cut()
		if !ok {
			return nil, 0, false
		}
		if line = bytes.TrimSuffix(line, []byte("\r")); !skip && len(line) > 0 {
			return line, at, true
		}
	}
}

// cut takes what is up to the next end of a line, or as much as may be kept.
func (l *lines) cut() ([]byte, bool) {
	for looked := 0; ; {
		have := l.buf[l.lo:l.hi]
		if i := end(have[looked:]); i >= 0 {
			l.drop(looked + i + 1)
			l.skip = false
			return have[:min(looked+i, MaxLine)], true
		}
		if len(have) == len(l.buf) {
			l.drop(len(have))
			l.skip = true
			return have[:MaxLine], true
		}
		looked = len(have)
		if !l.fill() {
			l.drop(looked)
			l.open = true
			return have[:min(looked, MaxLine)], looked > 0
		}
	}
}

func (l *lines) drop(n int) { l.lo, l.at = l.lo+n, l.at+int64(n) }

// end finds the end of a line.
func end(b []byte) int {
	i := bytes.IndexByte(b, '\n')
	if i >= 0 {
		b = b[:i]
	}
	if nul := bytes.IndexByte(b, 0); nul >= 0 {
		return nul
	}
	return i
}

// fill reads on. The bytes in hand move to the front if there is no room behind.
func (l *lines) fill() bool {
	if l.err != nil {
		return false
	}
	if len(l.buf)-l.hi < l.chunk {
		copy(l.buf, l.buf[l.lo:l.hi])
		l.lo, l.hi = 0, l.hi-l.lo
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.hi:min(l.hi+l.chunk, len(l.buf))])
		l.hi += n
		l.err = err
		if n > 0 || err != nil {
			l.chunk = min(4*l.chunk, allBuffer/2)
			return n > 0
		}
	}
	l.err = io.ErrNoProgress
	return false
}

// ended says whether all that the stream had was taken.
func (l *lines) ended() bool { return l.err == io.EOF && l.lo == l.hi }

// trouble is what ended the stream early.
func (l *lines) trouble() error {
	if l.err == io.EOF {
		return nil
	}
	return l.err
}
