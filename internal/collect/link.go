//go:build linux

package collect

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// readLinks fills the links, with their counters.
func (s *space) readLinks() error {
	rows, err := dump(s.rt.LinkList)
	for _, row := range rows {
		a := row.Attrs()
		s.held.Links = append(s.held.Links, linkOf(row))
		if st := a.Statistics; st != nil {
			s.held.Counters = append(s.held.Counters, linkCounters(a.Name, row.Type() == "device", st)...)
		}
	}
	slices.SortFunc(s.held.Links, func(a, b fact.Link) int { return cmp.Compare(a.Index, b.Index) })
	return err
}

func linkOf(row netlink.Link) fact.Link {
	a := row.Attrs()
	l := fact.Link{
		Index:   a.Index,
		Name:    a.Name,
		Kind:    kindOf(row),
		MAC:     macOf(a.HardwareAddr),
		MTU:     a.MTU,
		Up:      a.RawFlags&unix.IFF_UP != 0,
		Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
		Master:  a.MasterIndex,

		State:    a.OperState.String(),
		Promisc:  a.RawFlags&unix.IFF_PROMISC != 0,
		QueueLen: max(a.TxQLen, 0),
	}
	switch row := row.(type) {
	case *netlink.Veth:
		l.PeerIndex = a.ParentIndex
	case *netlink.Vxlan:
		l.VXLAN = vxlanOf(row)
		l.VXLAN.MadeElsewhere = a.NetNsID >= 0
	}
	return l
}

// kindOf is the kernel's word for the kind of a link. The library says "device"
// for hardware and the loopback, and "tuntap" for what the kernel calls tun.
func kindOf(row netlink.Link) string {
	switch k := row.Type(); k {
	case "device":
		return ""
	case "tuntap":
		return "tun"
	default:
		return k
	}
}

func vxlanOf(v *netlink.Vxlan) *fact.VXLAN {
	return &fact.VXLAN{
		ID:       uint32(v.VxlanId),
		Port:     uint16(v.Port),
		Learning: v.Learning,
		Proxy:    v.Proxy,
		L2Miss:   v.L2miss,
		L3Miss:   v.L3miss,
		Local:    addrOf(v.SrcAddr),
		Group:    addrOf(v.Group),
		Dev:      v.VtepDevIndex,
		Ageing:   time.Duration(v.Age) * time.Second,
	}
}

// readAddrs adds the addresses to the links.
func (s *space) readAddrs() error {
	rows, err := dump(func() ([]netlink.Addr, error) { return s.rt.AddrList(nil, netlink.FAMILY_ALL) })
	for _, row := range rows {
		l := s.held.Link(row.LinkIndex)
		if p := prefixOf(row.IPNet); l != nil && p.IsValid() {
			l.Addrs = append(l.Addrs, p)
		}
	}
	for i := range s.held.Links {
		slices.SortFunc(s.held.Links[i].Addrs, netip.Prefix.Compare)
	}
	return err
}

// addrOf converts an address; one that is nil or unspecified gives the zero Addr.
func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	if a = a.Unmap(); !a.IsValid() || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// prefixOf converts an address with its mask. What does not fit together gives
// the zero Prefix.
func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a, ok := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	a = a.Unmap()
	if !ok || bits != a.BitLen() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, ones)
}

// macOf converts a hardware address; one that is not of six bytes gives zero.
func macOf(hw net.HardwareAddr) (m fact.MAC) {
	if len(hw) == len(m) {
		copy(m[:], hw)
	}
	return m
}
