package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// Count counts packets of UDP to a port that pass by themselves in the
// namespace of in, for a time: those that the wire brings or takes, and those
// that get past the host's firewall. With a VNI only datagrams of VXLAN that
// carry it are counted, by size. A filter in the kernel sees to it that nothing
// else is looked at, and of these only the headers. base is what every flow
// says of itself. Nothing is sent.
func Count(ctx context.Context, in Sockets, span time.Duration, vni uint32, base fact.Flow) ([]fact.Flow, error) {
	if err := packetSockets(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	start := time.Now()
	wire := &watcher{tally: tally{bySize: vni != 0, n: map[place]uint64{}}, wire: true}
	host := &watcher{tally: tally{bySize: vni != 0, n: map[place]uint64{}}}
	for _, w := range []*watcher{wire, host} {
		if err := w.open(ctx, in, base.Port, vni); err != nil {
			return nil, fmt.Errorf("watch packets to UDP port %d: %w", base.Port, err)
		}
		defer w.close()
	}
	var wg sync.WaitGroup
	wg.Go(func() { wire.run(ctx) })
	wg.Go(func() { host.run(ctx) })
	wg.Wait()
	base.For = time.Since(start).Round(time.Millisecond)
	byKey := map[flowKey]*fact.Flow{}
	wire.flows(byKey, base)
	host.flows(byKey, base)
	var out []fact.Flow
	for _, f := range byKey {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b fact.Flow) int { return cmp.Or(a.Peer.Compare(b.Peer), cmp.Compare(a.Size, b.Size)) })
	if err := errors.Join(wire.trouble(), host.trouble()); err != nil {
		return out, fmt.Errorf("watch packets to UDP port %d: %w", base.Port, err)
	}
	return out, nil
}

// packetSockets says whether the kernel has them already: making one would load
// a module where they are one, and looking changes nothing.
func packetSockets() error {
	if _, err := os.Stat("/proc/thread-self/net/packet"); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("watch packets: this kernel has no packet sockets loaded: %w", errors.ErrUnsupported)
	}
	return nil
}

// watcher is a socket that counts.
type watcher struct {
	tally
	*socket
	wire bool
	err  error
	// lost packets did not fit into the socket's queue.
	lost bool
}

// open makes the socket. A packet socket without a protocol sees nothing until
// it is bound, and then only what its filter lets pass. A raw socket sees all
// UDP from its birth; what came before its filter is thrown away unread.
func (w *watcher) open(ctx context.Context, in Sockets, port uint16, vni uint32) (err error) {
	filter, err := datagrams(port, vni, w.wire)
	if err != nil {
		return err
	}
	if w.wire {
		w.socket, err = open(ctx, in, unix.AF_PACKET, unix.SOCK_DGRAM, 0, func(fd int) error {
			if err := attach(fd, filter); err != nil {
				return err
			}
			return os.NewSyscallError("bind a packet socket", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL)}))
		})
		return err
	}
	w.socket, err = open(ctx, in, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_UDP, func(fd int) error {
		if err := attach(fd, filter); err != nil {
			return err
		}
		for range 1 << 16 {
			if _, _, err := unix.Recvfrom(fd, nil, unix.MSG_TRUNC); errors.Is(err, unix.EAGAIN) {
				return nil
			}
		}
		return errors.New("a raw socket never ran dry")
	})
	return err
}

func networkOrder(v uint16) uint16 { return v<<8 | v>>8 }

// attach gives a socket its filter, for good.
func attach(fd int, filter []bpf.RawInstruction) error {
	code := make([]unix.SockFilter, len(filter))
	for i, f := range filter {
		code[i] = unix.SockFilter{Code: f.Op, Jt: f.Jt, Jf: f.Jf, K: f.K}
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: (*unix.SockFilter)(unsafe.Pointer(&code[0]))}
	return errors.Join(
		os.NewSyscallError("attach a filter", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)),
		os.NewSyscallError("lock a filter", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1)))
}

// run counts until the context ends.
func (w *watcher) run(ctx context.Context) {
	buf := make([]byte, 256)
	for ctx.Err() == nil && w.err == nil {
		// The end of the context is no error, and until asks once more then.
		_ = w.until(w.raw.Read, func(fd int) bool { return w.drain(fd, buf) })
	}
	if w.wire {
		w.control(func(fd int) {
			if s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
				w.lost = s.Drops > 0
			}
		})
	}
}

// drain counts what is there and reports whether to look at the clock.
func (w *watcher) drain(fd int, buf []byte) bool {
	for range burst {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue // ENETDOWN: a link went down; others go on
		case err != nil:
			w.err = err
			return true
		}
		w.note(buf[:n], from)
	}
	return true
}

func (w *watcher) note(b []byte, from unix.Sockaddr) {
	c, ok := readCounted(b)
	if !ok {
		return
	}
	if !w.wire {
		w.add(c, 0, wayHost)
		return
	}
	link, ok := from.(*unix.SockaddrLinklayer)
	if !ok {
		return
	}
	switch link.Pkttype {
	case unix.PACKET_HOST:
		w.add(c, link.Ifindex, wayIn)
	case unix.PACKET_OUTGOING:
		w.add(c, link.Ifindex, wayOut)
	}
}

// trouble says what makes the counts too small.
func (w *watcher) trouble() error {
	switch {
	case w.err != nil:
		return w.err
	case w.full:
		return fmt.Errorf("packets of more than %d addresses passed; not all were counted", maxFlows)
	case w.lost:
		return errors.New("packets passed faster than they were counted")
	}
	return nil
}
