package nft

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCost measures a look at a namespace without any table and at ones with what
// an engine puts into a task's and a host's, by the processor time it takes:
// others may keep the machine busy. Seen were 0.03, 0.25 and 1.5 ms; a node with
// 22 containers has some 45 namespaces, and looking at all may take it 20 ms.
func TestCost(t *testing.T) {
	for _, v := range []struct {
		name, rules string
		most        time.Duration
	}{
		{"no table", "", 300 * time.Microsecond},
		{"a task's", "overlay.nft", time.Millisecond},
		{"a host's", "docker29.nft", 8 * time.Millisecond},
	} {
		t.Run(v.name, func(t *testing.T) {
			if v.rules != "" {
				loaded(t, "testdata/"+v.rules)
			} else {
				inOwnNamespace(t)
			}
			c, err := Dial(time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			each := measured(t, c, 200)
			t.Logf("%v each", each)
			if each > v.most {
				t.Errorf("%v each, at most %v", each, v.most)
			}
		})
	}
}

// measured is the mean of so many looks, from a goroutine that has no thread of
// its own, as in a snapshot.
func measured(t *testing.T, c Asker, rounds int) time.Duration {
	t.Helper()
	failed := make(chan error, 1)
	before := processorTime(t)
	go func() {
		var err error
		for i := 0; i < rounds && err == nil; i++ {
			_, err = Read(c, nil)
		}
		failed <- err
	}()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return (processorTime(t) - before) / time.Duration(rounds)
}

// processorTime is what this process has used, of both kinds.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
