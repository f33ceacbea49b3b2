// Package cli is the command line of fairway: flags in, one report out, and an
// exit code that means the same whatever the format.
package cli

import (
	"context"
	"io"
	"time"

	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// Looker takes the snapshot that answers a question. Its error means that
// there is nothing to report; whatever was learnt before trouble or before the
// context ended comes back as a snapshot with gaps.
type Looker func(ctx context.Context, q fact.Question, o LookOptions, progress func(string)) (*fact.Snapshot, error)

// LookOptions say which engine is meant and how patient to be.
type LookOptions struct {
	// Host and Context are the flags of those names; empty when not given.
	Host, Context string
	// Getenv reads the environment, Home is the operator's home folder; empty
	// when there is none.
	Getenv func(string) string
	Home   string
	// Hostname is this host's own name; empty when nobody knows it.
	Hostname string
	// Timeout is how long one call to an engine may take.
	Timeout time.Duration
	// Now tells the time.
	Now func() time.Time
	// Version goes into the snapshot as the tool that took it.
	Version string
	// SSH reaches other nodes by ssh; nil: not asked for.
	SSH *fleet.SSH
	// AllNodes looks at every node and reads its logs.
	AllNodes bool
	// Logs say where this host's logs are beside the usual places; on other nodes
	// their agents know.
	Logs logPlaces
	// Keep is told of each look as soon as it is over; nil: nobody is.
	Keep func(*fact.Snapshot)
	// Config is the operator's configuration folder; empty when there is none.
	Config string
}

// Env is all that the command touches of the world.
type Env struct {
	Stdout, Stderr io.Writer
	// Width returns how many columns a writer's terminal has, 0 when the writer
	// is no terminal.
	Width  func(io.Writer) int
	Getenv func(string) string
	Home   string
	// Hostname is this host's own name; empty when nobody knows it.
	Hostname string
	Now      func() time.Time
	Look     Looker
	// Hold keeps further signals from ending the process until release, while
	// there is something to take back; see Signals. nil: nobody listens to them.
	Hold func(say func()) (release func())
	// Plugin: the program was started as docker-fairway, which is how the docker
	// client starts its plugins.
	Plugin bool
}
