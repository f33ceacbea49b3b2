//go:build linux

package collect

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// maxRoutes bounds what is kept of a host's tables: a router may hold a million.
const maxRoutes = 10_000

var errManyRoutes = fmt.Errorf("more than %d routes, the rest was left: %w", maxRoutes, errors.ErrUnsupported)

// readRoutes fills the rows of every table but the local one.
func (s *space) readRoutes() error {
	rows, err := dump(func() ([]fact.Route, error) {
		v4, err4 := s.routes(netlink.FAMILY_V4)
		v6, err6 := s.routes(netlink.FAMILY_V6)
		if err4 == nil {
			err4 = err6
		}
		return append(v4, v6...), err4
	})
	s.held.Routes = rows
	return err
}

func (s *space) routes(family int) ([]fact.Route, error) {
	var rows []fact.Route
	every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	err := s.rt.RouteListFilteredIter(family, every, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
		if r.Table != unix.RT_TABLE_LOCAL {
			rows = append(rows, routesOf(&r)...)
		}
		return len(rows) < maxRoutes
	})
	if err == nil && len(rows) >= maxRoutes {
		err = errManyRoutes
	}
	return rows, err
}

// routesOf gives one row, or one for each way of a multipath route.
func routesOf(r *netlink.Route) []fact.Route {
	row := fact.Route{
		Gateway: addrOf(r.Gw),
		Link:    r.LinkIndex,
		Src:     addrOf(r.Src),
		Table:   r.Table,
		Scope:   int(r.Scope),
		Proto:   int(r.Protocol),
		Metric:  r.Priority,
		MTU:     r.MTU,
		Type:    r.Type,
	}
	if p := prefixOf(r.Dst); p.Bits() > 0 {
		row.Dst = p
	}
	if len(r.MultiPath) == 0 {
		return []fact.Route{row}
	}
	var rows []fact.Route
	for _, way := range r.MultiPath {
		row.Gateway, row.Link = addrOf(way.Gw), way.LinkIndex
		rows = append(rows, row)
	}
	return rows
}

// lookUpPeers asks the kernel how it would reach each peer. A refusal is the
// network's answer and no error of ours.
func (s *space) lookUpPeers() error {
	var failed error
	for _, peer := range s.req.Peers {
		l, err := s.lookUp(peer)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", peer, err))
			continue
		}
		s.held.Lookups = append(s.held.Lookups, l)
	}
	return failed
}

func (s *space) lookUp(peer netip.Addr) (fact.RouteLookup, error) {
	l := fact.RouteLookup{Dst: peer}
	rows, err := s.rt.RouteGet(peer.AsSlice())
	if why := refusal(err); why != "" {
		l.Err = why
		return l, nil
	}
	if err == nil && len(rows) == 0 {
		err = errors.New("an answer without a route")
	}
	if err != nil {
		return l, err
	}
	r := rows[0]
	l.Gateway, l.Src, l.Link, l.MTU = addrOf(r.Gw), addrOf(r.Src), r.LinkIndex, r.MTU
	return l, nil
}

// refusal words the errors by which a routing table says no; "" for any other.
// A blackhole route answers EINVAL, a prohibit route EACCES.
func refusal(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	switch errno {
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH:
		return errno.Error()
	case syscall.EINVAL:
		return "a blackhole route"
	case syscall.EACCES:
		return "a prohibit route"
	}
	return ""
}
