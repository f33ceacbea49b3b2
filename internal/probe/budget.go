package probe

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"fairway/internal/fact"
)

// PerPair is how many TCP connections a run may open between one source and one
// target: fewer than any database server's limit of aborted handshakes (MySQL's
// max_connect_errors blocks a whole node at 100).
const PerPair = 10

// perSecond is how many probes may start in a second, over the whole run.
const perSecond = 2000

// Budget holds a whole run to its limits: connections per pair of source and
// target, and probes per second. It is shared by all calls of the run.
type Budget struct {
	perPair int
	gap     time.Duration

	mu    sync.Mutex
	next  time.Time
	spent map[pair]int
	made  int
}

type pair struct {
	node, netns string
	target      netip.AddrPort
}

// NewBudget returns a budget with nothing spent; perPair is usually PerPair.
func NewBudget(perPair int) *Budget {
	return &Budget{perPair: perPair, gap: time.Second / perSecond, spent: map[pair]int{}}
}

// Made is the number of TCP connections to targets opened so far, second tries
// included. Questions to a resolver over TCP are not counted.
func (b *Budget) Made() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.made
}

// take allows one connection, or says why not.
func (b *Budget) take(from fact.Source, target netip.AddrPort) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := pair{from.Node, from.NetNS, target}
	if b.spent[p] >= b.perPair {
		return fmt.Errorf("connect to %s: %d connections from here were already made in this run, no more are allowed", target, b.spent[p])
	}
	b.spent[p]++
	b.made++
	return nil
}

// pace waits for this probe's turn to start, or for the end of ctx.
func (b *Budget) pace(ctx context.Context) error {
	wait := time.NewTimer(b.turn(time.Now()))
	defer wait.Stop()
	select {
	case <-wait.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// turn returns how long from now the next start is due. Idle time is not saved
// up for a burst.
func (b *Budget) turn(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next.Before(now) {
		b.next = now
	}
	wait := b.next.Sub(now)
	b.next = b.next.Add(b.gap)
	return wait
}
