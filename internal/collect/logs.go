package collect

import (
	"context"

	"fairway/internal/fact"
)

// LogRequest says which log lines are wanted of this host.
type LogRequest struct {
	// Node is the host's name, for gaps.
	Node string
	// Windows are by this host's clock.
	Windows []fact.Window
	// Root is the folder that stands for /; empty: this host's own.
	Root string
	// EngineLogs are text logs of the engine in other places than the usual ones.
	EngineLogs []string
	// Kmsg reads the kernel's ring buffer, too.
	Kmsg bool
	// MaxLines and MaxBytes bound what is kept; 0: nothing is.
	MaxLines int
	MaxBytes int64
}

// Logs reads what the engine and the kernel logged in the windows.
func Logs(_ context.Context, r LogRequest) (*fact.Said, []fact.Gap) {
	return nil, []fact.Gap{{Node: r.Node, Kind: fact.KindLogs, Class: fact.ClassUnsupported, Reason: "this build reads no logs"}}
}
