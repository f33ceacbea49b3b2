package fleet

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"fairway/internal/fact"
)

const (
	// placesAtOnce is how many places outside the Swarm one request may name: a
	// question is about one, by at most a few addresses.
	placesAtOnce = 8
	// placesAnHour is how many different ones an agent connects to within an hour.
	placesAnHour = 32
)

// metadata is where AWS's instances ask for their metadata over IPv6; the address of
// all other clouds, 169.254.169.254, is link-local.
var metadata = netip.MustParseAddr("fd00:ec2::254")

// place: any port of an address that none of the engine's bridges has. Loopback,
// link-local, multicast and what tells a cloud's secrets are none.
func (a allowance) place(to netip.AddrPort) bool {
	bridged := slices.ContainsFunc(a.engine.Networks, func(n fact.EngineNetwork) bool {
		return n.Driver != "overlay" && slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(to.Addr()) })
	})
	return underlay(to.Addr()) && to.Port() != 0 && to.Addr() != metadata && !bridged
}

// places are the different places outside that a request names.
func (a allowance) places(q *fact.Seen) map[netip.AddrPort]bool {
	out := map[netip.AddrPort]bool{}
	for _, p := range q.TCP {
		if !a.overlay(p.Target.Addr()) {
			out[p.Target] = true
		}
	}
	for _, p := range q.Peers {
		if p.What == fact.WhatOutside {
			out[p.Target] = true
		}
	}
	return out
}

// Places remembers which places outside the Swarm an agent connected to, so that
// it is no scanner. The zero value is ready for use.
type Places struct {
	mu   sync.Mutex
	seen map[netip.AddrPort]time.Time
}

// Allow refuses a request with which the agent would have connected to more than
// 32 different places within an hour.
func (p *Places) Allow(e *fact.Engine, r *ProbeRequest, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for to, at := range p.seen {
		if now.Sub(at) > time.Hour {
			delete(p.seen, to)
		}
	}
	asked := allowance{e, r.Spaces}.places(&r.Probes)
	all := len(p.seen)
	for to := range asked {
		if _, known := p.seen[to]; !known {
			all++
		}
	}
	if all > placesAnHour {
		return fmt.Errorf("probe: no more than %d different places outside the Swarm are connected to within an hour; come back later, or use --ssh", placesAnHour)
	}
	for to := range asked {
		if p.seen == nil {
			p.seen = map[netip.AddrPort]time.Time{}
		}
		p.seen[to] = now
	}
	return nil
}
