package probe

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// tcpQuiet is the silence after which a second connection is started: longer
// than any round trip inside a cluster, shorter than the kernel's own second
// SYN, which would use the same source port.
const tcpQuiet = 300 * time.Millisecond

// TCP connects from each From to each Target and closes at once, without a
// byte. The second connection of a probe has a source port of its own, so a
// fault that hits one flow in two shows as Late. EHOSTUNREACH for a neighbour
// that does not answer ARP comes after 3 s, so such a target is a Timeout with
// Unsent set.
func (p *Prober) TCP(ctx context.Context, ask []fact.TCPProbe) []fact.TCPProbe {
	seen := append([]fact.TCPProbe(nil), ask...)
	each(len(seen), func(i int) {
		q := &seen[i]
		a := p.connect(ctx, q.From, q.Target)
		q.At = a.at
		q.Outcome, q.Err, q.RTT = a.outcome, a.err, a.rtt
		q.Tries, q.Late, q.ICMP, q.Unsent = a.tries, a.late, a.icmp, a.unsent
	})
	return seen
}

// connection is the answer to one connect, or to a race of two.
type connection struct {
	outcome fact.Outcome
	err     string
	rtt     time.Duration
	icmp    *fact.ICMPError
	unsent  bool
	made    bool

	at    time.Time
	tries int
	late  bool
}

// connect makes one probe: up to two connections, in turn with all others.
func (p *Prober) connect(ctx context.Context, from fact.Source, target netip.AddrPort) connection {
	if p.Budget.pace(ctx) != nil {
		return connection{outcome: fact.ProbeError, err: stopped, at: time.Now()}
	}
	at := time.Now()
	in, err := p.Enter(from)
	if err != nil {
		return connection{outcome: fact.ProbeError, err: err.Error(), at: at}
	}
	answers, won := race(ctx, tcpQuiet, func(try context.Context, nth int) (connection, bool) {
		if nth > 0 && p.Budget.pace(try) != nil {
			return connection{}, false
		}
		return dial(try, in, target, func() error { return p.Budget.take(from, target) })
	})
	a := settle(answers, won, ctx.Err() != nil)
	a.at = at
	return a
}

// settle makes one answer of a race's.
func settle(answers []connection, won int, cancelled bool) connection {
	a := answers[max(won, 0)]
	a.late = won > 0
	for _, one := range answers {
		if one.made {
			a.tries++
		}
	}
	switch {
	case won >= 0:
	case cancelled:
		a.outcome, a.err, a.unsent = fact.ProbeError, stopped, false
	case a.outcome == fact.Timeout && len(answers) > 1:
		a.err = answers[1].err // why there was no second one, if so
	}
	return a
}

// dial makes one connection and reports whether it was answered, by the target
// or by the kernel. allow is asked once there is a socket, right before the
// first packet.
func dial(ctx context.Context, in Sockets, target netip.AddrPort, allow func() error) (connection, bool) {
	domain, to, err := sockaddr(target)
	if err != nil {
		return connection{outcome: fact.ProbeError, err: err.Error()}, false
	}
	var a connection
	var start time.Time
	var refused error // at once, by our own side
	s, err := open(ctx, in, domain, unix.SOCK_STREAM, unix.IPPROTO_TCP, func(fd int) error {
		if err := wantErrors(fd, domain); err != nil {
			return err
		}
		if err := allow(); err != nil {
			return err
		}
		a.made, start = true, time.Now()
		if err := unix.Connect(fd, to); !errors.Is(err, unix.EINPROGRESS) {
			refused = err
		}
		return nil
	})
	if err != nil {
		a.outcome, a.err = fact.ProbeError, err.Error()
		return a, false
	}
	defer s.close()
	if refused == nil {
		refused = s.connected()
	}
	a.rtt = time.Since(start)
	a.end(s, refused)
	return a, a.outcome != fact.Timeout && a.outcome != fact.ProbeError
}

// end fills in how a connection ended.
func (a *connection) end(s *socket, err error) {
	s.control(func(fd int) {
		switch {
		case err == nil:
			if itself(fd) {
				err = unix.ECONNREFUSED
			}
		default:
			if r, ok := nextRefusal(fd); ok {
				a.icmp = r.icmp
			}
			a.unsent = unsent(fd)
		}
	})
	a.outcome = outcome(err, a.icmp)
	switch a.outcome {
	case fact.Open:
	case fact.Timeout:
		a.rtt = 0
		return
	default:
		a.err = word(err)
	}
	a.unsent = false
}

// itself reports whether a socket has connected to itself. TCP does that when
// the source port drawn happens to be the target's on the same address; it also
// proves that nobody listens there.
func itself(fd int) bool {
	local, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	peer, err := unix.Getpeername(fd)
	return err == nil && addrPort(local) == addrPort(peer)
}

func addrPort(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
