package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"fairway/internal/collect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// agent is this host as others see it: local, but only what Allow allows, and
// with an engine that may come, go and come back.
type agent struct {
	where    collect.Where
	netnsDir string
	logs     logPlaces
	log      *slog.Logger
	hash     func() string
	idle     *time.Timer
	places   fleet.Places

	mu sync.Mutex
	// here is nil until the engine has answered.
	here *local
}

// agentIdle is how long after the last request memory goes back to the kernel.
const agentIdle = 10 * time.Second

func newAgent(w collect.Where, netnsDir string, logs logPlaces, log *slog.Logger) *agent {
	a := &agent{where: w, netnsDir: netnsDir, logs: logs, log: log, hash: sync.OnceValue(ownHash)}
	a.idle = time.AfterFunc(agentIdle, giveBack)
	return a
}

// ownHash is the SHA-256 of this very program; empty when it cannot be read.
func ownHash() string {
	path, err := os.Executable() // on Linux /proc/self/exe, even when the file is gone
	if _, e := os.Stat("/proc/self/exe"); e == nil {
		path, err = "/proc/self/exe", nil
	}
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// node is this host, as soon as its engine has answered once.
func (a *agent) node(ctx context.Context) (*local, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.here != nil {
		return a.here, nil
	}
	engine, err := collect.Dial(ctx, a.where)
	if err != nil {
		return nil, err
	}
	l := &local{engine: engine, netnsDir: a.netnsDir, logs: a.logs, trusted: true, now: a.where.Now}
	if err := l.meet(ctx); err != nil {
		engine.Close()
		return nil, err
	}
	a.here = l
	return l, nil
}

// meet has the engine say who it is.
func (l *local) meet(ctx context.Context) error {
	self, gaps := l.engine.Self(ctx)
	switch {
	case self != nil:
	case len(gaps) > 0:
		return errors.New(gaps[0].Reason)
	default:
		return errors.New("the engine does not say who it is")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = self
	return nil
}

// believe asks the engine for all that it believes; where it does not answer,
// what was known stays.
func (l *local) believe(ctx context.Context) *fact.Engine {
	e, _ := l.engine.Believed(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if e != nil {
		l.last = e
	}
	return l.last
}

// own is this node's address in the Swarm.
func (a *agent) own(ctx context.Context) (netip.Addr, error) {
	l, err := a.node(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	if at := l.engineSeen().Swarm.NodeAddr; at.IsValid() && !at.IsUnspecified() {
		return at, nil
	}
	a.forget() // it may have joined by the next time
	return netip.Addr{}, errors.New("the engine knows no address of this node in the Swarm")
}

func (a *agent) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.here != nil {
		a.here.engine.Close()
	}
	a.here = nil
}

// Hello implements fleet.Node. Without an engine there is still an answer.
func (a *agent) Hello(ctx context.Context) (*fleet.Hello, error) {
	defer a.done("hello", time.Now())
	h := &fleet.Hello{Protocol: fleet.Protocol, Tool: Version(), Hash: a.hash()}
	if l, err := a.node(ctx); err == nil {
		e := l.engineSeen()
		h.Node, h.Name = e.Swarm.NodeID, e.Name
	}
	h.Clock = a.where.Now()
	return h, nil
}

// Look implements fleet.Node.
func (a *agent) Look(ctx context.Context, r fleet.LookRequest) (*fleet.LookAnswer, error) {
	defer a.done("look", time.Now(), "routes", len(r.Peers), "resolv", len(r.Resolv), "names", len(r.Names))
	l, err := a.node(ctx)
	if err != nil {
		return &fleet.LookAnswer{Clock: a.where.Now(), Gaps: []fact.Gap{{Kind: fact.KindNode, Class: fact.ClassUnseen,
			Reason: "ask the engine of the node: " + err.Error()}}}, nil
	}
	return l.Look(ctx, r)
}

// Probe implements fleet.Node.
func (a *agent) Probe(ctx context.Context, r fleet.ProbeRequest) (*fleet.ProbeAnswer, error) {
	q := &r.Probes
	defer a.done("probe", time.Now(), "tcp", len(q.TCP), "dns", len(q.DNS), "mtu", len(q.MTU), "peers", len(q.Peers), "datapath", len(q.DataPath), "published", len(q.Published))
	l, err := a.node(ctx)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	e := l.engineSeen()
	if len(e.Networks) == 0 { // nobody has looked yet
		e = l.believe(ctx)
	}
	if err := fleet.Allow(e, &r); err != nil {
		return nil, err
	}
	if err := a.places.Allow(e, &r, a.where.Now()); err != nil {
		return nil, err
	}
	return l.Probe(ctx, r)
}

// Watch implements fleet.Node.
func (a *agent) Watch(ctx context.Context, r fleet.WatchRequest) (*fleet.WatchAnswer, error) {
	defer a.done("watch", time.Now(), "for", r.For, "gossip", r.Gossip, "datapath", r.DataPath, "counters", r.Counters)
	l, err := a.node(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return l.Watch(ctx, r)
}

// Logs implements fleet.Node. Logs are there also where the engine hangs.
func (a *agent) Logs(ctx context.Context, r fleet.LogRequest) (*fleet.LogAnswer, error) {
	defer a.done("logs", time.Now(), "windows", len(r.Windows))
	a.mu.Lock()
	here := a.here
	a.mu.Unlock()
	if here == nil {
		here = &local{logs: a.logs, trusted: true, now: a.where.Now}
	}
	return here.Logs(ctx, r)
}

// Close implements fleet.Node.
func (a *agent) Close() error {
	a.idle.Stop()
	a.forget()
	return nil
}

// done writes one line about a request: how much was asked and how long it
// took, never about what.
func (a *agent) done(what string, start time.Time, how ...any) {
	a.log.Info(what, append(how, "took", time.Since(start).Round(time.Millisecond))...)
	a.idle.Reset(agentIdle)
}
