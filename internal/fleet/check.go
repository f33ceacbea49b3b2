package fleet

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"fairway/internal/fact"
)

// Checked believes a node only what it can know: that it is the node asked for,
// answers to the very questions that were put, facts and gaps about itself.
// Everything else is an error of that call. hash is the SHA-256 that its
// program must have; empty: any.
func Checked(asked fact.NodeID, hash string, n Node) Node {
	return &checked{Node: n, asked: asked, hash: hash}
}

type checked struct {
	Node
	asked fact.NodeID
	hash  string

	mu sync.Mutex
	// name is the host name that its last look told.
	name string
}

func (c *checked) called() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name
}

func (c *checked) Hello(ctx context.Context) (*Hello, error) {
	h, err := c.Node.Hello(ctx)
	if err == nil {
		err = CheckHello(c.asked, c.hash, h)
	}
	return orNone(h, err)
}

func (c *checked) Look(ctx context.Context, r LookRequest) (*LookAnswer, error) {
	a, err := c.Node.Look(ctx, r)
	if err == nil {
		err = CheckLook(c.asked, a)
	}
	if err == nil && a.Node.Engine != nil {
		c.mu.Lock()
		c.name = a.Node.Name
		c.mu.Unlock()
	}
	return orNone(a, err)
}

func (c *checked) Probe(ctx context.Context, r ProbeRequest) (*ProbeAnswer, error) {
	a, err := c.Node.Probe(ctx, r)
	if err == nil {
		err = CheckProbe(c.called(), &r, a)
	}
	return orNone(a, err)
}

func (c *checked) Watch(ctx context.Context, r WatchRequest) (*WatchAnswer, error) {
	a, err := c.Node.Watch(ctx, r)
	if err == nil {
		err = CheckWatch(c.called(), &r, a)
	}
	return orNone(a, err)
}

func (c *checked) Logs(ctx context.Context, r LogRequest) (*LogAnswer, error) {
	a, err := c.Node.Logs(ctx, r)
	if err == nil {
		err = CheckLogs(c.called(), &r, a)
	}
	return orNone(a, err)
}

