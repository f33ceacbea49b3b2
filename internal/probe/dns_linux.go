package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

const (
	// dnsQuiet is the silence after which the question is sent again.
	dnsQuiet = 500 * time.Millisecond
	// datagram is more than any server sends to a question without EDNS; what
	// is longer counts as truncated.
	datagram = 4096
)

// DNS asks each Server for Name, over UDP, and over TCP when the answer is
// truncated. The Name of a PTR question may be an address; it is then reversed
// in the question. Any answer, NXDOMAIN included, is Open; answers to other
// questions and garbage are silence.
func (p *Prober) DNS(ctx context.Context, ask []fact.DNSProbe) []fact.DNSProbe {
	seen := append([]fact.DNSProbe(nil), ask...)
	each(len(seen), func(i int) {
		q := &seen[i]
		a := p.ask(ctx, q)
		q.Outcome, q.Err, q.RTT = a.outcome, a.err, a.rtt
		q.RCode, q.Addrs, q.Names, q.TTL, q.Truncated = a.rcode, a.addrs, a.names, a.ttl, a.truncated
	})
	return seen
}

// lookup is the answer to one question.
type lookup struct {
	reply
	outcome fact.Outcome
	err     string
	rtt     time.Duration
}

func failed(outcome fact.Outcome, why string) lookup { return lookup{outcome: outcome, err: why} }

func (p *Prober) ask(ctx context.Context, q *fact.DNSProbe) lookup {
	if p.Budget.pace(ctx) != nil {
		return failed(fact.ProbeError, stopped)
	}
	in, err := p.Enter(q.From)
	if err != nil {
		return failed(fact.ProbeError, err.Error())
	}
	found, won := race(ctx, dnsQuiet, func(try context.Context, _ int) (lookup, bool) {
		a := inquire(try, in, q)
		return a, a.outcome != fact.Timeout && a.outcome != fact.ProbeError
	})
	if won < 0 && ctx.Err() != nil {
		return failed(fact.ProbeError, stopped)
	}
	return found[max(won, 0)]
}

// inquire asks once, with an ID and a source port of its own.
func inquire(ctx context.Context, in Sockets, q *fact.DNSProbe) lookup {
	id := uint16(rand.Uint32())
	asked, packet, err := question(id, q.Name, q.Type)
	if err != nil {
		return failed(fact.ProbeError, err.Error())
	}
	start := time.Now()
	r, made, err := overUDP(ctx, in, q.Server, packet, func(b []byte, cut bool) (reply, error) {
		return parseReply(id, asked, b, cut)
	})
	switch {
	case !made:
		return failed(fact.ProbeError, err.Error())
	case err != nil:
		a := failed(outcome(err, nil), word(err))
		if a.outcome == fact.Timeout {
			a.err = ""
		}
		return a
	}
	a := lookup{reply: r, outcome: fact.Open, rtt: time.Since(start)}
	if !a.truncated {
		return a
	}
	b, err := overTCP(ctx, in, q.Server, packet)
	if err == nil {
		r, err = parseReply(id, asked, b, false)
	}
	if err != nil {
		a.err = "answer truncated; ask again over TCP: " + word(err)
		return a
	}
	a.reply = r
	return a
}

// overUDP sends packet and receives until parse accepts something. made is
// false when the question could not be put at all.
func overUDP(ctx context.Context, in Sockets, server netip.AddrPort, packet []byte, parse func(b []byte, cut bool) (reply, error)) (r reply, made bool, err error) {
	domain, to, err := sockaddr(server)
	if err != nil {
		return reply{}, false, err
	}
	var refused error // at once, by our own side
	s, err := open(ctx, in, domain, unix.SOCK_DGRAM, unix.IPPROTO_UDP, func(fd int) error {
		if refused = unix.Connect(fd, to); refused == nil {
			_, refused = unix.Write(fd, packet)
		}
		return nil
	})
	if err != nil {
		return reply{}, false, err
	}
	defer s.close()
	if refused != nil {
		return reply{}, true, refused
	}
	err = s.receive(ctx, make([]byte, datagram), func(b []byte, cut bool) bool {
		got, err := parse(b, cut)
		r = got
		return err == nil
	})
	return r, true, err
}

// overTCP asks the same question on a stream: two bytes of length, then the
// message (RFC 1035, 4.2.2).
func overTCP(ctx context.Context, in Sockets, server netip.AddrPort, packet []byte) ([]byte, error) {
	domain, to, err := sockaddr(server)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, in, domain, unix.SOCK_STREAM, unix.IPPROTO_TCP, func(fd int) error {
		if err := unix.Connect(fd, to); !errors.Is(err, unix.EINPROGRESS) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.connected(); err != nil {
		return nil, err
	}
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(packet)))
	if _, err := s.file.Write(append(framed, packet...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(s.file, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(s.file, b)
	return b, err
}
