package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"fairway/internal/fact"
)

// refused is an engine's answer other than 200.
type refused struct {
	status int
	says   string
}

func (r *refused) Error() string {
	if r.says == "" {
		return fmt.Sprintf("the engine answered %d %s", r.status, http.StatusText(r.status))
	}
	return "the engine says: " + r.says
}

// get asks one question within the limit and hands the answer's body to read.
func (e *Engine) get(ctx context.Context, path string, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path, nil)
	if err != nil {
		return err
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return within(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return readRefusal(resp)
	}
	if err := read(resp.Body); err != nil {
		return within(ctx, err)
	}
	// An answer read to its end leaves the connection fit for the next question;
	// whether that works says nothing about the answer.
	_, _ = io.CopyN(io.Discard, resp.Body, 512)
	return nil
}

// within says that the limit ended the call rather than how the connection
// broke because of it.
func within(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func readRefusal(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(b, &m) != nil {
		m.Message = string(b)
	}
	// What the managers refuse comes as "rpc error: code = … desc = …".
	if _, desc, ok := strings.Cut(m.Message, " desc = "); ok {
		m.Message = desc
	}
	return &refused{status: resp.StatusCode, says: fact.OneLine(m.Message)}
}

// status returns the HTTP status of a refusal, or 0.
func status(err error) int {
	var r *refused
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}

// look does one piece of looking and returns what could not be seen as gaps of
// that kind: an error, fields that were garbled, a panic.
func (e *Engine) look(kind fact.Kind, doing string, do func(*garbled) error) (gaps []fact.Gap) {
	bad := &garbled{}
	defer func() {
		if r := recover(); r != nil {
			gaps = append(gaps, fact.Gap{Kind: kind, Class: fact.ClassBug,
				Reason: fmt.Sprintf("%s: fairway stumbled: %s", doing, fact.OneLine(fmt.Sprint(r))),
				Do:     "please report this"})
		}
	}()
	if err := do(bad); err != nil {
		gaps = append(gaps, e.gap(kind, doing, err))
	}
	if bad.n > 0 {
		gaps = append(gaps, fact.Gap{Kind: kind, Class: fact.ClassGarbled, Reason: doing + ": " + bad.String()})
	}
	return gaps
}

// gap sorts an error by what stood in the way.
func (e *Engine) gap(kind fact.Kind, doing string, err error) fact.Gap {
	g := fact.Gap{Kind: kind, Reason: doing + ": " + fact.OneLine(err.Error())}
	var syntax *json.SyntaxError
	switch code := status(err); {
	case errors.Is(err, context.DeadlineExceeded):
		g.Class, g.Reason = fact.ClassTimeout, fmt.Sprintf("%s: no whole answer within %v", doing, e.limit)
		g.Do = "see whether dockerd hangs there (`journalctl -u docker`), or allow more with --timeout"
	case errors.Is(err, context.Canceled):
		g.Class, g.Reason = fact.ClassInterrupted, doing+": interrupted"
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		g.Class, g.Do = fact.ClassPermission, "an authorization plugin or proxy is in the way: allow GET requests"
	case errors.Is(err, fs.ErrPermission):
		g.Class, g.Do = fact.ClassPermission, "run with sudo, or as a member of the docker group"
	case code == http.StatusNotFound, errors.Is(err, fs.ErrNotExist):
		g.Class = fact.ClassNotExist
	case code != 0:
		g.Class = fact.ClassUnsupported
	case errors.As(err, &syntax), errors.Is(err, errTooLong), errors.Is(err, errTooMany),
		strings.Contains(err.Error(), "malformed"):
		g.Class = fact.ClassGarbled
	default:
		// The connection broke, before or within the answer.
		g.Class, g.Do = fact.ClassInterrupted, "see whether dockerd restarted there (`journalctl -u docker`)"
	}
	return g
}

// together does several things at once and returns when all are done. Each
// writes only what is its own.
func together(things ...func()) {
	var wg sync.WaitGroup
	for _, do := range things {
		wg.Go(do)
	}
	wg.Wait()
}

// each does something for 0 … n-1, at most workers at once.
func each(n, workers int, do func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, max(workers, 1)) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
