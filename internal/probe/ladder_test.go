package probe

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// path is a simulated way to a target.
type path struct {
	ladder *ladder
	mtu    int // of the path; 0 answers nothing
	rtt    time.Duration
	local  int // of the interface, 0 for no limit
	tell   int // what a router says to one that is too big, 0 for silence
	loss   func() bool

	packets, rounds int
}

func (p *path) send(ctx context.Context, sizes []int, wait time.Duration) error {
	p.rounds++
	start := time.Now()
	for _, size := range sizes {
		if p.local > 0 && size > p.local {
			p.ladder.refused(size, p.local, netip.Addr{})
			continue
		}
		p.packets++
		if p.loss != nil && p.loss() {
			continue
		}
		switch {
		case size <= p.mtu && p.rtt < wait:
			p.ladder.answered(size, p.rtt)
		case size > p.mtu && p.tell > 0:
			p.ladder.refused(size, p.tell, netip.MustParseAddr("10.0.0.1"))
		}
	}
	took := p.rtt
	if len(p.ladder.open(sizes)) > 0 {
		took = wait
	}
	select {
	case <-time.After(took - time.Since(start)):
	case <-ctx.Done():
	}
	return nil
}

// climb runs a ladder over p in false time and returns how long it took.
func (p *path) climb(t *testing.T, mtu int) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		p.ladder = newLadder()
		start := time.Now()
		if err := p.ladder.climb(ctx, mtu, p.send); err != nil {
			t.Error(err)
		}
		took = time.Since(start)
	})
	return took
}

func TestLadderHealthyIsOnePacket(t *testing.T) {
	p := &path{mtu: 1450, rtt: time.Millisecond}
	if took := p.climb(t, 1450); p.packets != 1 || took > 2*time.Millisecond {
		t.Errorf("got %d packets in %v", p.packets, took)
	}
	if p.ladder.best() != 1450 || p.ladder.worst() != 0 {
		t.Errorf("got passed %d, failed %d", p.ladder.best(), p.ladder.worst())
	}
}

func TestLadderSilenceStopsEarly(t *testing.T) {
	p := &path{}
	if took := p.climb(t, 1450); p.packets != 4 || took > 1250*time.Millisecond {
		t.Errorf("got %d packets in %v, want two of each end", p.packets, took)
	}
	if p.ladder.best() != 0 || p.ladder.worst() != smallest {
		t.Errorf("got passed %d, failed %d", p.ladder.best(), p.ladder.worst())
	}
}

func TestLadderFindsEveryBorder(t *testing.T) {
	for border := smallest; border < 1450; border++ {
		p := &path{mtu: border, rtt: time.Millisecond}
		took := p.climb(t, 1450)
		if p.ladder.best() != border || p.ladder.worst() != border+1 || took > limit || p.packets > 70 {
			t.Fatalf("border %d: got passed %d, failed %d, %d packets in %v", border, p.ladder.best(), p.ladder.worst(), p.packets, took)
		}
	}
}

func TestLadderFarAndJumbo(t *testing.T) {
	for _, c := range []struct{ mtu, border, within int }{{8950, 1450, 20}, {8950, 8900, 20}, {65535, 1500, 100}} {
		p := &path{mtu: c.border, rtt: 80 * time.Millisecond}
		took := p.climb(t, c.mtu)
		if got := p.ladder.best(); got > c.border || got < c.border-c.within || p.ladder.worst() <= c.border || took > limit {
			t.Errorf("%d over %d: got passed %d, failed %d in %v", c.mtu, c.border, got, p.ladder.worst(), took)
		}
	}
}

func TestLadderTold(t *testing.T) {
	for name, p := range map[string]*path{
		"by the interface": {mtu: 1450, local: 1200, rtt: time.Millisecond},
		"by a router":      {mtu: 1200, tell: 1200, rtt: time.Millisecond},
	} {
		took := p.climb(t, 1450)
		if p.ladder.best() != 1200 || p.ladder.worst() != 1201 || p.ladder.told != 1200 || took > 100*time.Millisecond {
			t.Errorf("%s: got passed %d, failed %d, told %d in %v", name, p.ladder.best(), p.ladder.worst(), p.ladder.told, took)
		}
	}
}

func TestLadderIsNotMovedByALie(t *testing.T) {
	for _, lie := range []int{1, 68, 576, 1399, 1401, 1449, 1 << 30} {
		p := &path{mtu: 1400, tell: lie, rtt: time.Millisecond}
		p.climb(t, 1450)
		if p.ladder.best() != 1400 || p.ladder.worst() != 1401 {
			t.Errorf("told %d: got passed %d, failed %d", lie, p.ladder.best(), p.ladder.worst())
		}
	}
}

// A lost echo may cost precision, never truth: what passed did pass, and what
// failed failed twice.
func TestLadderUnderLoss(t *testing.T) {
	exact := 0
	const runs = 500
	for seed := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := &path{mtu: 1400, rtt: 5 * time.Millisecond, loss: func() bool { return r.IntN(20) == 0 }}
		p.climb(t, 1450)
		if p.ladder.best() > 1400 {
			t.Fatalf("seed %d: got passed %d", seed, p.ladder.best())
		}
		if p.ladder.best() == 1400 {
			exact++
		}
	}
	if exact < runs*8/10 {
		t.Errorf("exact in %d of %d runs with 5%% loss", exact, runs)
	}
}

func TestLadderStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
		defer cancel()
		p := &path{mtu: 1400, rtt: time.Millisecond}
		p.ladder = newLadder()
		if err := p.ladder.climb(ctx, 1450, p.send); err != nil {
			t.Error(err)
		}
		if best, worst := p.ladder.best(), p.ladder.worst(); best < smallest || best > 1400 || worst <= 1400 {
			t.Errorf("got passed %d, failed %d: a round cut short must not count as failed", best, worst)
		}
	})
}
