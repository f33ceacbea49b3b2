package probe

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"
)

const (
	// smallest is the IPv4 packet every link must carry (RFC 791).
	smallest = 68
	// largest is the longest IPv4 packet there is.
	largest = 65535
	// rungs is how many sizes are in flight at once when a ladder is searched.
	rungs = 8
	// echoWait is how long an echo may take before it is sent again, and then
	// before it counts as lost.
	echoWait = 250 * time.Millisecond
	// arpWait is how long the last echo of a silent path may take. With the
	// waits before, it outlasts an ARP request that got lost: the kernel asks
	// again after 1 s, and then sends what it kept.
	arpWait = 750 * time.Millisecond
	// shortest is the least such wait once the round trip is known.
	shortest = 100 * time.Millisecond
)

// echoes sends one echo of each size and reports what came back: until all are
// answered or known to be too big, or the wait is over. The error says that
// echoes cannot be sent at all.
type echoes func(ctx context.Context, sizes []int, wait time.Duration) error

// ladder finds the largest packet that is answered. Sizes are whole IP packets.
type ladder struct {
	passed map[int]bool // answered
	lost   []int        // tried; those up to best were answered after all
	tooBig map[int]bool // refused by this host or, as it says, by a router
	rtt    time.Duration
	// told is the size somebody said would fit.
	told   int
	toldBy netip.Addr
}

func newLadder() *ladder {
	return &ladder{passed: map[int]bool{}, tooBig: map[int]bool{}}
}

// answered notes the echo of a packet of size.
func (l *ladder) answered(size int, rtt time.Duration) {
	l.passed[size] = true
	l.rtt = max(l.rtt, rtt)
}

// refused notes that somebody (the zero address: this host) says that size is
// too big and fits would do.
func (l *ladder) refused(size, fits int, by netip.Addr) {
	l.tooBig[size] = true
	if fits >= smallest && fits < size {
		l.told, l.toldBy = fits, by
	}
}

// best is the largest size answered, 0 without any.
func (l *ladder) best() int {
	best := 0
	for size := range l.passed {
		best = max(best, size)
	}
	return best
}

// worst is the smallest size above best that failed, 0 without any.
func (l *ladder) worst() int {
	worst, best := 0, l.best()
	for _, size := range slices.AppendSeq(slices.Clone(l.lost), maps.Keys(l.tooBig)) {
		if size > best && (worst == 0 || size < worst) {
			worst = size
		}
	}
	return worst
}

// open returns those of sizes whose fate would still tell something.
func (l *ladder) open(sizes []int) []int {
	best := l.best()
	return slices.DeleteFunc(slices.Clone(sizes), func(size int) bool { return size <= best || l.tooBig[size] })
}

// climb tries mtu; when that stays silent, a small packet, to learn whether
// echoes are answered at all; and then what lies between, rungs sizes a round,
// until the border is exact or ctx has no time left for a round. Every size is
// sent at most twice, and is lost only when both waits were waited out.
func (l *ladder) climb(ctx context.Context, mtu int, send echoes) error {
	opening := []struct {
		sizes []int
		wait  time.Duration
	}{{[]int{mtu}, echoWait}, {[]int{mtu, smallest}, echoWait}, {[]int{smallest}, arpWait}}
	for _, o := range opening {
		if sizes := l.open(o.sizes); len(sizes) > 0 {
			if err := send(ctx, sizes, o.wait); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	l.lost = append(l.lost, mtu, smallest)
	for l.best() > 0 && l.timeLeft(ctx) {
		sizes := between(l.best(), l.worst(), l.told)
		if len(sizes) == 0 {
			break
		}
		if err := l.round(ctx, sizes, send); err != nil {
			return err
		}
	}
	return nil
}

// round sends sizes, and again those that were not answered.
func (l *ladder) round(ctx context.Context, sizes []int, send echoes) error {
	for range 2 {
		again := l.open(sizes)
		if len(again) == 0 {
			break
		}
		if err := send(ctx, again, l.wait()); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		l.lost = append(l.lost, sizes...)
	}
	return nil
}

// timeLeft reports whether a whole round can still be waited out.
func (l *ladder) timeLeft(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(end) >= 2*l.wait())
}

// wait is how long to wait for an echo, now that one is known.
func (l *ladder) wait() time.Duration {
	return max(shortest, min(10*l.rtt, echoWait))
}

// between spreads sizes over the open interval from lo to hi, largest first, and
// adds the border that somebody told. hi 0 means that nothing failed.
func between(lo, hi, told int) []int {
	var sizes []int
	for i := rungs; i >= 1; i-- {
		sizes = append(sizes, lo+(hi-lo)*i/(rungs+1))
	}
	sizes = append(sizes, told+1, told)
	slices.SortFunc(sizes, func(a, b int) int { return b - a })
	return slices.DeleteFunc(slices.Compact(sizes), func(size int) bool { return size <= lo || size >= hi })
}
