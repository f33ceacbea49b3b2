package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// LogRequest says which log lines are wanted of this host.
type LogRequest struct {
	// Node is the host's name, for gaps.
	Node string
	// Windows are by this host's clock.
	Windows []fact.Window
	// Root is the folder that stands for /; empty: this host's own.
	Root string
	// EngineLogs are text logs of the engine in other places than the usual ones.
	// They are asked first.
	EngineLogs []string
	// Kmsg reads the kernel's ring buffer where no log has lines of the kernel. It is
	// that of this host, whatever Root is.
	Kmsg bool
	// MaxLines and MaxBytes bound what is kept; 0: nothing is.
	MaxLines int
	MaxBytes int64
}

// Logs reads what the engine and the kernel logged in the windows: from the first
// place that has lines of a window, so that none is there twice. The places are
// EngineLogs, systemd's journal, and the usual text files; rotated ones, too. Lines
// come without secrets. Where there are too many, those go first that say nothing
// known, the oldest first.
//
// A log that has nothing of the windows is no gap, but no log is, and one that
// cannot be read.
func Logs(ctx context.Context, req LogRequest) (*fact.Said, []fact.Gap) {
	l := hearing{ctx: ctx, req: req, sources: sources(req), kept: kept{lines: req.MaxLines, bytes: req.MaxBytes}}
	windows := fact.MergedWindows(req.Windows)
	for _, w := range windows {
		l.window(w)
	}
	l.ring(windows)
	l.missing(windows)
	return l.said(windows), l.gaps
}

// hearing is one reading of this host's logs.
type hearing struct {
	ctx     context.Context
	req     LogRequest
	sources []*source
	kept    kept
	gaps    []fact.Gap
	// silent are the windows without a line of the kernel in any log.
	silent []fact.Window
}

// window asks the sources for one window, each for what the ones before it lack.
func (l *hearing) window(w fact.Window) {
	want := lookup{from: w.From, to: w.To, engine: true, kernel: true}
	for _, s := range l.sources {
		q := want
		q.engine, q.kernel = want.engine && s.engine, want.kernel && s.kernel
		if !q.engine && !q.kernel || l.ctx.Err() != nil {
			continue
		}
		engine, kernel := l.take(s, q)
		want.engine, want.kernel = want.engine && engine == 0, want.kernel && kernel == 0
	}
	if want.kernel {
		l.silent = append(l.silent, w)
	}
}

// take keeps what a source has, and counts it by who wrote it.
func (l *hearing) take(s *source, q lookup) (engine, kernel int) {
	s.failed(s.read(l.ctx, q, func(at time.Time, from fact.LogFrom, text []byte) bool {
		if from == fact.FromKernel {
			kernel++
		} else {
			engine++
		}
		l.kept.add(s, at, from, text)
		return true
	}))
	s.spoke = s.spoke || engine > 0
	return engine, kernel
}

// ring reads the kernel's ring buffer for windows without a line of the kernel.
func (l *hearing) ring(windows []fact.Window) {
	if !l.req.Kmsg || len(l.silent) == 0 {
		return
	}
	s := &source{name: "/dev/kmsg", kind: "kmsg", kernel: true, exists: true}
	l.sources = append(l.sources, s)
	s.err = kmsg(l.ctx, func(at time.Time, text []byte) {
		if slices.ContainsFunc(l.silent, func(w fact.Window) bool { return !at.Before(w.From) && !at.After(w.To) }) {
			l.kept.add(s, at, fact.FromKernel, text)
		}
	})
}

// said is what was heard.
func (l *hearing) said(windows []fact.Window) *fact.Said {
	out := &fact.Said{Windows: windows}
	for _, k := range l.kept.finish() {
		out.Lines = append(out.Lines, k.line)
		if k.means != nil {
			out.Statements = append(out.Statements, *k.means)
		}
	}
	for _, s := range l.sources {
		if s.seen() {
			out.Sources = append(out.Sources, s.fact())
		}
	}
	return out
}

// missing says what could not be heard.
func (l *hearing) missing(windows []fact.Window) {
	if err := l.ctx.Err(); err != nil {
		l.gap(classOf(err), "read its logs: "+err.Error(), "ask for a shorter time, or for fewer nodes")
		return
	}
	if len(windows) == 0 {
		return
	}
	from, to := windows[0].From, windows[len(windows)-1].To
	speaker := slices.ContainsFunc(l.sources, func(s *source) bool { return s.spoke })
	for _, s := range l.sources {
		if !speaker && s.engine && s.speaks(l.ctx, from, to) {
			s.spoke, speaker = true, true
		}
	}
	if !speaker && l.later(to) {
		return
	}
	if !speaker {
		l.noLog()
		return
	}
	for _, s := range l.sources {
		if slices.Contains(l.req.EngineLogs, s.name) && !s.exists && s.err != nil {
			l.gap(classOf(s.err), "read the engine's log: "+l.told(s.err), "name its log by `--engine-log PATH`")
		}
	}
	begins, name := time.Time{}, ""
	for _, s := range l.sources {
		if !s.spoke {
			continue
		}
		if at := s.begins(l.ctx); !at.IsZero() && (begins.IsZero() || at.Before(begins)) {
			begins, name = at, s.name
		}
	}
	if begins.After(from) {
		l.gap(fact.ClassAside, fmt.Sprintf("read the engine's log from %s on: its log begins at %s (%s)",
			from.UTC().Format(time.RFC3339), begins.UTC().Format(time.RFC3339), name), "")
	}
}

// later tells of a log that begins only after what was asked for; false: there is
// none that is the engine's for sure.
func (l *hearing) later(than time.Time) bool {
	for _, s := range l.sources {
		if !s.engine || s.kind != "journal" && !s.own {
			continue
		}
		if at := s.begins(l.ctx); at.After(than) {
			l.gap(fact.ClassNotExist, fmt.Sprintf("read the engine's log up to %s: its log begins at %s (%s)",
				than.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339), s.name), "what was logged before is gone: ask for a later time")
			return true
		}
	}
	return false
}

// noLog is the gap where the engine's log was not found.
func (l *hearing) noLog() {
	var names []string
	for _, s := range l.sources {
		if s.engine && errors.Is(s.err, fs.ErrPermission) {
			l.gap(fact.ClassPermission, "read the engine's log: "+l.told(s.err), "run fairway as root, or `fairway deploy` anew: its agents read logs")
			return
		}
		switch {
		case !s.engine:
		case s.own && !s.written.IsZero():
			names = append(names, fmt.Sprintf("%s (last written %s)", s.name, s.written.UTC().Format(time.RFC3339)))
		default:
			names = append(names, s.name)
		}
	}
	l.gap(fact.ClassNotExist, "find the engine's log: it logs neither to "+strings.Join(names, ", nor to "),
		"name its log by `--engine-log PATH`; an agent that an older fairway left there reads none: `fairway deploy` anew")
}

// told is an error with the paths as they are on the host.
func (l *hearing) told(err error) string {
	if l.req.Root == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), l.req.Root, "")
}

func (l *hearing) gap(class fact.Class, reason, do string) {
	l.gaps = append(l.gaps, fact.Gap{Node: l.req.Node, Kind: fact.KindLogs, Class: class, Reason: fact.OneLine(reason), Do: do})
}

// at is a path below the root.
func (r *LogRequest) at(name string) string {
	if r.Root == "" {
		return name
	}
	return filepath.Join(r.Root, name)
}
