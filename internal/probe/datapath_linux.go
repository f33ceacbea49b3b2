package probe

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

const (
	// perDataPath is how many datagrams one probe sends: one may be lost.
	perDataPath = 3
	// dataPathGap stands between them, dataPathWait is how long an ICMP error is
	// waited for after the last.
	dataPathGap  = 10 * time.Millisecond
	dataPathWait = 200 * time.Millisecond
)

// DataPath sends datagrams from each node's own namespace to a peer's port of
// VXLAN, with don't-fragment set and a VNI that nobody has, so that the peer's
// kernel drops them behind its firewall. What this host's kernel says to sending
// is the answer; what arrives only a watch on the peer can tell (Count). It
// takes 220 ms. IPv4 only; port 7946 is refused.
func (p *Prober) DataPath(ctx context.Context, ask []fact.DataPathProbe) []fact.DataPathProbe {
	seen := append([]fact.DataPathProbe(nil), ask...)
	each(len(seen), func(i int) {
		q := &seen[i]
		err := checkDataPath(q)
		if err == nil {
			err = p.dataPath(ctx, q)
		}
		switch {
		case ctx.Err() != nil:
			q.Err = stopped
		case err != nil:
			q.Err = word(err)
		}
	})
	return seen
}

func (p *Prober) dataPath(ctx context.Context, q *fact.DataPathProbe) error {
	if err := p.Budget.pace(ctx); err != nil {
		return err
	}
	in, err := p.Enter(fact.Source{Node: q.Node})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	to := &unix.SockaddrInet4{Port: int(q.Target.Port()), Addr: q.Target.Addr().Unmap().As4()}
	s, err := open(ctx, in, unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP, func(fd int) error {
		return errors.Join(
			wantErrors(fd, unix.AF_INET),
			// As for echoes: asks the wire, not the kernel's memory.
			os.NewSyscallError("set don't fragment", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)),
			unix.Connect(fd, to))
	})
	if err != nil {
		return err
	}
	defer s.close()
	return sendDatagrams(ctx, s, q)
}

// sendDatagrams sends them and listens for errors; the kernel's refusal of the
// last is its error.
func sendDatagrams(ctx context.Context, s *socket, q *fact.DataPathProbe) (refused error) {
	payload := vxlanDatagram(q.VNI, q.Size)
	for n := range perDataPath {
		if n > 0 {
			hearErrors(s, q, dataPathGap)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.control(func(fd int) {
			if err := sendDatagram(fd, payload, q); err != nil {
				refused = err
			} else {
				q.Sent++
			}
		})
		if errors.Is(refused, unix.EMSGSIZE) {
			return refused // the link's own MTU: it will not change its mind
		}
	}
	if q.Sent > 0 {
		hearErrors(s, q, dataPathWait)
	}
	return refused
}

// sendDatagram sends one, and again when an older one's error stood in the way.
func sendDatagram(fd int, payload []byte, q *fact.DataPathProbe) error {
	for {
		_, err := unix.Write(fd, payload)
		if err == nil || !dataPathErrors(fd, q) {
			return err
		}
	}
}

// hearErrors notes the ICMP errors that come within a time.
func hearErrors(s *socket, q *fact.DataPathProbe, wait time.Duration) {
	end := time.Now().Add(wait)
	if s.file.SetReadDeadline(end) != nil {
		return
	}
	for time.Now().Before(end) {
		some := false
		// The end of the wait is no error.
		_ = s.raw.Read(func(fd uintptr) bool {
			some = dataPathErrors(int(fd), q)
			return some
		})
		if !some {
			return
		}
	}
}

// dataPathErrors empties a socket's error queue and reports whether an ICMP
// error was in it.
func dataPathErrors(fd int, q *fact.DataPathProbe) bool {
	some := false
	for range burst {
		r, ok := nextRefusal(fd)
		if !ok {
			break
		}
		if r.icmp == nil {
			continue // the kernel's own, which sending tells, too
		}
		some, q.ICMP = true, r.icmp
		if r.errno == syscall.EMSGSIZE {
			q.ToldMTU = int(min(r.info, largestDatagram))
		}
	}
	return some
}
