package probe

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"

	"fairway/internal/fact"
)

// The ports of a Swarm that datagrams are never sent to: a foreign one to 7946
// makes the engine log a decryption failure.
const gossipPort = 7946

// Lengths of what stands before a VXLAN frame, and of its own headers.
const (
	udpHeader   = 8
	vxlanHeader = 8
	ethHeader   = 14
)

// smallestDatagram and largestDatagram bound the IP packet of a DataPathProbe.
const (
	smallestDatagram = ipHeader + udpHeader + vxlanHeader + ethHeader
	largestDatagram  = 1<<16 - 1
)

// vxlanFlagI says that the VNI is valid (RFC 7348, section 5).
const vxlanFlagI = 0x08

// checkDataPath says why a probe cannot be sent, or nil.
func checkDataPath(q *fact.DataPathProbe) error {
	switch {
	case q.Target.Port() == gossipPort:
		return fmt.Errorf("send a datagram to %s: nothing is ever sent to the gossip port", q.Target)
	case !q.Target.Addr().Unmap().Is4():
		return fmt.Errorf("send a datagram to %s: only IPv4 addresses are tried", q.Target)
	case q.VNI == 0 || q.VNI >= 1<<24:
		return fmt.Errorf("send a datagram to %s: %d is no VNI", q.Target, q.VNI)
	case q.Size < smallestDatagram || q.Size > largestDatagram:
		return fmt.Errorf("send a datagram to %s: no packet of %d bytes", q.Target, q.Size)
	}
	return nil
}

// vxlanDatagram is the payload that makes an IP packet of size bytes: a VXLAN
// header, and a frame that nobody takes even where the VNI should exist: from
// and to addresses that are locally administered and of nobody, of the type set
// aside for experiments (IEEE 802, 0x88b5).
func vxlanDatagram(vni uint32, size int) []byte {
	b := make([]byte, size-ipHeader-udpHeader)
	b[0] = vxlanFlagI
	binary.BigEndian.PutUint32(b[4:], vni<<8)
	copy(b[vxlanHeader:], []byte{0x02, 0xfa, 0x17, 0, 0, 2, 0x02, 0xfa, 0x17, 0, 0, 1, 0x88, 0xb5})
	return b
}

// datagrams is a kernel filter that lets pass IPv4 packets of UDP to a port, cut
// off behind their headers: what they carry is never copied. With a VNI, only
// those that carry it. It fits sockets that see packets from their IP header
// on; onWire is for packet sockets, which see other protocols, too.
func datagrams(port uint16, vni uint32, onWire bool) ([]bpf.RawInstruction, error) {
	var p []bpf.Instruction
	must := func(load bpf.Instruction, c bpf.JumpTest, v uint32) {
		p = append(p, load, bpf.JumpIf{Cond: c, Val: v, SkipTrue: 1}, bpf.RetConstant{Val: 0})
	}
	if onWire {
		must(bpf.LoadExtension{Num: bpf.ExtProto}, bpf.JumpEqual, 0x0800)
	}
	must(bpf.LoadAbsolute{Off: 9, Size: 1}, bpf.JumpEqual, 17)
	// A later fragment has no ports.
	must(bpf.LoadAbsolute{Off: 6, Size: 2}, bpf.JumpBitsNotSet, 0x1fff)
	p = append(p, bpf.LoadMemShift{Off: 0}) // X: length of the IP header
	must(bpf.LoadIndirect{Off: 2, Size: 2}, bpf.JumpEqual, uint32(port))
	keep := uint32(udpHeader)
	if vni != 0 {
		must(bpf.LoadIndirect{Off: udpHeader, Size: 1}, bpf.JumpBitsSet, vxlanFlagI)
		p = append(p, bpf.LoadIndirect{Off: udpHeader + 4, Size: 4}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 8},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: vni, SkipTrue: 1}, bpf.RetConstant{Val: 0})
		keep += vxlanHeader
	}
	p = append(p, bpf.TXA{}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: keep}, bpf.RetA{})
	raw, err := bpf.Assemble(p)
	if err != nil {
		return nil, fmt.Errorf("make a kernel filter: %w", err)
	}
	return raw, nil
}

// counted is one packet as far as it is counted.
type counted struct {
	src, dst netip.Addr
	size     int
}

// readCounted reads the IPv4 header of a packet that a filter let pass.
func readCounted(b []byte) (counted, bool) {
	if len(b) < ipHeader || b[0]>>4 != 4 {
		return counted{}, false
	}
	return counted{
		src:  netip.AddrFrom4([4]byte(b[12:16])),
		dst:  netip.AddrFrom4([4]byte(b[16:20])),
		size: int(binary.BigEndian.Uint16(b[2:])),
	}, true
}

// maxFlows bounds what one watch remembers: addresses may be forged.
const maxFlows = 4096

// tally counts packets by the address at the other end and, for the data path,
// by size. The same packet passes several interfaces of a host (a bond and its
// ports, a bridge): the one that saw most decides.
type tally struct {
	bySize bool
	n      map[place]uint64
	// full: more addresses than are remembered.
	full bool
}

type place struct {
	flow flowKey
	link int
	way  way
}

type flowKey struct {
	peer netip.Addr
	size int
}

// way is how a packet passed.
type way int

const (
	wayIn way = iota
	wayOut
	wayHost // past the host's firewall
)

func (t *tally) add(c counted, link int, w way) {
	k := flowKey{peer: c.src}
	if w == wayOut {
		k.peer = c.dst
	}
	if t.bySize {
		k.size = c.size
	}
	at := place{k, link, w}
	if t.n[at] == 0 && len(t.n) >= maxFlows {
		t.full = true
		return
	}
	t.n[at]++
}

// flows adds the tally to flows, which carry everything but the counts.
func (t *tally) flows(into map[flowKey]*fact.Flow, base fact.Flow) {
	for at, n := range t.n {
		f := into[at.flow]
		if f == nil {
			one := base
			one.Peer, one.Size = at.flow.peer, at.flow.size
			f = &one
			into[at.flow] = f
		}
		switch at.way {
		case wayIn:
			f.In = max(f.In, n)
		case wayOut:
			f.Out = max(f.Out, n)
		case wayHost:
			f.Host = max(f.Host, n)
		}
	}
}
