package probe

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// shot is what one attempt of a race does in a test.
type shot struct {
	after time.Duration // 0: silent until cancelled
	ok    bool
}

func TestRace(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		shots   []shot
		won     int
		started int
		took    time.Duration
	}{
		{"the first answers", []shot{{10 * ms, true}}, 0, 1, 10 * ms},
		{"both silent", []shot{{}, {}}, -1, 2, limit},
		{"only the second answers", []shot{{}, {10 * ms, true}}, 1, 2, 310 * ms},
		{"the first answers beside the second", []shot{{400 * ms, true}, {}}, 0, 2, 400 * ms},
		{"the first cannot be made", []shot{{10 * ms, false}}, -1, 1, 10 * ms},
		{"the second cannot be made", []shot{{900 * ms, true}, {1 * ms, false}}, 0, 2, 900 * ms},
		{"the second cannot be made, the first is silent", []shot{{}, {1 * ms, false}}, -1, 2, limit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				answers, won := race(t.Context(), 300*ms, fire(c.shots))
				if won != c.won || len(answers) != c.started || time.Since(start) != c.took {
					t.Errorf("got won %d, %d started, %v; want %d, %d, %v", won, len(answers), time.Since(start), c.won, c.started, c.took)
				}
			})
		})
	}
}

func TestRaceCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 450*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, won := race(ctx, 300*time.Millisecond, fire([]shot{{}, {}}))
		if won != -1 || time.Since(start) != 450*time.Millisecond {
			t.Errorf("got won %d after %v", won, time.Since(start))
		}
	})
}

func fire(shots []shot) func(context.Context, int) (int, bool) {
	return func(ctx context.Context, nth int) (int, bool) {
		s := shots[nth]
		if s.after == 0 {
			<-ctx.Done()
			return nth, false
		}
		select {
		case <-time.After(s.after):
			return nth, s.ok
		case <-ctx.Done():
			return nth, false
		}
	}
}

func TestEachBoundsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, done atomic.Int64
		each(1000, func(int) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			now.Add(-1)
			done.Add(1)
		})
		if most.Load() != atOnce || done.Load() != 1000 {
			t.Errorf("got %d at once and %d in all; want %d and 1000", most.Load(), done.Load(), atOnce)
		}
	})
}
