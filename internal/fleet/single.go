package fleet

import (
	"context"
	"net"
	"sync"
)

// ServeOne is Serve on one connection, such as a program's standard input and
// output, and ends with it.
func ServeOne(ctx context.Context, c net.Conn, n Node, limits Limits) error {
	s := &single{first: make(chan net.Conn, 1), over: make(chan struct{}), addr: c.LocalAddr()}
	s.first <- &only{Conn: c, gone: sync.OnceFunc(func() { close(s.over) })}
	return Serve(ctx, s, n, limits)
}

// single is a listener to which one connection comes.
type single struct {
	first chan net.Conn
	// over is closed with the connection.
	over chan struct{}
	addr net.Addr
}

func (s *single) Accept() (net.Conn, error) {
	select {
	case c := <-s.first:
		return c, nil
	case <-s.over:
		return nil, net.ErrClosed
	}
}

// Close does nothing: the server closes the connection itself, and that ends
// Accept.
func (s *single) Close() error { return nil }

func (s *single) Addr() net.Addr { return s.addr }

type only struct {
	net.Conn
	gone func()
}

func (o *only) Close() error {
	o.gone()
	return o.Conn.Close()
}
