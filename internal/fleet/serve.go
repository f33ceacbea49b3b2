package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"fairway/internal/fact"
)

// Limits hold a server to what one host can bear.
type Limits struct {
	// Request is how many bytes a request may have, 0: 4 MiB.
	Request int64
	// AtOnce is how many requests are answered at the same time, 0: 8; more are
	// told to come back.
	AtOnce int
	// PerSecond is how many requests may begin in a second, 0: 20.
	PerSecond int
	// Longest is how long one request may take, 0: 40 s.
	Longest time.Duration
	// Probes is how many probes of all kinds one request may hold, 0: 8192;
	// PerMinute how many all requests of a minute may, 0: 32768.
	Probes, PerMinute int
	// Note is told what was refused and what went wrong; nil: nobody is.
	Note func(Event)
}

func (l Limits) filled() Limits {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&l.AtOnce, 8)
	set(&l.PerSecond, 20)
	set(&l.Probes, 8192)
	set(&l.PerMinute, 32768)
	if l.Note == nil {
		l.Note = func(Event) {}
	}
	if l.Request == 0 {
		l.Request = 4 << 20
	}
	if l.Longest == 0 {
		l.Longest = 40 * time.Second
	}
	return l
}

// Serve answers requests on a listener for one node until the context ends or
// the listener is closed. It has no way to run a program or to read a file: a
// request can only ask what Node offers. Who may connect is the listener's
// business.
func Serve(ctx context.Context, l net.Listener, n Node, limits Limits) error {
	_, many := l.(*door)
	// The server's own messages are about connections that broke, and the
	// handler notes what matters.
	s := &http.Server{Handler: Handler(n, limits), Protocols: protocols(true, !many), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: limits.filled().Longest + 10*time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: log.New(io.Discard, "", 0)}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if s.Shutdown(grace) != nil {
			s.Close()
		}
	})
	err := s.Serve(l)
	if !stop() {
		<-stopped // requests under way have had their second
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// protocols: HTTP/1 where connections are cheap, and HTTP/2 where there is one
// connection only (an ssh session), so that a watch and a probe can share it.
// An agent's port does without the second: one protocol less to attack.
func protocols(http1, http2 bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(http1)
	p.SetUnencryptedHTTP2(http2)
	return p
}

// server answers for one node.
type server struct {
	node   Node
	limits Limits
	places chan struct{}
	starts pace
	// probes were asked for in the last minute.
	probes atomic.Int64
}

// Handler is what Serve serves.
func Handler(n Node, limits Limits) http.Handler {
	s := &server{node: n, limits: limits.filled()}
	s.places = make(chan struct{}, s.limits.AtOnce)
	s.starts = make(pace, s.limits.PerSecond)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/hello", answer(s, "hello", func(ctx context.Context, _ struct{}) (*Hello, error) { return n.Hello(ctx) }))
	mux.HandleFunc("POST /v1/look", answer(s, "look", s.look))
	mux.HandleFunc("POST /v1/probe", answer(s, "probe", s.probe))
	mux.HandleFunc("POST /v1/watch", answer(s, "watch", s.watch))
	mux.HandleFunc("POST /v1/logs", answer(s, "logs", s.logs))
	return mux
}

// What one request may name; far more than a question about one Swarm does.
const (
	maxPeers  = 4096
	maxResolv = 1024
	maxPorts  = 1 << 16
	maxNames  = 256
	maxSpaces = 8192
)

func (s *server) look(ctx context.Context, r LookRequest) (*LookAnswer, error) {
	switch {
	case len(r.Peers) > maxPeers:
		return nil, fmt.Errorf("look: routes to %d addresses in one request, %d are allowed", len(r.Peers), maxPeers)
	case len(r.Resolv) > maxResolv:
		return nil, fmt.Errorf("look: the resolv.conf of %d containers in one request, %d are allowed", len(r.Resolv), maxResolv)
	case len(r.Ports) > maxPorts:
		return nil, fmt.Errorf("look: %d ports in one request, %d are allowed", len(r.Ports), maxPorts)
	case len(r.Names) > maxNames:
		return nil, fmt.Errorf("look: %d names in one request, %d are allowed", len(r.Names), maxNames)
	}
	return s.node.Look(ctx, r)
}

func (s *server) probe(ctx context.Context, r ProbeRequest) (*ProbeAnswer, error) {
	p := r.Probes
	n := len(p.TCP) + len(p.DNS) + len(p.MTU) + len(p.Peers) + len(p.DataPath) + asked(p.Published)
	if n > s.limits.Probes {
		return nil, fmt.Errorf("probe: %d probes in one request, %d are allowed", n, s.limits.Probes)
	}
	if err := checkSpaces(r.Spaces); err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	if s.probes.Add(int64(n)) > int64(s.limits.PerMinute) {
		s.probes.Add(-int64(n))
		return nil, fmt.Errorf("probe: no more than %d probes in a minute are allowed; come back in a minute", s.limits.PerMinute)
	}
	time.AfterFunc(time.Minute, func() { s.probes.Add(-int64(n)) })
	return s.node.Probe(ctx, r)
}

// asked is how many requests published probes ask for.
func asked(list []fact.PublishedProbe) int {
	n := 0
	for _, p := range list {
		n += max(1, p.Count)
	}
	return n
}

func (s *server) watch(ctx context.Context, r WatchRequest) (*WatchAnswer, error) {
	if r.For < 0 || r.For > MaxWatch {
		return nil, fmt.Errorf("watch: %v asked for, %v is the most", r.For, MaxWatch)
	}
	if err := checkSpaces(r.Spaces); err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return s.node.Watch(ctx, r)
}

func (s *server) logs(ctx context.Context, r LogRequest) (*LogAnswer, error) {
	switch {
	case len(r.Windows) > MaxWindows:
		return nil, fmt.Errorf("logs: %d windows in one request, %d are allowed", len(r.Windows), MaxWindows)
	case r.Lines < 0 || r.Lines > MaxLines:
		return nil, fmt.Errorf("logs: %d lines asked for, %d are allowed", r.Lines, MaxLines)
	}
	return s.node.Logs(ctx, r)
}

// failure is the body of an answer other than 200.
type failure struct{ Error string }

// answer wraps one method: bounded in, bounded at once, bounded in time.
func answer[Req, Ans any](s *server, what string, do func(context.Context, Req) (Ans, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fail := func(code int, err error) {
			s.limits.Note(Event{What: what, From: host(r.RemoteAddr), Err: err})
			refuse(w, code, err)
		}
		if err := s.begin(); err != nil {
			fail(http.StatusTooManyRequests, err)
			return
		}
		defer func() { <-s.places }()
		var req Req
		if code, err := readRequest(w, r, s.limits.Request, &req); err != nil {
			fail(code, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.limits.Longest)
		defer cancel()
		body, err := work(s, ctx, req, do)
		if err != nil {
			fail(http.StatusUnprocessableEntity, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body))) // the asker takes memory once
		_, _ = w.Write(body)                                      // the asker may be gone
	}
}

// work does what was asked and writes it down; a panic of ours is an error.
func work[Req, Ans any](s *server, ctx context.Context, req Req, do func(context.Context, Req) (Ans, error)) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.limits.Note(Event{What: "panic", Err: fmt.Errorf("%v: %s", p, debug.Stack())})
			err = errors.New("the agent stumbled over this request; please report it with the agent's log")
		}
	}()
	ans, err := do(ctx, req)
	if err != nil {
		return nil, err
	}
	return json.Marshal(ans)
}

// readRequest reads all of a request before anything is made of it.
func readRequest(w http.ResponseWriter, r *http.Request, most int64, into any) (code int, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("read the request: %w", err)
	}
	if len(body) == 0 {
		return 0, nil
	}
	if err := modest(body, maxRequestParts); err != nil {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("read the request: %w", err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return http.StatusBadRequest, fmt.Errorf("read the request: %w", err)
	}
	return 0, nil
}

// begin takes one of this second's starts and a place.
func (s *server) begin() error {
	if s.starts.take(time.Second) {
		select {
		case s.places <- struct{}{}:
			return nil
		default:
		}
	}
	return errors.New("too many requests at once; come back in a second")
}

func refuse(w http.ResponseWriter, code int, why error) {
	body, err := json.Marshal(failure{why.Error()})
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body) // the asker may be gone
}

func host(addr string) string {
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return addr
}
