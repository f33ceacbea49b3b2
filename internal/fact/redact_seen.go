package fact

import (
	"net/netip"
	"reflect"
	"slices"
)

// sightings are the addresses and subnets of a snapshot, those in its sentences
// among them.
type sightings struct {
	addrs map[netip.Addr]bool
	// own are those that were seen as addresses, and not only in a MAC address.
	own   map[netip.Addr]bool
	known []netip.Prefix
	// hosts are addresses with the length of their subnet, which is another address.
	hosts []netip.Prefix
}

func newSightings() *sightings {
	return &sightings{addrs: map[netip.Addr]bool{}, own: map[netip.Addr]bool{}}
}

func (s *sightings) value(v reflect.Value, field string, r *redactor) {
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		s.addr(*x)
	case *netip.Prefix:
		s.prefix(*x)
	case *netip.AddrPort:
		s.addr(x.Addr())
	case *AddrRange:
		s.between(*x)
	case *MAC:
		s.mac(*x)
	default:
		if v.Kind() == reflect.String && v.Type() == reflect.TypeFor[string]() && fields[field] != kept {
			s.text(r, v.String())
		}
	}
}

func (s *sightings) addr(a netip.Addr) {
	if a = a.Unmap().WithZone(""); a.IsValid() {
		s.addrs[a], s.own[a] = true, true
	}
}

// mac takes the address that an overlay's endpoint has its MAC address from.
func (s *sightings) mac(m MAC) {
	if m[0] == 0x02 && m[1] == 0x42 {
		s.addrs[netip.AddrFrom4([4]byte(m[2:]))] = true
	}
}

func (s *sightings) prefix(p netip.Prefix) {
	if p.IsValid() && !p.Addr().Is4In6() {
		s.addr(p.Addr())
		s.known = append(s.known, p.Masked())
		if p != p.Masked() {
			s.hosts = append(s.hosts, p)
		}
	}
}

// between takes the smallest subnet that holds a range.
func (s *sightings) between(x AddrRange) {
	s.addr(x.First)
	s.addr(x.Last)
	if !x.First.IsValid() || x.First.BitLen() != x.Last.BitLen() {
		return
	}
	for bits := x.First.BitLen(); bits > 0; bits-- {
		if p, err := x.First.Prefix(bits); err == nil && p.Contains(x.Last) {
			s.prefix(p)
			return
		}
	}
}

// text takes addresses from a sentence.
func (s *sightings) text(r *redactor, t string) {
	r.scan(t, inSentence, func(_ int, h hit) {
		switch {
		case h.addr.IsValid() && h.bits >= 0:
			s.prefix(netip.PrefixFrom(h.addr, h.bits))
		case h.addr.IsValid():
			s.addr(h.addr)
		case !h.mac.IsZero():
			s.mac(h.mac)
		}
	}, nil)
}

// aliases decides how addresses are mapped. Where an alias would be somebody
// else's original it tries again: a reader could not tell them apart. So it does
// where a host would look like its subnet, which may happen if there are subnets
// in that.
func (s *sightings) aliases(seed []byte) *addrAliases {
	var best *addrAliases
	fewest := -1
	for try := range 32 {
		key := prf(seed, "try", []byte{byte(try)})
		a := &addrAliases{key: key[:], own: s.own, done: map[netip.Addr]netip.Addr{}}
		a.shape(slices.Clone(s.known))
		clash := 0
		for x := range s.addrs {
			if y := a.alias(x); s.addrs[y] && fixedBits(x) < x.BitLen() {
				clash++
			}
		}
		for _, p := range s.hosts {
			if y := netip.PrefixFrom(a.alias(p.Addr()), p.Bits()); y == y.Masked() {
				clash++
			}
		}
		if best == nil || clash < fewest {
			best, fewest = a, clash
		}
		if clash == 0 {
			break
		}
	}
	return best
}
