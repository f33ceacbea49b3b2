package cli

import (
	"context"
	"fmt"
	"sync"

	"fairway/internal/collect"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/netns"
	"fairway/internal/probe"
)

// senses are the namespaces that probes start in, and the budget that both
// looks share.
type senses struct {
	mu     sync.Mutex
	open   map[uint64]*netns.NS // by inode
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
func (x *senses) send(ctx context.Context, s *fact.Snapshot, req collect.KernelRequest, plan expect.Plan) {
	if x.budget == nil {
		x.budget = probe.NewBudget(probe.PerPair)
	}
	p := &probe.Prober{Budget: x.budget, Enter: func(src fact.Source) (probe.Sockets, error) { return x.enter(s, req, src) }}
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

// enter finds the namespace of a source: a container's by the handle that was
// read, the host's own otherwise.
func (x *senses) enter(s *fact.Snapshot, req collect.KernelRequest, src fact.Source) (probe.Sockets, error) {
	kernel := s.NodeNamed(src.Node).Kernel
	held := kernel.Named(src.NetNS)
	if src.NetNS == "" {
		held = kernel.Host()
	}
	if held == nil {
		return nil, fmt.Errorf("enter the namespace %q on %s: it was not read", src.NetNS, src.Node)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if ns := x.open[held.Inode]; ns != nil {
		return ns, nil
	}
	ns, err := collect.Enter(req, held)
	if err != nil {
		return nil, err
	}
	if x.open == nil {
		x.open = map[uint64]*netns.NS{}
	}
	x.open[held.Inode] = ns
	return ns, nil
}

// close lets the namespaces go.
func (x *senses) close() {
	for _, ns := range x.open {
		ns.Close()
	}
}
