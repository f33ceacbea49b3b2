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
	"time"
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
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, ResponseHeaderTimeout: 50 * time.Second,
		MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
	}
	return &remote{name: name, http: &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("an agent does not redirect")
	}}}
}

func (r *remote) Hello(ctx context.Context) (*Hello, error) {
	return call[*Hello](ctx, r, "hello", struct{}{})
}

func (r *remote) Look(ctx context.Context, q LookRequest) (*LookAnswer, error) {
	return call[*LookAnswer](ctx, r, "look", q)
}

func (r *remote) Probe(ctx context.Context, q ProbeRequest) (*ProbeAnswer, error) {
	return call[*ProbeAnswer](ctx, r, "probe", q)
}

func (r *remote) Watch(ctx context.Context, q WatchRequest) (*WatchAnswer, error) {
	return call[*WatchAnswer](ctx, r, "watch", q)
}

func (r *remote) Close() error {
	r.http.CloseIdleConnections()
	return nil
}

func call[T any](ctx context.Context, r *remote, method string, question any) (T, error) {
	var out T
	body, err := json.Marshal(question)
	if err != nil {
		return out, fmt.Errorf("ask %s to %s: %w", r.name, method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/v1/"+method, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("ask %s to %s: %w", r.name, method, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.http.Do(req)
	if err != nil {
		return out, fmt.Errorf("ask %s to %s: %w", r.name, method, err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("ask %s to %s: its answer broke off: %w", r.name, method, err)
	case len(content) > MaxAnswer:
		return out, fmt.Errorf("ask %s to %s: its answer is larger than %d MiB", r.name, method, MaxAnswer>>20)
	case res.StatusCode != http.StatusOK:
		return out, fmt.Errorf("ask %s to %s: %s", r.name, method, reason(res, content))
	}
	if err := json.Unmarshal(content, &out); err != nil {
		return out, fmt.Errorf("ask %s to %s: understand its answer: %w", r.name, method, err)
	}
	return out, nil
}

func reason(res *http.Response, content []byte) string {
	var f failure
	if json.Unmarshal(content, &f) == nil && f.Error != "" {
		return f.Error
	}
	return "it answers " + res.Status
}
