// Package probe sends something to an address and says what came back.
//
// Which probes to send is decided elsewhere: each function takes facts with the
// question filled in and returns them with the answer filled in. Sockets come
// from outside too. A socket stays in the namespace it was born in, so one is
// made inside and used here, on the network poller, without holding a thread.
package probe

import (
	"context"
	"sync"
	"time"

	"fairway/internal/fact"
)

const (
	// limit is how long a probe may take from its first packet: nc -w2 of the
	// runbook.
	limit = 2 * time.Second
	// atOnce bounds the probes in flight within one call.
	atOnce = 256
	// stopped is the word for a probe that the operator ended or forestalled.
	stopped = "stopped"
)

// PublishedLimit is longer than any probe of Published takes: PerPair requests,
// the last of which connects late and is never answered.
const PublishedLimit = 8 * time.Second

// Sockets makes sockets inside one network namespace. The arguments are those
// of socket(2); typ already carries SOCK_NONBLOCK and SOCK_CLOEXEC. The caller
// of Socket owns the descriptor.
type Sockets interface {
	Socket(domain, typ, proto int) (fd int, err error)
}

// Enter finds the sockets of the namespace a probe starts in. A source without
// a NetNS means the node's own namespace. The error says that the namespace is
// gone or closed to us.
type Enter func(fact.Source) (Sockets, error)

// Prober sends the probes of one run. Its methods may be called at the same
// time; each returns the questions in their order, answered. When the context
// ends, they return soon, and what was not learnt has the outcome ProbeError
// and the Err "stopped".
type Prober struct {
	Enter  Enter
	Budget *Budget
}

// each calls do with 0 … n-1, atOnce at a time, and returns when all are done.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, atOnce) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// race calls try, and after a silence of quiet a second time beside the first.
// The first answer decides and the other call is cancelled, unless an answer to
// the earlier one turns out to lie there too: on a busy machine the later one
// may be noticed first. Both end at the limit, counted from the start of the
// first. A call returns true when it was answered; one that returns false
// before the limit could not be made; a first one is then not followed by a
// second. Answers are in the order of starting; won is -1 when nothing came.
func race[A any](ctx context.Context, quiet time.Duration, try func(ctx context.Context, nth int) (A, bool)) (answers []A, won int) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type end struct {
		nth int
		a   A
		ok  bool
	}
	ends := make(chan end, 2)
	start := func() {
		nth := len(answers)
		answers = append(answers, *new(A))
		go func() {
			a, ok := try(ctx, nth)
			ends <- end{nth, a, ok}
		}()
	}
	won = -1
	start()
	second := time.NewTimer(quiet)
	defer second.Stop()
	for running := 1; running > 0; {
		select {
		case <-second.C:
			start()
			running++
		case e := <-ends:
			running--
			answers[e.nth] = e.a
			if e.ok && (won < 0 || e.nth < won) {
				won = e.nth
				cancel()
			}
			second.Stop()
		}
	}
	return answers, won
}
