package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// MaxAnswer is the largest answer a node may give.
const MaxAnswer = 64 << 20

// remote is a Node behind a connection.
type remote struct {
	name string
	http *http.Client
}

// Dial returns the Node behind connections that dial makes; name is for
// messages. Nothing is sent yet.
func Dial(name string, dial func(context.Context) (net.Conn, error)) Node {
	tr := &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxConnsPerHost: 4, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
		// Compressing costs both ends more than a local network takes to carry an
		// answer, and lets a small one grow without measure.
		MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
	}
	return &remote{name: name, http: &http.Client{Transport: tr, Timeout: maxCall, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // and so an answer other than 200
	}}}
}

// maxCall is how long a call may take whatever the context says: an agent's own
// limit and what it takes to get there and back.
const maxCall = time.Minute

func (r *remote) Hello(ctx context.Context) (*Hello, error) {
	return call[Hello](ctx, r, "hello", struct{}{})
}

func (r *remote) Look(ctx context.Context, q LookRequest) (*LookAnswer, error) {
	return call[LookAnswer](ctx, r, "look", q)
}

func (r *remote) Probe(ctx context.Context, q ProbeRequest) (*ProbeAnswer, error) {
	return call[ProbeAnswer](ctx, r, "probe", q)
}

func (r *remote) Watch(ctx context.Context, q WatchRequest) (*WatchAnswer, error) {
	return call[WatchAnswer](ctx, r, "watch", q)
}

func (r *remote) Logs(ctx context.Context, q LogRequest) (*LogAnswer, error) {
	return call[LogAnswer](ctx, r, "logs", q)
}

func (r *remote) Close() error {
	r.http.CloseIdleConnections()
	return nil
}

func call[T any](ctx context.Context, r *remote, method string, question any) (*T, error) {
	var out T
	content, err := r.ask(ctx, method, question)
	for tries := 0; errors.Is(err, errBusy) && tries < 3 && pause(ctx, busyFor); tries++ {
		content, err = r.ask(ctx, method, question)
	}
	if err == nil {
		err = modest(content, maxAnswerParts)
	}
	if err == nil {
		err = json.Unmarshal(content, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s to %s: %w", r.name, method, err)
	}
	return &out, nil
}

// errBusy is an agent's word that it has enough to do for this second.
var errBusy = errors.New("too many requests at once")

// busyFor is how long to leave a busy agent alone; it counts by the second.
const busyFor = 1100 * time.Millisecond

// pause waits and reports whether it was left in peace.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// ask returns the body of an answer.
func (r *remote) ask(ctx context.Context, method string, question any) ([]byte, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/v1/"+method, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.http.Do(req)
	if err != nil {
		return nil, plain(ctx, err)
	}
	defer res.Body.Close()
	content, err := readAnswer(res)
	switch {
	case err != nil:
		return nil, fmt.Errorf("its answer broke off: %w", plain(ctx, err))
	case len(content) > MaxAnswer:
		return nil, fmt.Errorf("its answer is larger than %d MiB", MaxAnswer>>20)
	case res.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: %s", errBusy, reason(res, content))
	case res.StatusCode != http.StatusOK:
		return nil, errors.New(reason(res, content))
	}
	return content, nil
}

// readAnswer reads a body, up to one byte too much. Memory is taken for what an
// answer says of its size, but not for a claim that nothing follows.
func readAnswer(res *http.Response) ([]byte, error) {
	const trusted = 1 << 20
	b := bytes.NewBuffer(make([]byte, 0, min(max(res.ContentLength, 0), trusted)+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(res.Body, MaxAnswer+1))
	return b.Bytes(), err
}

// plain leaves out what a reader does not know of: our method and our URL.
func plain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if why := unfit(err); why != nil {
		return why
	}
	var wrapped *url.Error
	switch {
	case !errors.As(err, &wrapped):
		return err
	case wrapped.Timeout() && !dialling(wrapped):
		return fmt.Errorf("no whole answer within %v: %w", maxCall, context.DeadlineExceeded)
	}
	return wrapped.Err
}

// dialling: there was no connection yet, and how long that may take is the
// dialler's business.
func dialling(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func reason(res *http.Response, content []byte) string {
	var f failure
	if json.Unmarshal(content, &f) == nil && f.Error != "" {
		return clean(f.Error)
	}
	return fmt.Sprintf("it answers %d, so it is no agent or one of another version", res.StatusCode)
}

// clean makes somebody else's words fit for one line of ours.
func clean(s string) string {
	const most = 400
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
