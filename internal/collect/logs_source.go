package collect

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"fairway/internal/collect/journal"
	"fairway/internal/collect/textlog"
	"fairway/internal/fact"
)

// lookup is what is asked of a log.
type lookup struct {
	from, to       time.Time
	engine, kernel bool
}

// hear takes one line; false: no more are wanted.
type hear func(at time.Time, from fact.LogFrom, text []byte) bool

// source is one place where lines may be.
type source struct {
	// name is its path on the host, kind as in fact.LogSource.
	name, kind string
	// engine and kernel say whose lines are looked for in it.
	engine, kernel bool
	read           func(context.Context, lookup, hear) error

	// own: it is a text log of the engine alone. first is its oldest stamp, written
	// when it was written last.
	own            bool
	first, written time.Time

	// exists: there is something to read; spoke: it has lines of the engine; err is
	// why it could not be read.
	exists, spoke bool
	err           error
	lines, left   int
	damage        []string
}

// sources are the places where logs are looked for, in that order.
func sources(req LogRequest) []*source {
	var out []*source
	add := func(name string, s source) {
		if !slices.ContainsFunc(out, func(o *source) bool { return o.name == name }) {
			out = append(out, textSource(req, name, s))
		}
	}
	usual := []string{"/var/log/daemon.log", "/var/log/syslog", "/var/log/messages"} // of everybody
	for _, name := range req.EngineLogs {
		add(name, source{engine: true, kernel: slices.Contains(usual, name), own: !slices.Contains(usual, name)})
	}
	out = append(out, journalSource(req))
	add("/var/log/docker.log", source{engine: true, own: true})
	add(usual[0], source{engine: true})
	add("/var/log/kern.log", source{kernel: true})
	add(usual[1], source{engine: true, kernel: true})
	add(usual[2], source{engine: true, kernel: true})
	return out
}

// journalSource is systemd's journal; one that is kept over boots and one that is
// not may both be there.
func journalSource(req LogRequest) *source {
	s := &source{name: "/var/log/journal", kind: "journal", engine: true, kernel: true}
	var dirs, there []string
	for _, dir := range []string{"/var/log/journal", "/run/log/journal"} {
		dirs = append(dirs, req.at(dir))
		if _, err := os.Stat(req.at(dir)); err == nil {
			there = append(there, dir)
		}
	}
	s.name = cmp.Or(strings.Join(there, " and "), s.name)
	s.read = func(ctx context.Context, q lookup, each hear) error {
		st, err := journal.Read(ctx, dirs, journal.Query{From: q.from, To: q.to, Engine: q.engine, Kernel: q.kernel},
			func(e journal.Entry) bool { return each(e.At, writer(e.Kernel), e.Message) })
		s.exists = s.exists || st.Files > 0
		s.hurt(req, st.Damage)
		return err
	}
	return s
}

// textSource is a text log and what was rotated out of it.
func textSource(req LogRequest, name string, s source) *source {
	s.name, s.kind = name, "text"
	zone := time.Local
	if req.Root != "" {
		zone = nil // somebody else's; the log tells it
	}
	s.read = func(ctx context.Context, q lookup, each hear) error {
		st, err := textlog.Read(ctx, req.at(name), textlog.Query{From: q.from, To: q.to, Engine: q.engine, Kernel: q.kernel, Own: s.own, Zone: zone},
			func(e textlog.Entry) bool { return each(e.At, writer(e.Kernel), e.Message) })
		s.exists = s.exists || err == nil
		if !st.First.IsZero() && (s.first.IsZero() || st.First.Before(s.first)) {
			s.first = st.First
		}
		s.written = st.Written
		s.hurt(req, st.Damage)
		return err
	}
	return &s
}

func writer(kernel bool) fact.LogFrom {
	if kernel {
		return fact.FromKernel
	}
	return fact.FromEngine
}

// hurt notes damage, once.
func (s *source) hurt(req LogRequest, damage []string) {
	for _, d := range damage {
		if req.Root != "" {
			d = strings.ReplaceAll(d, req.Root, "")
		}
		if d = fact.OneLine(d); !slices.Contains(s.damage, d) {
			s.damage = append(s.damage, d)
		}
	}
}

// failed keeps the first reason why it could not be read.
func (s *source) failed(err error) {
	if s.err == nil {
		s.err = err
	}
}

// fact is what a report says of it.
func (s *source) fact() fact.LogSource {
	const most = 5
	damage := s.damage
	if s.err != nil && len(damage) == 0 {
		damage = []string{fact.OneLine(s.err.Error())}
	}
	if len(damage) > most {
		damage = append(slices.Clone(damage[:most]), "…")
	}
	return fact.LogSource{Name: s.name, Kind: s.kind, Lines: s.lines, Left: s.left, Damage: strings.Join(damage, "; ")}
}

// seen: it is there, or is known to be there.
func (s *source) seen() bool {
	return s.exists || s.err != nil && !errors.Is(s.err, fs.ErrNotExist)
}

// quiet is how long an engine that is part of a Swarm may say nothing: NetworkDB's
// statistics come every 5 minutes (17.12 and later), but only at level info.
const quiet = 24 * time.Hour

// speaks says whether the engine logs here though it said nothing in the windows.
func (s *source) speaks(ctx context.Context, from, to time.Time) bool {
	if s.own {
		return !s.first.IsZero() && !s.first.After(to) && !s.written.Before(from.Add(-quiet))
	}
	q := lookup{from: from.Add(-quiet), to: to, engine: true}
	found := false
	s.failed(s.read(ctx, q, func(time.Time, fact.LogFrom, []byte) bool { found = true; return false }))
	return found
}

// begins is the oldest of its stamps; zero: not known.
func (s *source) begins(ctx context.Context) time.Time {
	if s.kind == "journal" {
		s.failed(s.read(ctx, lookup{engine: true}, func(at time.Time, _ fact.LogFrom, _ []byte) bool { s.first = at; return false }))
	}
	return s.first
}
