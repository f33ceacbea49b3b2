package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// What strangers can take from an agent at most. A scan or a flood of
// connections costs no more than these, and the oldest stranger makes room for
// the newest, so that an operator gets through.
const (
	maxStrangers  = 64              // connections whose handshake is not done
	maxOpen       = 64              // connections of operators
	maxPerSource  = 16              // both, from one address
	greetsASecond = 100             // handshakes begun
	greetWithin   = 5 * time.Second // from accept to the end of the handshake
	hearFor       = 300 * time.Millisecond
)

// Event is one thing worth a line in an agent's log.
type Event struct {
	// What is "accept", "refused", "panic", or the request that failed.
	What string
	// From is the address of the other end, without its port; empty when it does
	// not matter.
	From string
	Err  error
}

// door lets nobody past who has not finished a handshake.
type door struct {
	net.Listener
	config *tls.Config
	note   func(Event)
	ready  chan net.Conn
	done   chan struct{}
	greets pace

	mu        sync.Mutex
	strangers []*tls.Conn // oldest first
	sources   map[netip.Addr]int
	open      int
}

// Listen puts TLS before a listener. Accept returns connections whose handshake
// is done; how many there may be, in all and of one address, how fast they may
// come and how long they may take is bounded. note is told who was refused.
func Listen(l net.Listener, config *tls.Config, note func(Event)) net.Listener {
	d := &door{Listener: l, config: config, note: note, ready: make(chan net.Conn), done: make(chan struct{}),
		greets: make(pace, greetsASecond), sources: map[netip.Addr]int{}}
	go d.accept()
	return d
}

func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.ready:
		return c, nil
	case <-d.done:
		return nil, net.ErrClosed
	}
}

// accept ends when the listener is closed. Everything else that Accept may say,
// such as "too many open files", passes.
func (d *door) accept() {
	defer close(d.done)
	for {
		c, err := d.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			d.note(Event{What: "accept", Err: err})
			time.Sleep(100 * time.Millisecond)
		default:
			d.admit(c)
		}
	}
}

// admit begins a handshake, or closes the connection.
func (d *door) admit(c net.Conn) {
	from := sourceOf(c)
	d.mu.Lock()
	why := d.full(from)
	if why != "" {
		d.mu.Unlock()
		c.Close()
		d.note(Event{What: "refused", From: from.String(), Err: errors.New(why)})
		return
	}
	var oldest *tls.Conn
	if len(d.strangers) >= maxStrangers {
		oldest, d.strangers = d.strangers[0], d.strangers[1:]
	}
	s := tls.Server(c, d.config)
	d.strangers = append(d.strangers, s)
	d.sources[from]++
	d.mu.Unlock()
	if oldest != nil {
		// Close would wait for a handshake that is under way.
		oldest.NetConn().Close()
	}
	go d.greet(s, from)
}

// full says why a connection cannot be let in; the lock is held.
func (d *door) full(from netip.Addr) string {
	switch {
	case d.sources[from] >= maxPerSource:
		return "it has as many connections as one address may have"
	case d.open >= maxOpen:
		return "as many connections are open as may be"
	case !d.greets.take(time.Second):
		return "too many connections were begun in this second"
	}
	return ""
}

// greet does the handshake and hands the connection to Accept.
func (d *door) greet(s *tls.Conn, from netip.Addr) {
	ctx, cancel := context.WithTimeout(context.Background(), greetWithin)
	defer cancel()
	err := s.HandshakeContext(ctx)
	if err != nil {
		hear(s.NetConn())
	}
	d.mu.Lock()
	for i, other := range d.strangers {
		if other == s {
			d.strangers = append(d.strangers[:i:i], d.strangers[i+1:]...)
			break
		}
	}
	if err == nil {
		d.open++
	} else {
		d.leave(from)
	}
	d.mu.Unlock()
	if err != nil {
		s.NetConn().Close()
		d.note(Event{What: "refused", From: from.String(), Err: err})
		return
	}
	c := &guest{Conn: s, gone: sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
		d.leave(from)
	})}
	select {
	case d.ready <- c:
	case <-d.done:
		c.Close()
	}
}

// hear reads a little more of a connection before it is closed: closing with
// something unread resets it, and the other end would lose the alert that says
// what was wrong.
func hear(c net.Conn) {
	defer time.AfterFunc(hearFor, func() { c.Close() }).Stop()
	if half, ok := c.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it is closed next
	}
	_, _ = io.CopyN(io.Discard, c, 16<<10)
}

// leave takes one connection off an address's account; the lock is held.
func (d *door) leave(from netip.Addr) {
	if d.sources[from]--; d.sources[from] <= 0 {
		delete(d.sources, from)
	}
}

// guest is a connection that was let in.
type guest struct {
	*tls.Conn
	gone func()
}

func (g *guest) Close() error {
	g.gone()
	return g.Conn.Close()
}

func sourceOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// pace counts what began within a span of time; its capacity is how much may.
type pace chan struct{}

// take counts one, or says that there were too many.
func (p pace) take(span time.Duration) bool {
	select {
	case p <- struct{}{}:
		time.AfterFunc(span, func() { <-p })
		return true
	default:
		return false
	}
}
