package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"fairway/internal/collect"
	"fairway/internal/expect"
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
	wg.Go(func() { out.Seen.Published = p.Published(ctx, r.Probes.Published) })
	wg.Go(func() { out.Seen.DataPath = p.DataPath(ctx, r.Probes.DataPath) })
	wg.Wait()
	out.Seen.Made = p.Budget.Made()
	return out, nil
}

// flows counts what passes in the host's own namespace, which must be one of
// the request's Spaces.
func (l *local) flows(ctx context.Context, r fleet.WatchRequest) ([]fact.Flow, []fact.Gap) {
	in := &entrances{local: l, spaces: r.Spaces}
	defer in.close()
	node := l.request().Node
	gap := func(err error) []fact.Gap {
		return []fact.Gap{{Node: node, Kind: fact.KindUnderlay, NetNS: "host", Class: flowClass(err), Reason: err.Error()}}
	}
	host, err := in.enter(fact.Source{Node: node})
	if err != nil {
		return nil, gap(err)
	}
	var flows [2][]fact.Flow
	var gaps [2][]fact.Gap
	var wg sync.WaitGroup
	count := func(i int, vni uint32, base fact.Flow) {
		wg.Go(func() {
			var err error
			if flows[i], err = probe.Count(ctx, host, r.For, vni, base); err != nil {
				gaps[i] = gap(err)
			}
		})
	}
	if r.Gossip {
		count(0, 0, fact.Flow{Node: node, What: "gossip", Port: expect.GossipPort})
	}
	if r.DataPath != 0 {
		count(1, r.VNI, fact.Flow{Node: node, What: "data path", Port: r.DataPath})
	}
	wg.Wait()
	return slices.Concat(flows[:]...), slices.Concat(gaps[:]...)
}

// flowClass says what stood in the way of counting.
func flowClass(err error) fact.Class {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fact.ClassPermission
	case errors.Is(err, fs.ErrNotExist):
		return fact.ClassNotExist
	case errors.Is(err, errors.ErrUnsupported):
		return fact.ClassUnsupported
	}
	return fact.ClassGarbled
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
