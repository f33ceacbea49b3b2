package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// MTU finds, for each Target, the largest IP packet with don't-fragment set
// that an echo answers, starting at MTU, in at most 2 s. One packet is enough
// when nothing is wrong; a path that answers no echo costs 1.25 s. The way back
// is tested only as far as the target's kernel sets don't-fragment on replies:
// Linux does not, so a router there may fragment them. A router's "fragmentation
// needed" is remembered by the kernel of the namespace for 10 minutes, as after
// any traffic. IPv4 only.
func (p *Prober) MTU(ctx context.Context, ask []fact.MTUProbe) []fact.MTUProbe {
	seen := append([]fact.MTUProbe(nil), ask...)
	each(len(seen), func(i int) {
		q := &seen[i]
		l, err := p.ladder(ctx, q)
		q.Passed, q.Failed, q.ToldMTU, q.ToldBy = l.best(), l.worst(), l.told, l.toldBy
		switch {
		case ctx.Err() != nil:
			q.Err = stopped
		case err != nil:
			q.Err = err.Error()
		}
	})
	return seen
}

func (p *Prober) ladder(ctx context.Context, q *fact.MTUProbe) (*ladder, error) {
	l := newLadder()
	to := q.Target.Unmap()
	if !to.Is4() {
		return l, fmt.Errorf("send echoes to %s: only IPv4 addresses are tried", to)
	}
	if q.MTU < smallest || q.MTU > largest {
		return l, fmt.Errorf("send echoes to %s: no ladder starts at %d bytes", to, q.MTU)
	}
	if err := p.Budget.pace(ctx); err != nil {
		return l, err
	}
	in, err := p.Enter(q.From)
	if err != nil {
		return l, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	e := &echo{ladder: l, to: to, buf: make([]byte, q.MTU+60)}
	seed := make([]byte, 2+len(e.token))
	rand.Read(seed)
	e.id, e.token = binary.BigEndian.Uint16(seed), [8]byte(seed[2:])
	if e.socket, err = open(ctx, in, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP, e.prepare); err != nil {
		return l, err
	}
	defer e.close()
	return l, errors.Join(l.climb(ctx, q.MTU, e.exchange), e.silence())
}

// echo is the wire of one ladder.
type echo struct {
	*socket
	ladder *ladder
	to     netip.Addr
	id     uint16
	token  [8]byte
	// sent is indexed by sequence number.
	sent []sentEcho
	buf  []byte
	// word is the last ICMP error or the kernel's own that was not about size.
	word error
}

type sentEcho struct {
	size int
	at   time.Time
}

// silence is what to report when no echo was answered but an error came.
func (e *echo) silence() error {
	if e.ladder.best() > 0 || e.word == nil {
		return nil
	}
	return fmt.Errorf("send echoes to %s: %w", e.to, e.word)
}

// prepare makes a raw socket deliver echo replies of the target and errors
// about our own packets, and nothing else. IP_PMTUDISC_PROBE sets don't
// fragment and, unlike IP_PMTUDISC_DO, asks the wire rather than the kernel's
// memory of an earlier answer.
func (e *echo) prepare(fd int) error {
	const icmpFilter, onlyReplies = 1, ^(1 << 0) // linux/icmp.h: a set bit blocks
	return errors.Join(
		wantErrors(fd, unix.AF_INET),
		os.NewSyscallError("set don't fragment", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)),
		os.NewSyscallError("filter ICMP", unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, onlyReplies)),
		os.NewSyscallError("route to "+e.to.String(), unix.Connect(fd, &unix.SockaddrInet4{Addr: e.to.As4()})))
}

// exchange is the ladder's echoes.
func (e *echo) exchange(ctx context.Context, sizes []int, wait time.Duration) error {
	if ctx.Err() != nil {
		return nil
	}
	e.control(func(fd int) {
		for _, size := range sizes {
			e.send(fd, size)
			e.errors(fd)
		}
	})
	over := time.Now().Add(wait)
	if end, ok := ctx.Deadline(); ok && end.Before(over) {
		over = end
	}
	if err := e.file.SetReadDeadline(over); err != nil {
		return fmt.Errorf("wait for echoes: %w", err)
	}
	if ctx.Err() != nil {
		return nil // the deadline just set may have undone the stop
	}
	for len(e.ladder.open(sizes)) > 0 {
		if err := e.until(e.raw.Read, e.drain); err != nil || !time.Now().Before(over) {
			break
		}
	}
	return nil
}

// send sends one echo, once more when an older packet's error stood in the way.
func (e *echo) send(fd, size int) {
	seq := uint16(len(e.sent))
	e.sent = append(e.sent, sentEcho{size, time.Now()})
	packet := echoRequest(e.id, seq, size, e.token)
	for range 2 {
		_, err := unix.Write(fd, packet)
		switch {
		case err == nil:
			return
		case errors.Is(err, unix.EMSGSIZE):
			e.ladder.tooBig[size] = true
			return
		}
		e.word = err
		e.errors(fd)
	}
}

// drain reads all that is there and reports whether there was anything.
func (e *echo) drain(fd int) bool {
	some := e.errors(fd)
	for range burst {
		n, err := unix.Read(fd, e.buf)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		some = true
		if err == nil {
			e.reply(e.buf[:n])
		}
	}
	return some
}

// reply notes an echo that came back whole.
func (e *echo) reply(b []byte) {
	seq, size, ok := echoReply(b, e.id, e.token)
	if !ok || int(seq) >= len(e.sent) || e.sent[seq].size != size {
		return
	}
	e.ladder.answered(size, time.Since(e.sent[seq].at))
}

// errors empties the error queue and reports whether there was anything.
func (e *echo) errors(fd int) bool {
	some := false
	for range 2 * rungs {
		r, ok := nextRefusal(fd)
		if !ok {
			break
		}
		some = true
		e.refused(r)
	}
	return some
}

// refused notes an ICMP error that quotes one of our echoes, or the kernel's
// own refusal, which quotes nothing of use but came from nobody else.
func (e *echo) refused(r refusal) {
	if r.errno != syscall.EMSGSIZE {
		e.word = r.errno
		return
	}
	if r.icmp == nil {
		e.ladder.refused(e.sent[len(e.sent)-1].size, int(r.info), netip.Addr{})
		return
	}
	q := r.quoted
	if len(q) < echoHeader || q[0] != 8 || binary.BigEndian.Uint16(q[4:]) != e.id {
		return
	}
	if seq := int(binary.BigEndian.Uint16(q[6:])); seq < len(e.sent) {
		e.ladder.refused(e.sent[seq].size, int(min(r.info, largest)), r.icmp.From)
	}
}
