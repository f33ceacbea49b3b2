package cli

import (
	"context"
	"fmt"
	"sync"

	"fairway/internal/collect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
	"fairway/internal/netns"
	"fairway/internal/probe"
)

// Probe implements fleet.Node.
func (l *local) Probe(ctx context.Context, r fleet.ProbeRequest) (*fleet.ProbeAnswer, error) {
	in := &entrances{local: l, spaces: r.Spaces}
	defer in.close()
	p := &probe.Prober{Budget: probe.NewBudget(r.Limit), Enter: in.enter}
	out := &fleet.ProbeAnswer{}
	var wg sync.WaitGroup
	wg.Go(func() { out.Seen.TCP = p.TCP(ctx, r.Probes.TCP) })
	wg.Go(func() { out.Seen.DNS = p.DNS(ctx, r.Probes.DNS) })
	wg.Go(func() { out.Seen.MTU = p.MTU(ctx, r.Probes.MTU) })
	wg.Go(func() { out.Seen.Peers = p.Peers(ctx, r.Probes.Peers) })
	wg.Wait()
	out.Seen.Made = p.Budget.Made()
	return out, nil
}

// entrances are the namespaces that the probes of one request start in.
type entrances struct {
	local  *local
	spaces []fleet.Space

	mu   sync.Mutex
	open map[string]*netns.NS
}

// enter finds the namespace of a source by the name and inode under which it
// was read; a source without one means the host's own.
func (e *entrances) enter(src fact.Source) (probe.Sockets, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ns := e.open[src.NetNS]; ns != nil {
		return ns, nil
	}
	for _, s := range e.spaces {
		if s.Name != src.NetNS && (src.NetNS != "" || s.Role != fact.RoleHost) {
			continue
		}
		ns, err := collect.Enter(e.local.request(), &fact.NetNS{Name: s.Name, Inode: s.Inode, Role: s.Role})
		if err != nil {
			return nil, err
		}
		if e.open == nil {
			e.open = map[string]*netns.NS{}
		}
		e.open[src.NetNS] = ns
		return ns, nil
	}
	return nil, fmt.Errorf("enter the namespace %q: it was not read", src.NetNS)
}

func (e *entrances) close() {
	for _, ns := range e.open {
		ns.Close()
	}
}
