package probe

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fairway/internal/fact"
)

func TestBudgetPerPair(t *testing.T) {
	b := NewBudget(3)
	from := fact.Source{Node: "n1", NetNS: "a"}
	target := netip.MustParseAddrPort("10.0.1.3:8080")
	for i := range 3 {
		if err := b.take(from, target); err != nil {
			t.Fatalf("take %d: %v", i, err)
		}
	}
	err := b.take(from, target)
	if err == nil || !strings.Contains(err.Error(), "10.0.1.3:8080") {
		t.Errorf("the fourth: got %v", err)
	}
	for _, other := range []fact.Source{{Node: "n2", NetNS: "a"}, {Node: "n1", NetNS: "b"}} {
		if err := b.take(other, target); err != nil {
			t.Errorf("another source %v: %v", other, err)
		}
	}
	if err := b.take(from, netip.MustParseAddrPort("10.0.1.3:80")); err != nil {
		t.Errorf("another port: %v", err)
	}
	if b.Made() != 6 {
		t.Errorf("made: got %d, want 6", b.Made())
	}
}

func TestBudgetPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(PerPair)
		time.Sleep(time.Hour) // saves nothing up
		start := time.Now()
		var wg sync.WaitGroup
		for range perSecond + 1 {
			wg.Go(func() { _ = b.pace(t.Context()) })
		}
		wg.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("%d starts took %v, want 1s", perSecond+1, took)
		}
	})
}

func TestBudgetPaceStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewBudget(PerPair).pace(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
