//go:build linux

package collect

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"fairway/internal/fact"
)

// readNeighbours fills the IPv4 and IPv6 neighbour tables.
func (s *space) readNeighbours() error {
	rows, err := dump(func() ([]netlink.Neigh, error) {
		v4, err4 := s.rt.NeighList(0, netlink.FAMILY_V4)
		v6, err6 := s.rt.NeighList(0, netlink.FAMILY_V6)
		if err4 == nil {
			err4 = err6
		}
		return append(v4, v6...), err4
	})
	for i := range rows {
		ip := addrOf(rows[i].IP)
		if rows[i].State == netlink.NUD_NOARP && (!ip.IsValid() || ip.IsMulticast()) {
			continue // the kernel's own notes on group and loopback traffic
		}
		s.held.Neighbours = append(s.held.Neighbours, fact.Neighbour{
			IP:    ip,
			MAC:   macOf(rows[i].HardwareAddr),
			Link:  rows[i].LinkIndex,
			State: neighbourState(rows[i].State),
		})
	}
	slices.SortFunc(s.held.Neighbours, func(a, b fact.Neighbour) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), a.IP.Compare(b.IP))
	})
	return err
}

// neighbourState words a state as iproute2 does; one it has no word for is
// given as the kernel's number.
func neighbourState(bits int) fact.NeighbourState {
	switch bits {
	case netlink.NUD_PERMANENT:
		return fact.Permanent
	case netlink.NUD_REACHABLE:
		return fact.Reachable
	case netlink.NUD_STALE:
		return fact.Stale
	case netlink.NUD_DELAY:
		return fact.Delay
	case netlink.NUD_PROBE:
		return fact.ProbeState
	case netlink.NUD_INCOMPLETE:
		return fact.Incomplete
	case netlink.NUD_FAILED:
		return fact.Failed
	case netlink.NUD_NOARP:
		return fact.NoARP
	case netlink.NUD_NONE:
		return "NONE"
	}
	return fact.NeighbourState(fmt.Sprintf("0x%x", bits))
}