func orNone[T any](a *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

// CheckHello compares what answers with what was meant. A node whose engine did
// not answer does not know its own ID and passes.
func CheckHello(asked fact.NodeID, hash string, h *Hello) error {
	switch {
	case h.Protocol != Protocol:
		return fmt.Errorf("it speaks version %d of the agents' protocol and this is version %d: use the same fairway on both ends (it is %s)",
			h.Protocol, Protocol, clean(h.Tool))
	case hash != "" && h.Hash != hash:
		return fmt.Errorf("its program has hash %.12s and not %.12s: something else runs there; run `fairway deploy` again", clean(h.Hash), hash)
	case asked != "" && h.Node != "" && h.Node != asked:
		return fmt.Errorf("it says that it is node %.25s and not %s: two nodes share an address, or something stands between", clean(string(h.Node)), asked)
	}
	return nil
}

// CheckLook holds a look to one node: itself, under one name.
func CheckLook(asked fact.NodeID, a *LookAnswer) error {
	n := &a.Node
	switch {
	case n.Engine == nil && (n.Kernel != nil || n.ID != "" || n.Name != ""):
		return fmt.Errorf("its answer has a node without an engine")
	case n.Engine == nil:
	case asked != "" && n.ID != asked:
		return fmt.Errorf("its answer is about node %.25q and not %s", n.ID, asked)
	case n.Engine.Swarm.NodeID != n.ID || n.Engine.Name != n.Name:
		return fmt.Errorf("its answer names two nodes: %.25q (%.64q) and %.25q (%.64q)", n.ID, n.Name, n.Engine.Swarm.NodeID, n.Engine.Name)
	}
	return checkGaps(n.Name, a.Gaps)
}

// checkGaps: a gap that hides somebody else's facts is no gap of this node. An
// empty name is that of an engine that did not answer.
func checkGaps(name string, gaps []fact.Gap) error {
	for _, g := range gaps {
		if g.Node != name && g.Node != "" {
			return fmt.Errorf("its answer has a gap of node %.64q", g.Node)
		}
		if !slices.Contains(fact.Kinds(), g.Kind) {
			return fmt.Errorf("its answer has a gap of the unknown kind %.64q", g.Kind)
		}
	}
	return nil
}

// CheckProbe holds results of the node of that name to the questions: as many,
// in that order, and none about anything else.
func CheckProbe(name string, r *ProbeRequest, a *ProbeAnswer) error {
	q, s := &r.Probes, &a.Seen
	if len(s.Flows) > 0 {
		return fmt.Errorf("its answer has flows that were not asked for")
	}
	if most := 2*(len(q.TCP)+len(q.Peers)) + asked(q.Published); s.Made < 0 || s.Made > most {
		return fmt.Errorf("its answer tells of %d connections where %d are the most", s.Made, most)
	}
	err := firstOf(
		same("tcp", q.TCP, s.TCP, func(q, a *fact.TCPProbe) bool {
			return q.From == a.From && q.To == a.To && q.Network == a.Network && q.Target == a.Target && sane(a.Outcome, a.RTT) && a.Tries >= 0 && a.Tries <= 2
		}),
		same("dns", q.DNS, s.DNS, func(q, a *fact.DNSProbe) bool {
			return q.From == a.From && q.Server == a.Server && q.Name == a.Name && q.Type == a.Type && sane(a.Outcome, a.RTT)
		}),
		same("mtu", q.MTU, s.MTU, func(q, a *fact.MTUProbe) bool {
			return q.From == a.From && q.To == a.To && q.Network == a.Network && q.Target == a.Target && q.MTU == a.MTU &&
				packet(a.Passed) && packet(a.Failed) && packet(a.ToldMTU)
		}),
		same("peer", q.Peers, s.Peers, func(q, a *fact.PeerProbe) bool {
			return q.Node == a.Node && q.Peer == a.Peer && q.Target == a.Target && q.What == a.What && sane(a.Outcome, a.RTT)
		}),
		same("published port", q.Published, s.Published, samePublished),
		same("data path", q.DataPath, s.DataPath, func(q, a *fact.DataPathProbe) bool {
			return q.Node == a.Node && q.Peer == a.Peer && q.Target == a.Target && q.VNI == a.VNI && q.Size == a.Size &&
				a.Sent >= 0 && a.Sent <= 100 && !a.Counted && a.Wire == 0 && a.Host == 0
		}))
	if err != nil {
		return err
	}
	return checkGaps(name, a.Gaps)
}

// samePublished: the answer repeats its question, and has no more requests than
// were asked for.
func samePublished(q, a *fact.PublishedProbe) bool {
	bare := *a
	bare.Requests = nil
	ours := *q
	ours.Requests = nil
	return len(a.Requests) <= q.Count && reflect.DeepEqual(ours, bare) && !slices.ContainsFunc(a.Requests, func(r fact.Request) bool {
		return !sane(r.Outcome, r.Connect) || !sane(r.Outcome, r.Took) || r.Status < 0 || r.Status > 999 || r.Status != 0 && silent(q) ||
			len(r.Err) > maxWords || len(r.Note) > maxWords
	})
}

// maxWords is how many bytes may say how one request ended (package probe says
// it in fewer).
const maxWords = 1024

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func same[T any](what string, asked, got []T, ok func(q, a *T) bool) error {
	if len(asked) != len(got) {
		return fmt.Errorf("its answer has %d %s probes, %d were asked for", len(got), what, len(asked))
	}
	for i := range asked {
		if !ok(&asked[i], &got[i]) {
			return fmt.Errorf("its answer to %s probe %d is no answer to what was asked", what, i+1)
		}
	}
	return nil
}

// sane: an outcome we know, within a time that a probe can take.
func sane(o fact.Outcome, took time.Duration) bool {
	switch o {
	case fact.Open, fact.Refused, fact.Timeout, fact.Unreachable, fact.ProbeError:
		return took >= 0 && took < time.Minute
	}
	return false
}

func packet(size int) bool { return size >= 0 && size <= 1<<16 }

// CheckWatch holds counts of the node of that name to what was asked to be
// counted.
func CheckWatch(name string, r *WatchRequest, a *WatchAnswer) error {
	for _, f := range a.Flows {
		switch {
		case f.Node != name:
			return fmt.Errorf("its answer has a flow of node %.64q", f.Node)
		case f.What == "gossip" && r.Gossip, f.What == "data path" && r.DataPath != 0 && f.Port == r.DataPath:
		default:
			return fmt.Errorf("its answer has a flow that was not asked for: %.64q", f.What)
		}
		if f.For < 0 || f.For > 2*MaxWatch || !f.Peer.IsValid() || !packet(f.Size) {
			return fmt.Errorf("its answer has a flow from %s over %v", f.Peer, f.For)
		}
	}
	for _, c := range a.Counters {
		if c.Inode != 0 && !slices.ContainsFunc(r.Spaces, func(s Space) bool { return s.Name == c.NetNS && s.Inode == c.Inode }) {
			return fmt.Errorf("its answer has counters of a namespace that was not asked for: %.64q", c.NetNS)
		}
	}
	return checkGaps(name, a.Gaps)
}
