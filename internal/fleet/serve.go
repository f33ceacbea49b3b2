package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// Limits hold a server to what one host can bear.
type Limits struct {
	// Request is how many bytes a request may have, 0: 4 MiB.
	Request int64
	// AtOnce is how many requests are answered at the same time, 0: 4; more are
	// told to come back.
	AtOnce int
	// PerSecond is how many requests may begin in a second, 0: 20.
	PerSecond int
	// Longest is how long one request may take, 0: 40 s.
	Longest time.Duration
	// Probes is how many probes of all kinds one request may hold, 0: 4096.
	Probes int
}

func (l Limits) filled() Limits {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&l.AtOnce, 4)
	set(&l.PerSecond, 20)
	set(&l.Probes, 4096)
	if l.Request == 0 {
		l.Request = 4 << 20
	}
	if l.Longest == 0 {
		l.Longest = 40 * time.Second
	}
	return l
}

// Serve answers requests on a listener for one node until the context ends. It
// has no way to run a program or to read a file: a request can only ask what
// Node offers. Who may connect is the listener's business.
func Serve(ctx context.Context, l net.Listener, n Node, limits Limits) error {
	s := &http.Server{Handler: Handler(n, limits), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: limits.filled().Longest + 10*time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: nil, Protocols: protocols(true)}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if s.Shutdown(grace) != nil {
			s.Close()
		}
	})
	defer stop()
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// protocols: HTTP/1 where connections are cheap, and HTTP/2 where there is one
// connection only (an ssh session), so that a watch and a probe can share it.
func protocols(http1 bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(http1)
	p.SetUnencryptedHTTP2(true)
	return p
}

// server answers for one node.
type server struct {
	node   Node
	limits Limits
	places chan struct{}
	starts chan struct{}
}

// Handler is what Serve serves.
func Handler(n Node, limits Limits) http.Handler {
	s := &server{node: n, limits: limits.filled()}
	s.places = make(chan struct{}, s.limits.AtOnce)
	s.starts = make(chan struct{}, s.limits.PerSecond)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/hello", answer(s, func(ctx context.Context, _ struct{}) (*Hello, error) { return n.Hello(ctx) }))
	mux.HandleFunc("POST /v1/look", answer(s, n.Look))
	mux.HandleFunc("POST /v1/probe", answer(s, s.probe))
	mux.HandleFunc("POST /v1/watch", answer(s, s.watch))
	return mux
}

func (s *server) probe(ctx context.Context, r ProbeRequest) (*ProbeAnswer, error) {
	p := r.Probes
	if n := len(p.TCP) + len(p.DNS) + len(p.MTU) + len(p.Peers) + len(p.DataPath); n > s.limits.Probes {
		return nil, fmt.Errorf("probe: %d probes in one request, %d are allowed", n, s.limits.Probes)
	}
	return s.node.Probe(ctx, r)
}

func (s *server) watch(ctx context.Context, r WatchRequest) (*WatchAnswer, error) {
	if r.For < 0 || r.For > MaxWatch {
		return nil, fmt.Errorf("watch: %v asked for, %v is the most", r.For, MaxWatch)
	}
	return s.node.Watch(ctx, r)
}

// failure is the body of an answer other than 200.
type failure struct{ Error string }

// answer wraps one method: bounded in, bounded at once, bounded in time.
func answer[Req, Ans any](s *server, do func(context.Context, Req) (Ans, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				debug.PrintStack()
				refuse(w, http.StatusInternalServerError, "the agent stumbled over this request; please report it")
			}
		}()
		if !s.begin() {
			refuse(w, http.StatusTooManyRequests, "too many requests at once; come back in a second")
			return
		}
		defer func() { <-s.places }()
		var req Req
		body := http.MaxBytesReader(w, r.Body, s.limits.Request)
		if err := json.NewDecoder(body).Decode(&req); err != nil && !errors.Is(err, io.EOF) {
			refuse(w, http.StatusBadRequest, "read the request: "+err.Error())
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.limits.Longest)
		defer cancel()
		ans, err := do(ctx, req)
		if err != nil {
			refuse(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(ans) // the asker may be gone
	}
}

// begin takes a place and one of this second's starts.
func (s *server) begin() bool {
	select {
	case s.starts <- struct{}{}:
		time.AfterFunc(time.Second, func() { <-s.starts })
	default:
		return false
	}
	select {
	case s.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func refuse(w http.ResponseWriter, code int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(failure{why})
}
