// Command fairway finds the root cause of broken Docker Swarm networking; see
// `fairway help`.
package main

import (
	"context"
	"os"

	"fairway/internal/cli"
)

func main() {
	// The first Ctrl-C asks for what was learnt so far.
	ctx, signals := cli.Listen(context.Background())
	env := cli.System(os.Args[0])
	env.Hold = signals.Hold
	os.Exit(cli.Main(ctx, os.Args[1:], env))
}
