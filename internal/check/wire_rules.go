package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// stopper is a rule of a host that stops packets between it and a peer.
type stopper struct {
	Node *fact.Node
	By   *expect.Step
	In   bool
	What expect.Carried
}

// stops walks packets between a node and a peer through the node's own rules,
// in or out, and returns what stops them for sure; nil for nothing.
func (in *In) stops(node string, peer netip.Addr, c expect.Carried, inbound bool) *stopper {
	n := in.NodeNamed(node)
	if n == nil || n.Kernel.Host() == nil || in.Missing(n.Name, n.Kernel.Host().Name, fact.KindRules) != nil {
		return nil
	}
	c.Peer = peer
	w, ok := expect.Let(in.Snapshot, n, c, inbound)
	if !ok || !w.Stopped() {
		return nil
	}
	return &stopper{n, w.By, inbound, c}
}

// evidence names the rule and its counter.
func (s *stopper) evidence(in *In) Evidence {
	way, port := "to", "port"
	if s.In {
		way = "from"
	}
	if s.What.Answer {
		port = "source port"
	}
	return Evidence{Where: s.Node.Name + ": packet rules of the host", Got: shown(s.By),
		Want: fmt.Sprintf("%s %s %d %s %s accepted", s.What.Proto, port, s.What.Port, way, in.peerName(s.What.Peer))}
}

func (in *In) peerName(a netip.Addr) string {
	if id := expect.NodeAt(in.Snapshot, a); id != "" {
		return in.NodeName(id)
	}
	return a.String()
}

// pass is the command that accepts the packets at the head of the rule's chain.
func (s *stopper) pass() string {
	side := "dport"
	if s.What.Answer {
		side = "sport"
	}
	on := "on " + s.Node.Name + ": "
	if s.By.Family != "ip" {
		return on + fmt.Sprintf("nft insert rule %s %s %s %s %s %d accept", s.By.Family, quoted(s.By.Table), quoted(s.By.Chain), s.What.Proto, side, s.What.Port)
	}
	tool := iptablesOf(s.Node.Kernel.Host(), s.By.Backend)
	if s.By.Table != "filter" {
		tool += " -t " + s.By.Table
	}
	return on + fmt.Sprintf("%s -I %s -p %s --%s %d -j ACCEPT", tool, quoted(s.By.Chain), s.What.Proto, side, s.What.Port)
}

// ruled adds to what two ends said of a pair the rules of the hosts that stop
// the packets. Where packets were seen to pass, or to be lost elsewhere, rules
// say nothing; where nobody could count, they alone tell.
func (in *In) ruled(read func(*pair) [2]reading, at func(fact.NodeID) netip.Addr) func(*pair) [2]reading {
	return func(p *pair) [2]reading {
		r := read(p)
		for i := range r {
			one := &r[i]
			from, to := nodeNamed(in.Snapshot, one.From), nodeNamed(in.Snapshot, one.To)
			c := expect.Carried{Proto: "udp", Port: one.Port}
			if one.Stop == stopUnknown || one.Stop == stopSender {
				one.By = in.stops(one.From, at(to), c, false)
			}
			if one.By == nil && (one.Stop == stopUnknown || one.Stop == stopReceiver) {
				one.By = in.stops(one.To, at(from), c, true)
			}
			if one.By != nil && one.Stop == stopUnknown {
				one.Stop, one.Evidence = stopSender, one.By.evidence(in)
				if one.By.In {
					one.Stop = stopReceiver
				}
			}
		}
		return r
	}
}

// vtepOf is where overlay packets to a node go, gossipOn where its gossip does.
func (in *In) vtepOf(id fact.NodeID) netip.Addr   { return expect.VTEP(in.Snapshot, id) }
func (in *In) gossipOn(id fact.NodeID) netip.Addr { return expect.Advertised(in.Snapshot, id) }

// gossipStoppers are the rules of a pair's nodes that stop gossip between them,
// by either protocol, in or out, asked or answered.
func (in *In) gossipStoppers(p *pair) []*stopper {
	var out []*stopper
	add := func(node string, peer fact.NodeID) {
		for _, proto := range []string{"tcp", "udp"} {
			for _, inbound := range []bool{true, false} {
				for _, answer := range []bool{false, true} {
					s := in.stops(node, in.gossipOn(peer), expect.Carried{Proto: proto, Port: expect.GossipPort, Answer: answer}, inbound)
					if s != nil && (!answer || proto == "tcp") {
						out = append(out, s)
					}
				}
			}
		}
	}
	add(p.Node.Name, p.Peer.ID)
	add(p.Peer.Name, p.Node.ID)
	return out
}

// gossipRules proves a fault of gossip by rules of the hosts: those that stop its
// TCP connections convict their node, and all that stop gossip are relieved.
func (in *In) gossipRules(f *fault) (relief []string) {
	var guilty []string
	for i := range f.Pairs {
		for _, s := range in.gossipStoppers(&f.Pairs[i]) {
			if e := s.evidence(in); !slices.Contains(f.Evidence, e) {
				f.Evidence = append(f.Evidence, e)
			}
			if c := s.pass(); !slices.Contains(relief, c) {
				relief = append(relief, c)
			}
			if s.What.Proto == "tcp" && !slices.Contains(guilty, s.Node.Name) {
				guilty = append(guilty, s.Node.Name)
			}
		}
	}
	if len(guilty) == 1 && f.Node != "" {
		f.Certainty = Proof
		if f.Peer == guilty[0] {
			f.Node, f.Peer = f.Peer, f.Node
			f.Subject = in.NodeSubject(nodeNamed(in.Snapshot, f.Peer))
		}
	}
	if len(guilty) == 0 {
		return nil
	}
	return relief
}
