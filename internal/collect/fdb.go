//go:build linux

package collect

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// readFDB fills the forwarding tables where there is a bridge or a VXLAN link.
// The kernel lists each link's multicast filter among them; that forwards
// nothing and is left out.
func (s *space) readFDB() error {
	forwards := func(l fact.Link) bool { return l.Kind == "bridge" || l.Kind == "vxlan" }
	if !slices.ContainsFunc(s.held.Links, forwards) {
		return nil
	}
	rows, err := dump(func() ([]netlink.Neigh, error) { return s.rt.NeighList(0, unix.AF_BRIDGE) })
	for i := range rows {
		e := fact.FDBEntry{
			MAC:       macOf(rows[i].HardwareAddr),
			Link:      rows[i].LinkIndex,
			Dst:       addrOf(rows[i].IP),
			Self:      rows[i].Flags&netlink.NTF_SELF != 0,
			Permanent: rows[i].State&netlink.NUD_PERMANENT != 0,
		}
		if group := e.MAC[0]&1 != 0; !group || e.Dst.IsValid() {
			s.held.FDB = append(s.held.FDB, e)
		}
	}
	slices.SortFunc(s.held.FDB, func(a, b fact.FDBEntry) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), bytes.Compare(a.MAC[:], b.MAC[:]), a.Dst.Compare(b.Dst))
	})
	return err
}
