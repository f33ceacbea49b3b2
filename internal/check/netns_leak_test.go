package check_test

import (
	"fmt"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// leak leaves handles of nothing on node 2, made so long ago.
func leak(s *fact.Snapshot, count int, ago time.Duration) {
	for n := range count {
		ns := handle(s, 2, fmt.Sprintf("a0b0c0d0e0%02d", n), fact.RoleOther, "")
		ns.Made = facttest.Taken.Add(-ago)
	}
}

func waiting(s *fact.Snapshot, times int) {
	for n := range times {
		facttest.Say(s, 2, time.Duration(10*n)*time.Second, fact.Statement{From: fact.FromKernel, ID: "netns-leak", Count: 1,
			Text: "unregister_netdevice: waiting for lo to become free. Usage count = 1"})
	}
}

func TestNetnsLeak(t *testing.T) {
	id := "netns-leak"
	mutations(t, []mutation{
		{name: "handles and the kernel's word", mutate: func(s *fact.Snapshot) { leak(s, 1, time.Hour); waiting(s, 6) }, want: want{id: id, node: "n2", subject: "n2", certainty: check.Strong}},
		{name: "many handles", mutate: func(s *fact.Snapshot) { leak(s, 4, time.Hour) }, want: want{id: id, node: "n2", subject: "n2", certainty: check.Hint}},
		{name: "the kernel's word alone", mutate: func(s *fact.Snapshot) { waiting(s, 3) }, want: want{id: id, node: "n2", certainty: check.Hint}},
		{name: "a build", mutate: func(s *fact.Snapshot) { leak(s, 1, time.Hour) }, check: id, answer: check.OK},
		{name: "containers that come and go", mutate: func(s *fact.Snapshot) { leak(s, 9, time.Minute) }, check: id, answer: check.OK},
		{name: "a kernel that waits for a socket", mutate: func(s *fact.Snapshot) { waiting(s, 2) }, check: id, answer: check.OK},
		{name: "overlays and their balancers", mutate: func(s *fact.Snapshot) {
			for n := range 4 {
				handle(s, 2, fmt.Sprintf("1-netgone%03d", n), fact.RoleOther, "").Made = facttest.Taken.Add(-time.Hour)
			}
			handle(s, 2, "default", fact.RoleOther, "").Made = facttest.Taken.Add(-time.Hour)
		}, check: id, answer: check.OK},
		{name: "nobody asked the engine", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindContainers) }, check: id, answer: check.Unknown},
	})
}
