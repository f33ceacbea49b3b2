package cli

import (
	"context"
	"fmt"
	"sync"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/netns"
	"fairway/internal/probe"
)

// senses are the namespaces that probes start in, and the budget that both
// looks share.
type senses struct {
	mu     sync.Mutex
	open   map[string]*netns.NS
	budget *probe.Budget
}

// made is how many TCP connections were opened so far.
func (x *senses) made() int {
	if x.budget == nil {
		return 0
	}
	return x.budget.Made()
}

// send carries out a plan, every kind of probe at once, and notes the results.
func (x *senses) send(ctx context.Context, s *fact.Snapshot, plan expect.Plan) {
	if x.budget == nil {
		x.budget = probe.NewBudget(probe.PerPair)
	}
	p := &probe.Prober{Budget: x.budget, Enter: func(src fact.Source) (probe.Sockets, error) { return x.enter(s, src) }}
	var got fact.Seen
	var wg sync.WaitGroup
	wg.Go(func() { got.TCP = p.TCP(ctx, plan.TCP) })
	wg.Go(func() { got.DNS = p.DNS(ctx, plan.DNS) })
	wg.Go(func() { got.MTU = p.MTU(ctx, plan.MTU) })
	wg.Go(func() { got.Peers = p.Peers(ctx, plan.Peers) })
	wg.Wait()
	s.Seen.TCP = append(s.Seen.TCP, got.TCP...)
	s.Seen.DNS = append(s.Seen.DNS, got.DNS...)
	s.Seen.MTU = append(s.Seen.MTU, got.MTU...)
	s.Seen.Peers = append(s.Seen.Peers, got.Peers...)
}

// enter finds the namespace of a source: a container's by the handle that its
// engine named, the host's own otherwise.
func (x *senses) enter(s *fact.Snapshot, src fact.Source) (probe.Sockets, error) {
	path := "/proc/thread-self/ns/net"
	if src.Container != "" {
		c := s.NodeNamed(src.Node).Engine.Container(src.Container)
		if c == nil || c.SandboxKey == "" {
			return nil, fmt.Errorf("enter the namespace of container %s: the engine names no handle for it", src.Container)
		}
		path = c.SandboxKey
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if ns := x.open[path]; ns != nil {
		return ns, nil
	}
	ns, err := netns.Open(path)
	if err != nil {
		return nil, err
	}
	if x.open == nil {
		x.open = map[string]*netns.NS{}
	}
	x.open[path] = ns
	return ns, nil
}

// close lets the namespaces go.
func (x *senses) close() {
	for _, ns := range x.open {
		ns.Close()
	}
}
