package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

const (
	// answerLimit is how long an HTTP server may take for its headers.
	answerLimit = 3 * time.Second
	// headerLimit is how many bytes of an answer are read at most.
	headerLimit = 64 << 10
	// backendLimit is the runbook's second for one backend (I6).
	backendLimit = time.Second
	// patience is how long a request may hold up the next one of its probe: a
	// server is asked one at a time while it answers, and ten requests that
	// nobody answers still end in PublishedLimit.
	patience = 200 * time.Millisecond
)

// Published makes the requests of each probe, one after the other as long as
// they are answered soon; different probes at the same time. One request is one connection: it is opened, asked
// where HTTP is spoken, read to the end of the answer's headers, and closed with
// FIN. Redirects are not followed; a certificate is looked at and not insisted
// on.
func (p *Prober) Published(ctx context.Context, ask []fact.PublishedProbe) []fact.PublishedProbe {
	seen := append([]fact.PublishedProbe(nil), ask...)
	each(len(seen), func(i int) {
		q := &seen[i]
		got := make([]fact.Request, max(0, min(q.Count, PerPair)))
		inTurn(len(got), patience, func(k int) { got[k] = p.request(ctx, q) })
		q.Requests = got
	})
	return seen
}

// inTurn calls do for 0 to n-1, each when the one before has ended or has taken
// too long, and returns when all have ended.
func inTurn(n int, patience time.Duration, do func(k int)) {
	var all sync.WaitGroup
	for k := range n {
		ended := make(chan struct{})
		all.Go(func() {
			defer close(ended)
			do(k)
		})
		late := time.NewTimer(patience)
		select {
		case <-ended:
		case <-late.C:
		}
		late.Stop()
	}
	all.Wait()
}

// request makes one.
func (p *Prober) request(ctx context.Context, q *fact.PublishedProbe) fact.Request {
	out := fact.Request{Outcome: fact.ProbeError, At: time.Now()}
	if p.Budget.pace(ctx) != nil {
		out.Err = stopped
		return out
	}
	in, err := p.Enter(q.From)
	if err != nil {
		out.Err = err.Error()
		return out
	}
	within := limit
	if q.Stage == fact.StageBackend {
		within = backendLimit
	}
	dialing, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if q.Proto == "udp" {
		return p.datagram(dialing, in, q)
	}
	s, a := p.stream(dialing, in, q)
	out.Outcome, out.Err, out.ICMP, out.Connect = a.outcome, a.err, a.icmp, a.rtt
	if ctx.Err() != nil && a.outcome == fact.Timeout {
		out.Outcome, out.Err = fact.ProbeError, stopped
	}
	if s == nil {
		return out
	}
	defer s.close()
	s.control(func(fd int) {
		if local, err := unix.Getsockname(fd); err == nil {
			out.Local = addrPort(local)
		}
	})
	if q.Proto == "http" || q.Proto == "https" {
		s.converse(ctx, q, &out)
	}
	return out
}

// stream opens one TCP connection and keeps it; nil when it was not opened.
func (p *Prober) stream(ctx context.Context, in Sockets, q *fact.PublishedProbe) (*socket, connection) {
	domain, to, err := sockaddr(q.Target)
	if err != nil {
		return nil, connection{outcome: fact.ProbeError, err: err.Error()}
	}
	var a connection
	start := time.Now()
	var refused error
	s, err := open(ctx, in, domain, unix.SOCK_STREAM, unix.IPPROTO_TCP, func(fd int) error {
		if err := wantErrors(fd, domain); err != nil {
			return err
		}
		if err := p.Budget.take(q.From, q.Target); err != nil {
			return err
		}
		start = time.Now()
		if err := unix.Connect(fd, to); !errors.Is(err, unix.EINPROGRESS) {
			refused = err
		}
		return nil
	})
	if err != nil {
		return nil, connection{outcome: fact.ProbeError, err: err.Error()}
	}
	if refused == nil {
		refused = s.connected()
	}
	a.rtt = time.Since(start)
	a.end(s, refused)
	if a.outcome != fact.Open {
		s.close()
		return nil, a
	}
	return s, a
}

