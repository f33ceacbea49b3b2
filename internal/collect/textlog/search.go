package textlog

import (
	"io"
	"time"
)

// Stretch is how many bytes of a file may have wrong stamps in one go without a
// line elsewhere being missed.
const Stretch = 64 << 10

const (
	// near ends the search: reading so much is as fast as looking once more.
	near = 32 << 10
	// lookFor is how far a look-up goes for a line with a stamp.
	lookFor = 1 << 20
)

// search returns where the first line may start that is not before from: every line
// ahead of that place is.
//
// It is bisection for stamps that need not be in order. A place is known to be ahead
// of the window if the line there is more than the slack before it, and so is the
// one a stretch further on: a short stretch of wrong stamps cannot hold both. Near
// the end there is none further on, so no place there is known to be ahead.
// Whatever else is found only costs time.
func (f *file) search(l *lines, from time.Time) (int64, error) {
	lo, hi := int64(0), f.size
	for hi-lo > near {
		mid := lo + (hi-lo)/2
		at, ahead := f.ahead(l, mid, from)
		if err := l.trouble(); err != nil {
			return 0, err
		}
		if ahead {
			lo = at
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// ahead says whether all lines before the first one behind pos are before from, and
// where that one starts.
func (f *file) ahead(l *lines, pos int64, from time.Time) (int64, bool) {
	s, at, ok := f.stampBehind(l, pos)
	if !ok || at+Stretch >= f.size || !s.at.Before(from.Add(-s.slack())) {
		return 0, false
	}
	s, _, ok = f.stampBehind(l, at+Stretch)
	return at, ok && s.at.Before(from.Add(-s.slack()))
}

// stampBehind finds the first line with a stamp that starts at pos or behind it.
func (f *file) stampBehind(l *lines, pos int64) (stamp, int64, bool) {
	start := max(pos-1, 0)
	l.reset(io.NewSectionReader(f, start, min(f.size-start, lookFor)), start, pos > 0)
	return firstStamp(l, f.clock)
}

func firstStamp(l *lines, c clock) (stamp, int64, bool) {
	for {
		line, at, ok := l.next()
		if !ok {
			return stamp{}, 0, false
		}
		if s, ok := c.read(line); ok {
			return s, at, true
		}
	}
}

// ownZone tells the zone of a file's stamps from its last one and from when the file
// was written; nil: they tell none, or the one that was handed in. In a container
// nobody else knows the zone of the host's logs.
func (f *file) ownZone() *time.Location {
	const (
		grid  = 15 * time.Minute // of all zones there are
		delay = 3 * time.Second  // between stamp and write
	)
	var l lines
	start := max(f.size-Stretch, 0)
	l.reset(io.NewSectionReader(f, start, f.size-start), start, start > 0)
	var last stamp
	for s, _, ok := firstStamp(&l, f.clock); ok; s, _, ok = firstStamp(&l, f.clock) {
		last = s
	}
	written := f.info.ModTime()
	// How much the clock that is handed in lags behind the one on the wall there.
	ahead := last.at.Add(delay).Sub(written).Truncate(time.Second)
	wrong := ahead.Round(grid)
	if !last.wall || wrong == 0 || wrong.Abs() > 26*time.Hour || ahead-wrong < 0 || ahead-wrong > delay+time.Second {
		return nil
	}
	_, offset := last.at.Zone()
	return time.FixedZone("", offset+int(wrong/time.Second))
}
