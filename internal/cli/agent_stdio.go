package cli

import (
	"context"
	"io"
	"net"

	"fairway/internal/fleet"
)

// serveStdio serves one asker on a pair of streams, until the input ends or the
// context does. The streams may not know deadlines, which a server needs; a
// pipe in between does.
func serveStdio(ctx context.Context, in io.Reader, out io.Writer, n fleet.Node, limits fleet.Limits) error {
	near, far := net.Pipe()
	go func() {
		// However the input ends, the connection ends with it.
		_, _ = io.Copy(far, in)
		far.Close()
	}()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.Copy(out, far)
		far.Close() // an asker who does not read any more is gone
	}()
	err := fleet.ServeOne(ctx, near, n, limits)
	near.Close()
	<-written
	return err
}
