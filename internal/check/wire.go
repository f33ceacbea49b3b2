package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// stop is where packets from one host to another end.
type stop int

const (
	// stopUnknown: nobody sent, or nobody counted.
	stopUnknown stop = iota
	// stopNone: they reach the other host's sockets.
	stopNone
	// stopSender: they do not leave the sender.
	stopSender
	// stopWire: they leave it and do not come to the receiver.
	stopWire
	// stopReceiver: they come to it and it drops them.
	stopReceiver
)

// reading is where packets of one direction between two nodes end, and what
// shows it.
type reading struct {
	From, To string // host names
	Port     uint16
	Stop     stop
	Evidence Evidence
	// By is the rule of the culprit's that stops them, nil where none is known.
	By *stopper
}

// culprit is the host that drops the packets itself, empty for none.
func (r *reading) culprit() string {
	switch r.Stop {
	case stopSender:
		return r.From
	case stopReceiver:
		return r.To
	}
	return ""
}

// readBoth reads both directions between a pair's nodes on a UDP port.
func (in *In) readBoth(p *pair, port uint16) [2]reading {
	return [2]reading{in.read(p.Node.Name, p.Peer.ID, port), in.read(p.Peer.Name, p.Node.ID, port)}
}

// readData reads both directions on the data path port.
func (in *In) readData(p *pair) [2]reading {
	return in.readBoth(p, expect.DataPathPort(in.Snapshot, p.Node))
}

// read tells by datagrams of ours where packets to a UDP port of a peer end.
func (in *In) read(from string, to fact.NodeID, port uint16) reading {
	r := reading{From: from, To: in.NodeName(to), Port: port}
	i := slices.IndexFunc(in.Seen.DataPath, func(p fact.DataPathProbe) bool {
		return p.Node == from && p.Peer == to && to != "" && p.Target.Port() == port && p.Size == expect.DataPathSmall
	})
	if i < 0 {
		return r
	}
	p := &in.Seen.DataPath[i]
	r.Evidence.Where = fmt.Sprintf("%s → %s: datagrams to UDP %d", r.From, r.To, port)
	r.Evidence.Want = "arrive, and pass the firewall"
	switch out, watched := in.leftBy(p); {
	case p.Sent == 0 && p.Err == "operation not permitted":
		r.Stop, r.Evidence.Got = stopSender, fmt.Sprintf("%s itself refuses to send: %s", from, p.Err)
	case p.Sent == 0 || !p.Counted:
	case p.Host > 0:
		r.Stop, r.Evidence.Got = stopNone, fmt.Sprintf("%d of %d arrive and pass its firewall", p.Host, p.Sent)
	case p.Wire > 0:
		r.Stop, r.Evidence.Got = stopReceiver, fmt.Sprintf("%d of %d arrive at %s, and it drops them", p.Wire, p.Sent, r.To)
	case watched && out == 0:
		r.Stop, r.Evidence.Got = stopSender, fmt.Sprintf("%s accepts them and none leaves its interface", from)
	default:
		r.Stop, r.Evidence.Got = stopWire, fmt.Sprintf("%d leave %s, none arrives", p.Sent, from)
	}
	return r
}

// leftBy counts what a sender's own interface sent; watched is false where the
// sender saw none of its packets to anybody leave, so perhaps cannot.
func (in *In) leftBy(p *fact.DataPathProbe) (out uint64, watched bool) {
	for _, f := range in.Seen.Flows {
		if f.Node == p.Node && f.What == "data path" && f.Out > 0 {
			watched = true
			if f.Peer == p.Target.Addr() && f.Port == p.Target.Port() && f.Size == p.Size {
				out += f.Out
			}
		}
	}
	return out, watched
}

// besidePasses: between the hosts of a pair a datagram to the port beside gets
// through, and to the port itself none does.
func (in *In) besidePasses(pairs []pair, port uint16) bool {
	return slices.ContainsFunc(pairs, func(p pair) bool {
		at, beside := in.readBoth(&p, port), in.readBoth(&p, expect.NeighbourPort(port))
		for i := range at {
			if at[i].Stop == stopWire && (beside[i].Stop == stopNone || beside[i].Stop == stopReceiver) {
				return true
			}
		}
		return false
	})
}

