// Command fairway finds the root cause of broken Docker Swarm networking; see
// `fairway help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"fairway/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first Ctrl-C asks for what was learnt so far; a second one ends the
	// process at once, as if nobody had listened.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System(os.Args[0])))
}
