package textlog

import (
	"bytes"
	"strings"
	"time"
)

// Slack is how far stamps may run backwards from one line to a later one without
// a line being missed; wallSlack where stamps have no zone, because an hour comes
// twice when summer time ends.
const (
	Slack     = 5 * time.Minute
	wallSlack = time.Hour + Slack
)

// stamp is when a line was written, and what stands behind that.
type stamp struct {
	at   time.Time
	rest []byte
	// own: the line has the form of the engine itself, time="…" level=… msg=….
	own bool
	// wall: no zone is told. coarse: whole seconds only.
	wall, coarse bool
}

func (s stamp) slack() time.Duration {
	if s.wall {
		return wallSlack
	}
	return Slack
}

// clock reads stamps that lack a zone or a year.
type clock struct {
	zone *time.Location
	// latest is a little after the file was written last: a stamp without a year is
	// of the last year in which it is not later.
	latest time.Time
}

func newClock(zone *time.Location, written time.Time) clock {
	if zone == nil {
		zone = time.UTC
	}
	return clock{zone: zone, latest: written.Add(25 * time.Hour).In(zone)}
}

var ownStamp = []byte(`time="`)

// read finds the stamp at the start of a line.
func (c clock) read(line []byte) (stamp, bool) {
	switch {
	case len(line) < 15:
		return stamp{}, false
	case line[0] >= '0' && line[0] <= '9':
		return c.iso(line, " \t")
	case line[0] == 't' && bytes.HasPrefix(line, ownStamp):
		s, ok := c.iso(line[len(ownStamp):], `"`)
		s.rest, s.own = line, true
		return s, ok
	case line[0] >= 'A' && line[0] <= 'S':
		return c.classic(line)
	}
	return stamp{}, false
}

// iso reads RFC 3339 (rsyslog's default since 8.2212 in Debian, and the engine's
// own), with a blank for the T, a comma for the point and no zone, too.
func (c clock) iso(b []byte, ends string) (stamp, bool) {
	p := parser{b: b}
	year := p.number(4)
	p.one("-")
	month := p.number(2)
	p.one("-")
	day := p.number(2)
	p.one("T t")
	t := p.time()
	offset, zoned := p.zone()
	if len(p.b) > 0 {
		p.one(ends)
	}
	if p.bad || !t.valid(year, month, day) {
		return stamp{}, false
	}
	s := stamp{rest: p.b, wall: !zoned, coarse: !t.fraction}
	if zoned {
		s.at = t.on(year, month, day, time.UTC).Add(-offset)
	} else {
		s.at = firstTime(t.on(year, month, day, c.zone))
	}
	return s, true
}

// classic reads the stamp of RFC 3164: Nov 23 10:00:00, the day padded with a blank.
func (c clock) classic(b []byte) (stamp, bool) {
	month := 1 + bytes.Index(months, b[:3])/3
	if b[3] != ' ' || !bytes.Equal(months[3*(month-1):3*month], b[:3]) {
		return stamp{}, false
	}
	p := parser{b: b[4:]}
	if p.b[0] == ' ' {
		p.b = p.b[1:]
	}
	day := p.upTo(2)
	p.one(" ")
	t := p.time()
	if len(p.b) > 0 {
		p.one(" ")
	}
	year := c.latest.Year()
	// A 29th of February may be up to eight years ago.
	for oldest := year - 8; year >= oldest && !p.bad; year-- {
		if !t.valid(year, month, day) {
			continue
		}
		if at := firstTime(t.on(year, month, day, c.zone)); !at.After(c.latest) {
			return stamp{at: at, rest: p.b, wall: true, coarse: !t.fraction}, true
		}
	}
	return stamp{}, false
}

var months = []byte("JanFebMarAprMayJunJulAugSepOctNovDec")

// again is the other meaning of a stamp in the hour that comes twice, if the line
// before it shows that it is the second time.
func (c clock) again(s stamp, before time.Time) time.Time {
	if s.wall && before.Sub(s.at) > wallSlack/2 && sameFace(s.at, time.Hour) {
		return s.at.Add(time.Hour)
	}
	return s.at
}

// firstTime is the earlier meaning of a time that a clock on the wall may have shown
// twice: which one time.Date takes depends on the zone.
func firstTime(at time.Time) time.Time {
	if sameFace(at, -time.Hour) {
		return at.Add(-time.Hour)
	}
	return at
}

// sameFace says whether a clock on the wall shows the same so much later.
func sameFace(at time.Time, later time.Duration) bool {
	_, now := at.Zone()
	_, then := at.Add(later).Zone()
	return time.Duration(now-then)*time.Second == later
}

// timeOfDay is what stands behind the date.
type timeOfDay struct {
	hour, minute, second, nano int
	fraction                   bool
}

func (t timeOfDay) valid(year, month, day int) bool {
	return year > 0 && month >= 1 && month <= 12 && day >= 1 && t.hour < 24 && t.minute < 60 && t.second <= 60 &&
		(day <= 28 || day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day())
}

func (t timeOfDay) on(year, month, day int, zone *time.Location) time.Time {
	return time.Date(year, time.Month(month), day, t.hour, t.minute, t.second, t.nano, zone)
}

// parser eats bytes from the front; bad says that something else stood there.
type parser struct {
	b   []byte
	bad bool
}

// number eats exactly n digits.
func (p *parser) number(n int) int {
	if len(p.b) < n {
		p.bad = true
		return 0
	}
	v := 0
	for _, c := range p.b[:n] {
		p.bad = p.bad || c < '0' || c > '9'
		v = 10*v + int(c-'0')
	}
	p.b = p.b[n:]
	return v
}

// upTo eats one to n digits.
func (p *parser) upTo(n int) (v int) {
	i := 0
	for ; i < n && i < len(p.b) && p.b[i] >= '0' && p.b[i] <= '9'; i++ {
		v = 10*v + int(p.b[i]-'0')
	}
	p.b, p.bad = p.b[i:], p.bad || i == 0
	return v
}

// one eats one of these bytes.
func (p *parser) one(of string) {
	if len(p.b) == 0 || p.b[0] != of[0] && strings.IndexByte(of[1:], p.b[0]) < 0 {
		p.bad = true
		return
	}
	p.b = p.b[1:]
}

func (p *parser) time() (t timeOfDay) {
	t.hour = p.number(2)
	p.one(":")
	t.minute = p.number(2)
	p.one(":")
	t.second = p.number(2)
	if len(p.b) < 2 || p.b[0] != '.' && p.b[0] != ',' {
		return t
	}
	p.b, t.fraction = p.b[1:], true
	had := len(p.b)
	t.nano = p.upTo(9)
	for i := had - len(p.b); i < 9; i++ {
		t.nano *= 10
	}
	return t
}

// zone eats Z, +01:00 or +0100; without any of them nothing is told.
func (p *parser) zone() (offset time.Duration, told bool) {
	if len(p.b) == 0 {
		return 0, false
	}
	sign := time.Duration(1)
	switch p.b[0] {
	case 'Z', 'z':
		p.b = p.b[1:]
		return 0, true
	case '-':
		sign = -1
	case '+':
	default:
		return 0, false
	}
	p.b = p.b[1:]
	hours := p.number(2)
	if len(p.b) > 0 && p.b[0] == ':' {
		p.b = p.b[1:]
	}
	return sign * (time.Duration(hours)*time.Hour + time.Duration(p.number(2))*time.Minute), true
}
