package check

import (
	"fmt"
	"slices"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

func (in *In) gossipFlows() []fact.Flow {
	var out []fact.Flow
	for _, f := range in.Seen.Flows {
		if f.What == "gossip" {
			out = append(out, f)
		}
	}
	return out
}

// gossipConnects: the gossip port of one end of a pair takes the other's
// connections, and none that was tried failed.
func (in *In) gossipConnects(p *pair) bool {
	open := false
	for _, q := range in.Seen.Peers {
		between := q.Node == p.Node.Name && q.Peer == p.Peer.ID || q.Node == p.Peer.Name && q.Peer == p.Node.ID
		if q.What != "gossip" || !between || q.Outcome == fact.ProbeError {
			continue
		}
		if q.Outcome != fact.Open {
			return false
		}
		open = true
	}
	return open
}

// readGossip reads both directions of gossip's own datagrams between a pair.
func (in *In) readGossip(p *pair) [2]reading {
	return [2]reading{in.readFlow(p.Node.Name, p.Peer.Name), in.readFlow(p.Peer.Name, p.Node.Name)}
}

// few is how many packets say nothing yet: watches at two ends do not begin and
// end in the same moment.
const few = 1

// readFlow tells by counts at one end or both where gossip's datagrams end. Each
// that comes is answered (memberlist's ping and acknowledgement), so silence
// means something only beside packets that did pass.
func (in *In) readFlow(from, to string) reading {
	r := reading{From: from, To: to, Port: expect.GossipPort}
	there, here := in.flow(to, from), in.flow(from, to) // what the receiver counted, and the sender
	r.Evidence.Where, r.Evidence.Want = fmt.Sprintf("%s → %s: gossip by UDP %d", from, to, expect.GossipPort), "packets arrive, and pass the firewall"
	switch {
	case there != nil && there.Host > 0:
		r.Stop = stopNone
	case there != nil && there.In > few:
		r.Stop, r.Evidence.Got = stopReceiver, fmt.Sprintf("%d arrive at %s in %v, and it drops them", there.In, to, seconds(there))
	case here != nil && here.Out == 0 && here.In > few:
		r.Stop, r.Evidence.Got = stopSender, fmt.Sprintf("%d come from %s in %v, none leaves for it", here.In, to, seconds(here))
	case here != nil && there != nil && here.Out > few && there.In == 0:
		r.Stop, r.Evidence.Got = stopWire, fmt.Sprintf("%d leave %s in %v, none arrives", here.Out, from, seconds(here))
	case here == nil && there != nil && there.Out > few && there.In == 0:
		r.Stop, r.Evidence.Got = stopWire, fmt.Sprintf("%s sends %d in %v, none comes back", to, there.Out, seconds(there))
	case here != nil || there != nil:
		in.Blind("%s → %s: too few packets of gossip passed to tell", from, to)
	}
	return r
}

func seconds(f *fact.Flow) time.Duration { return f.For.Round(time.Second) }

// flow is what a node counted of its gossip with a peer, nil where it did not.
func (in *In) flow(node, peer string) *fact.Flow {
	id := nodeNamed(in.Snapshot, peer)
	a := expect.Advertised(in.Snapshot, id)
	flows := in.gossipFlows()
	i := slices.IndexFunc(flows, func(f fact.Flow) bool { return f.Node == node && f.Peer == a && a.IsValid() })
	if i < 0 {
		return nil
	}
	return &flows[i]
}

// gossipSilent: the peer's gossip port does not answer although its host does,
// as far as anybody asked, or this node's does not answer the peer; a peer that
// is silent everywhere is another cause.
func (in *In) gossipSilent(p *pair) bool {
	gossip, manager := in.asked(p.Node, &p.Peer, "gossip"), in.asked(p.Node, &p.Peer, "manager")
	back := in.askedBack(p)
	if len(gossip) == 0 && back == nil {
		in.Blind("%s: TCP %d of %s was not tried", p.Node.Name, expect.GossipPort, p.Peer.Name)
		return false
	}
	if len(manager) > 0 && manager[0].Outcome != fact.Open {
		return false
	}
	if len(gossip) > 0 && gossip[0].Outcome != fact.Open {
		p.Evidence = append(p.Evidence, Evidence{fmt.Sprintf("%s → %s", p.Node.Name, gossip[0].Target), "open", string(gossip[0].Outcome)})
	}
	if back != nil && back.Outcome != fact.Open {
		p.Evidence = append(p.Evidence, Evidence{fmt.Sprintf("%s → %s", p.Peer.Name, back.Target), "open", string(back.Outcome)})
	}
	return len(p.Evidence) > 0
}

// askedBack is a peer's own probe of a node's gossip port, nil for none. It says
// nothing where the peer does not reach that host at all.
func (in *In) askedBack(p *pair) *fact.PeerProbe {
	var out *fact.PeerProbe
	for i := range in.Seen.Peers {
		q := &in.Seen.Peers[i]
		if q.Node != p.Peer.Name || q.Peer != p.Node.ID || q.Peer == "" || q.Outcome == fact.ProbeError || in.Node(p.Peer.ID) == nil {
			continue
		}
		switch {
		case q.What == "gossip" && (out == nil || q.Outcome != fact.Open):
			out = q
		case q.What == "manager" && q.Outcome != fact.Open:
			return nil
		}
	}
	return out
}