// encrypted is the name of a network whose packets go as ESP, empty for others.
func (in *In) encrypted(id fact.NetworkID) string {
	if n := expect.Network(in.Snapshot, id); n != nil && n.Encrypted {
		return n.Name
	}
	return ""
}

// plain leaves out pairs of encrypted networks that the hosts' own firewalls do
// not explain: a rule of theirs meets the packets before they are encrypted or
// after, what is between the hosts meets ESP, and none of our datagrams is that.
func (in *In) plain(pairs []pair) []pair {
	return slices.DeleteFunc(pairs, func(p pair) bool {
		if p.Encrypted != "" {
			in.Blind("%s → %s: %s is encrypted, and datagrams of ours say nothing of what ESP (IP protocol 50) carries", p.Node.Name, p.Peer.Name, p.Encrypted)
		}
		return p.Encrypted != ""
	})
}

// closure is what one node drops itself.
type closure struct {
	Node string
	// Port is the UDP port meant.
	Port uint16
	// In and Out are the peers whose packets it does not let in, or to whom it
	// lets none out.
	In, Out  []string
	Evidence []Evidence
	// By are the rules that do it, as far as they are known.
	By    []*stopper
	Tasks []fact.TaskID
	Nodes []fact.NodeID
}

// closures sorts bad pairs by what two ends say: those that one of their nodes
// drops itself come back as that node's closures, those where packets arrive
// both ways as good, the others as they were, with the evidence added. Where two
// ends say nothing of a pair, but one of its nodes is closed to others, that
// node is to blame: one closed port is one cause.
func (in *In) closures(bad []pair, read func(*pair) [2]reading) (closed []closure, lost, fine []pair) {
	for _, p := range bad {
		r := read(&p)
		told := false
		for _, one := range r {
			if name := one.culprit(); name != "" {
				told = true
				closed = in.blameNode(closed, name, &one, &p)
			}
		}
		switch {
		case told:
		case r[0].Stop == stopNone && r[1].Stop == stopNone:
			fine = append(fine, p)
		default:
			for _, one := range r {
				if one.Stop == stopWire {
					p.Evidence = append([]Evidence{one.Evidence}, p.Evidence...)
				}
			}
			lost = append(lost, p)
		}
	}
	lost = slices.DeleteFunc(lost, func(p pair) bool {
		r := read(&p)
		i := slices.IndexFunc(closed, func(c closure) bool { return p.touches(c.Node) })
		if i < 0 || r[0].Stop == stopWire || r[1].Stop == stopWire {
			return false
		}
		closed[i].add(&p)
		return true
	})
	slices.SortFunc(closed, func(a, b closure) int { return strings.Compare(a.Node, b.Node) })
	return closed, lost, fine
}

func (in *In) blameNode(all []closure, name string, r *reading, p *pair) []closure {
	i := slices.IndexFunc(all, func(c closure) bool { return c.Node == name })
	if i < 0 {
		i, all = len(all), append(all, closure{Node: name, Port: r.Port})
	}
	c := &all[i]
	if r.Stop == stopSender && !slices.Contains(c.Out, r.To) {
		c.Out, c.Evidence = append(c.Out, r.To), append(c.Evidence, r.Evidence)
	}
	if r.Stop == stopReceiver && !slices.Contains(c.In, r.From) {
		c.In, c.Evidence = append(c.In, r.From), append(c.Evidence, r.Evidence)
	}
	if r.By != nil {
		c.By = append(c.By, r.By)
		if e := r.By.evidence(in); e != r.Evidence && !slices.Contains(c.Evidence, e) {
			c.Evidence = append(c.Evidence, e)
		}
	}
	c.add(p)
	return all
}