// datagram sends one empty datagram: only a refusal is an answer, so silence is
// "open" as far as anybody can tell from outside.
func (p *Prober) datagram(ctx context.Context, in Sockets, q *fact.PublishedProbe) fact.Request {
	out := fact.Request{Outcome: fact.ProbeError, At: time.Now()}
	domain, to, err := sockaddr(q.Target)
	if err != nil {
		out.Err = err.Error()
		return out
	}
	s, err := open(ctx, in, domain, unix.SOCK_DGRAM, 0, func(fd int) error {
		return errors.Join(wantErrors(fd, domain), p.Budget.take(q.From, q.Target), unix.Connect(fd, to), unix.Sendto(fd, nil, 0, nil))
	})
	if err != nil {
		out.Outcome, out.Err = outcome(err, nil), word(err)
		return out
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	s.file.SetDeadline(time.Now().Add(quiet))
	err = s.receive(ctx, make([]byte, 64), func([]byte, bool) bool { return true })
	out.Outcome = fact.Open
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.control(func(fd int) {
			if r, ok := nextRefusal(fd); ok {
				out.ICMP = r.icmp
			}
		})
		out.Outcome, out.Err = outcome(err, out.ICMP), word(err)
	}
	out.Connect = time.Since(out.At)
	return out
}

// quiet is how long a datagram waits for a refusal.
const quiet = 500 * time.Millisecond

// converse asks over an open connection, and notes what came.
func (s *socket) converse(ctx context.Context, q *fact.PublishedProbe, out *fact.Request) {
	begin := time.Now()
	conn := net.Conn(&overSocket{s, q.Target})
	s.stop() // the limit of the connect is over
	stop := context.AfterFunc(ctx, func() { s.file.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := s.file.SetDeadline(begin.Add(answerLimit)); err != nil {
		out.Outcome, out.Err = fact.ProbeError, err.Error()
		return
	}
	status, note, err := ask(conn, q)
	out.Status, out.Note, out.Took = status, note, time.Since(begin)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		out.Outcome, out.Err = fact.ProbeError, stopped
	case errors.Is(err, os.ErrDeadlineExceeded):
		out.Outcome, out.Err = fact.Timeout, fmt.Sprintf("connected, and no answer within %v", answerLimit)
	case errors.Is(err, unix.ECONNRESET):
		out.Outcome, out.Err = fact.Refused, "connected, and reset before an answer"
	default:
		out.Err = brief("connected, and then: " + err.Error())
	}
}

// ask writes one request and reads the head of its answer.
func ask(conn net.Conn, q *fact.PublishedProbe) (status int, note string, err error) {
	if q.Proto == "https" {
		if conn, note, err = secured(conn, q); err != nil {
			return 0, note, fmt.Errorf("TLS: %w", err)
		}
	}
	host, path := q.Host, q.Path
	if host == "" {
		host = q.Target.String()
	}
	if path == "" {
		path = "/"
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fairway\r\nAccept: */*\r\nConnection: close\r\n\r\n", path, host); err != nil {
		return 0, note, err
	}
	head := &io.LimitedReader{R: conn, N: headerLimit}
	answer, err := http.ReadResponse(bufio.NewReader(head), nil)
	switch {
	case head.N <= 0 && err != nil:
		return 0, note, fmt.Errorf("the head of its answer is longer than %d KiB", headerLimit>>10)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return 0, note, errors.New("it was closed without an answer")
	case err != nil:
		return 0, note, err
	}
	return answer.StatusCode, note, nil // the body is left unread
}

// secured speaks TLS and says what is wrong with the certificate. A wrong one is
// no failure: the question is whether somebody answers, and a browser's view of
// the site is its owner's business.
func secured(conn net.Conn, q *fact.PublishedProbe) (net.Conn, string, error) {
	c := tls.Client(conn, &tls.Config{ServerName: q.Host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10})
	if err := c.Handshake(); err != nil {
		return c, "", err
	}
	return c, certificate(c.ConnectionState().PeerCertificates, q.Host), nil
}

func certificate(chain []*x509.Certificate, host string) string {
	if len(chain) == 0 || host == "" {
		return ""
	}
	if err := chain[0].VerifyHostname(host); err != nil {
		return brief("its certificate is not for " + host + ": " + err.Error())
	}
	return ""
}

// brief cuts what a server may have made long: it is quoted in errors.
func brief(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// overSocket is a connected socket as a net.Conn.
type overSocket struct {
	*socket
	to netip.AddrPort
}

func (o *overSocket) Read(b []byte) (int, error)         { return o.file.Read(b) }
func (o *overSocket) Write(b []byte) (int, error)        { return o.file.Write(b) }
func (o *overSocket) Close() error                       { return nil } // who opened it closes it
func (o *overSocket) LocalAddr() net.Addr                { return net.TCPAddrFromAddrPort(o.to) }
func (o *overSocket) RemoteAddr() net.Addr               { return net.TCPAddrFromAddrPort(o.to) }
func (o *overSocket) SetDeadline(t time.Time) error      { return o.file.SetDeadline(t) }
func (o *overSocket) SetReadDeadline(t time.Time) error  { return o.file.SetReadDeadline(t) }
func (o *overSocket) SetWriteDeadline(t time.Time) error { return o.file.SetWriteDeadline(t) }
