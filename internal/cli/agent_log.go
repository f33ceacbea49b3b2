package cli

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// agentLines is how many lines an agent may write in a minute: a flood of
// strangers must not fill somebody's disk.
const agentLines = 120

// agentLog writes lines of key=value.
func agentLog(w io.Writer, level slog.Level, now func() time.Time) *slog.Logger {
	return slog.New(&sparing{Handler: slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}), now: now})
}

// sparing leaves out what is more than agentLines in a minute, and says how
// much it was.
type sparing struct {
	slog.Handler
	now func() time.Time

	mu      sync.Mutex
	minute  time.Time
	lines   int
	dropped int
}

func (s *sparing) Handle(ctx context.Context, r slog.Record) error {
	s.mu.Lock()
	if now := s.now(); now.Sub(s.minute) >= time.Minute || now.Before(s.minute) {
		s.minute, s.lines = now, 0
	}
	if s.lines++; s.lines > agentLines {
		s.dropped++
		s.mu.Unlock()
		return nil
	}
	if s.dropped > 0 {
		r.AddAttrs(slog.Int("left_out", s.dropped))
		s.dropped = 0
	}
	s.mu.Unlock()
	return s.Handler.Handle(ctx, r)
}

// WithAttrs and WithGroup would lose the count; the agent uses neither.
func (s *sparing) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s *sparing) WithGroup(string) slog.Handler      { return s }
