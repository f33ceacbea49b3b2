package cli

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"fairway/internal/collect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// local is this host as a fleet.Node: its engine and its kernel.
type local struct {
	engine *collect.Engine
	// netnsDir is the folder of the engine's handles; empty: where the engine's
	// containers say.
	netnsDir string
	logs     logPlaces
	// trusted: this process runs where the engine does, whatever its socket says.
	trusted bool
	now     func() time.Time

	mu sync.Mutex
	// last is what the engine believed when it was asked last.
	last *fact.Engine
	// proven: the kernel of this host was proven to be the engine's.
	proven bool
}

// maxPeers bounds the route look-ups of one node.
const maxPeers = 1024

// Hello implements fleet.Node.
func (l *local) Hello(context.Context) (*fleet.Hello, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := &fleet.Hello{Protocol: fleet.Protocol, Tool: Version(), Clock: l.now()}
	if l.last != nil {
		h.Node, h.Name = l.last.Swarm.NodeID, l.last.Name
	}
	return h, nil
}

// engineSeen is what the engine believed when it was asked last, or nil.
func (l *local) engineSeen() *fact.Engine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Look implements fleet.Node.
func (l *local) Look(ctx context.Context, r fleet.LookRequest) (*fleet.LookAnswer, error) {
	engine, gaps := l.engine.Believed(ctx)
	out := &fleet.LookAnswer{Gaps: gaps, Clock: l.now()}
	if engine == nil {
		return out, nil
	}
	l.mu.Lock()
	l.last = engine
	l.mu.Unlock()
	out.Node = fact.Node{ID: engine.Swarm.NodeID, Name: engine.Name, Engine: engine}
	req := l.request()
	req.Peers, req.Resolv, req.Ports = routesTo(r.Peers, engine), ours(engine, r), r.Ports
	kernel, held := collect.Kernel(ctx, req)
	out.Node.Kernel = kernel
	l.mu.Lock()
	l.proven = kernel != nil
	l.mu.Unlock()
	engine.WritesRules = collect.WritesRules(kernel)
	out.Gaps = append(out.Gaps, held...)
	out.Clock = l.now()
	return out, nil
}

// Watch implements fleet.Node.
func (l *local) Watch(ctx context.Context, r fleet.WatchRequest) (*fleet.WatchAnswer, error) {
	out := &fleet.WatchAnswer{}
	if r.For > 0 && (r.Gossip || r.DataPath != 0) {
		out.Flows, out.Gaps = l.flows(ctx, r)
	}
	if r.Counters {
		again := make([]collect.Again, 0, len(r.Spaces))
		for _, s := range r.Spaces {
			again = append(again, collect.Again{Held: fact.NetNS{Name: s.Name, Inode: s.Inode, Role: s.Role}, Rules: s.Rules, IPVS: s.IPVS})
		}
		var gaps []fact.Gap
		out.Counters, gaps = collect.Counters(ctx, l.request(), again)
		out.Gaps = append(out.Gaps, gaps...)
	}
	return out, nil
}

// Logs implements fleet.Node. Another host's logs are never read as the
// engine's.
func (l *local) Logs(ctx context.Context, r fleet.LogRequest) (*fleet.LogAnswer, error) {
	l.mu.Lock()
	ours := l.trusted || l.proven
	l.mu.Unlock()
	if !ours {
		return &fleet.LogAnswer{Gaps: []fact.Gap{{Kind: fact.KindLogs, Class: fact.ClassUnseen,
			Reason: "read the logs of the engine: nothing shows that it runs on this host", Do: "run fairway there, as root, or `fairway deploy`"}}}, nil
	}
	req := collect.LogRequest{Windows: r.Windows, Kmsg: l.logs.ring, MaxLines: cmp.Or(r.Lines, fleet.MaxLines), MaxBytes: fleet.MaxLogBytes}
	if e := l.engineSeen(); e != nil {
		req.Node = e.Name
	}
	if l.logs.engine != "" {
		req.EngineLogs = []string{l.logs.engine}
	}
	said, gaps := collect.Logs(ctx, req)
	out := &fleet.LogAnswer{Gaps: gaps}
	if said != nil {
		out.Said = *said
	}
	return out, nil
}

// Close implements fleet.Node.
func (l *local) Close() error {
	l.engine.Close()
	return nil
}

// request is what the kernel collector needs to know of this host.
func (l *local) request() collect.KernelRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	req := collect.KernelRequest{Engine: l.last, NetnsDir: l.netnsDir, Archive: l.engine.Archive}
	if l.last != nil {
		req.Node = l.last.Name
	}
	return req
}

// ours lists the containers of this engine that are in question: by ID, or by
// one of the names, a service's all.
func ours(e *fact.Engine, r fleet.LookRequest) []fact.ContainerID {
	var out []fact.ContainerID
	for _, c := range e.Containers {
		if slices.Contains(r.Resolv, c.ID) || slices.Contains(r.Names, c.Name) ||
			c.ServiceName != "" && slices.Contains(r.Names, c.ServiceName) || slices.Contains(r.Names, string(c.ID)) {
			out = append(out, c.ID)
		}
	}
	return out
}

// routesTo lists the addresses to ask the host for a route to: those asked for,
// and those that the engine itself sends to.
func routesTo(asked []netip.Addr, e *fact.Engine) []netip.Addr {
	out := slices.Clone(asked)
	for _, n := range e.Networks {
		for _, p := range n.Peers {
			out = append(out, p.IP)
		}
		for _, s := range n.Services {
			for _, t := range s.Tasks {
				out = append(out, t.HostIP)
			}
		}
	}
	for _, m := range e.Swarm.Managers {
		out = append(out, m.Addr())
	}
	slices.SortFunc(out, netip.Addr.Compare)
	out = slices.DeleteFunc(slices.Compact(out), func(a netip.Addr) bool { return !a.IsValid() || a == e.Swarm.NodeAddr })
	return out[:min(len(out), maxPeers)]
}