func (c *closure) add(p *pair) {
	for _, t := range p.Tasks {
		if !slices.Contains(c.Tasks, t) {
			c.Tasks = append(c.Tasks, t)
		}
	}
	for _, n := range []fact.NodeID{p.Node.ID, p.Peer.ID} {
		if n != "" && !slices.Contains(c.Nodes, n) {
			c.Nodes = append(c.Nodes, n)
		}
	}
}

// finding starts the finding of a closure: the host's own kernel shows it. A
// single peer is named as the other end.
func (c *closure) finding(in *In) Finding {
	slices.Sort(c.In)
	slices.Sort(c.Out)
	slices.Sort(c.Tasks)
	slices.SortFunc(c.Evidence, func(a, b Evidence) int {
		return cmp.Or(strings.Compare(a.Where, b.Where), strings.Compare(a.Want, b.Want))
	})
	slices.SortFunc(c.By, func(a, b *stopper) int { return strings.Compare(a.pass(), b.pass()) })
	f := Finding{Certainty: Proof, Node: c.Node, Evidence: c.Evidence, Tasks: c.Tasks, Nodes: c.Nodes, Probed: true,
		Subject: in.NodeSubject(nodeNamed(in.Snapshot, c.Node))}
	if others := c.others(); len(others) == 1 && len(c.Nodes) == 2 {
		f.Peer = others[0]
	}
	return f
}

func (c *closure) others() []string {
	out := slices.Concat(c.In, c.Out)
	slices.Sort(out)
	return slices.Compact(out)
}

// told says what is dropped: "overlay packets from n1, n2", "… to n3".
func (c *closure) told(what string) string {
	var parts []string
	if len(c.In) > 0 {
		parts = append(parts, fmt.Sprintf("%s from %s", what, listed(c.In)))
	}
	if len(c.Out) > 0 {
		parts = append(parts, fmt.Sprintf("%s to %s", what, listed(c.Out)))
	}
	return strings.Join(parts, ", and ")
}

// open are the commands that let the port in or out again, as needed.
func (c *closure) open() string {
	var out []string
	for _, in := range []bool{true, false} {
		chain, whom := "OUTPUT", c.Out
		if in {
			chain, whom = "INPUT", c.In
		}
		known := false
		for _, s := range c.By {
			if s.In == in {
				known = true
				if cmd := s.pass(); !slices.Contains(out, cmd) {
					out = append(out, cmd)
				}
			}
		}
		if len(whom) > 0 && !known {
			out = append(out, "on "+c.Node+": "+accept(chain, c.Port))
		}
	}
	return strings.Join(out, "\n")
}

// accept is the command that lets UDP packets to a port pass a chain before any
// other rule.
func accept(chain string, port uint16) string {
	return fmt.Sprintf("iptables -I %s -p udp --dport %d -j ACCEPT", chain, port)
}

// ladder is what datagrams of rising size to a peer's data path port showed:
// the largest that arrived, the smallest that did not (0: all did).
type datagramLadder struct {
	Passed, Failed int
	// Refused: the sender's own kernel did not take the first that failed.
	Refused bool
	ToldMTU int
	ToldBy  netip.Addr
}

// carried reads the datagram ladder from a node to a peer, up to a size. ok is
// false where nobody counted, or not even the smallest arrived.
func (in *In) carried(from string, to fact.NodeID, port uint16, most int) (l datagramLadder, ok bool) {
	for _, p := range in.Seen.DataPath {
		if p.Node != from || p.Peer != to || p.Target.Port() != port || p.Size > most {
			continue
		}
		tooBig := p.Sent == 0 && p.Err == "message too long"
		switch {
		case p.Counted && p.Wire > 0:
			l.Passed = max(l.Passed, p.Size)
		case (p.Counted && p.Sent > 0 || tooBig) && (l.Failed == 0 || p.Size < l.Failed):
			l.Failed, l.Refused = p.Size, tooBig
		}
		if p.ToldMTU > 0 && p.ICMP != nil {
			l.ToldMTU, l.ToldBy = p.ToldMTU, p.ICMP.From
		}
	}
	return l, l.Passed > 0 && (l.Failed == 0 || l.Failed > l.Passed)
}
