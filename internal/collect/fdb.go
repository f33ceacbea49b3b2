//go:build linux

package collect

import (
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// readFDB fills the forwarding tables where there is a bridge or a VXLAN link.
// Elsewhere the kernel would list each link's own multicast filter.
func (s *space) readFDB() error {
	forwards := func(l fact.Link) bool { return l.Kind == "bridge" || l.Kind == "vxlan" }
	if !slices.ContainsFunc(s.held.Links, forwards) {
		return nil
	}
	rows, err := dump(func() ([]netlink.Neigh, error) { return s.rt.NeighList(0, unix.AF_BRIDGE) })
	for i := range rows {
		s.held.FDB = append(s.held.FDB, fact.FDBEntry{
			MAC:       macOf(rows[i].HardwareAddr),
			Link:      rows[i].LinkIndex,
			Dst:       addrOf(rows[i].IP),
			Self:      rows[i].Flags&netlink.NTF_SELF != 0,
			Permanent: rows[i].State&netlink.NUD_PERMANENT != 0,
		})
	}
	return err
}
