package fact

import "slices"

// Later puts second readings of counters beside the first ones. What is gone or
// not the same thing any more keeps its first reading: a counter whose
// namespace or link is gone, the rules of a chain that was changed, a virtual
// service or backend that came or went.
func (k *Kernel) Later(list []SpaceCounters) {
	for i := range list {
		again := &list[i]
		ns := k.Named(again.NetNS)
		if ns == nil || ns.Inode != again.Inode {
			continue
		}
		ns.laterCounters(again.Counters)
		ns.Netfilter.later(again.Netfilter)
		ns.IPVS.later(again.IPVS)
	}
}

func (n *NetNS) laterCounters(again []Counter) {
	type key struct{ link, name string }
	at := make(map[key]uint64, len(again))
	for _, c := range again {
		at[key{c.Link, c.Name}] = c.Before
	}
	for i := range n.Counters {
		c := &n.Counters[i]
		if v, ok := at[key{c.Link, c.Name}]; ok {
			c.After, c.Twice = v, true
		}
	}
}

func (n *Netfilter) later(again *Netfilter) {
	if n == nil || again == nil {
		return
	}
	for i := range n.Tables {
		t := &n.Tables[i]
		other := again.Table(t.Backend, t.Family, t.Name)
		for j := range t.Chains {
			t.Chains[j].later(other.Chain(t.Chains[j].Name))
		}
	}
}

// later compares rule by rule. A chain that was written anew with the same rules
// has other handles in nf_tables; a legacy table carries the counters over.
func (c *Chain) later(again *Chain) {
	if again == nil || c.Policy != again.Policy || !slices.EqualFunc(c.Rules, again.Rules, sameRule) {
		return
	}
	c.Hits.later(again.Hits)
	for i := range c.Rules {
		c.Rules[i].Hits.later(again.Rules[i].Hits)
	}
}

func sameRule(a, b Rule) bool {
	return a.Number == b.Number && a.Handle == b.Handle && a.Target == b.Target && a.Hits.Counted == b.Hits.Counted &&
		slices.EqualFunc(a.Matches, b.Matches, sameMatch)
}

// sameMatch leaves out what a set held: rules do not change with it.
func sameMatch(a, b Match) bool {
	return a.Kind == b.Kind && a.Not == b.Not && a.Iface == b.Iface && a.Proto == b.Proto && a.Value == b.Value && a.Mask == b.Mask && a.Text == b.Text &&
		slices.Equal(a.Prefixes, b.Prefixes) && slices.Equal(a.Ranges, b.Ranges) && slices.Equal(a.Ports, b.Ports) && slices.Equal(a.States, b.States)
}

func (h *Hits) later(again Hits) {
	if h.Counted {
		h.After, h.Twice = again.Packets, true
	}
}

func (v *IPVS) later(again *IPVS) {
	if v == nil || again == nil {
		return
	}
	for i := range v.Services {
		s := &v.Services[i]
		other := find(again.Services, func(o *VirtualService) bool {
			return o.Mark == s.Mark && o.Family == s.Family && o.Proto == s.Proto && o.Addr == s.Addr
		})
		if other == nil {
			continue
		}
		s.Stats.later(other.Stats)
		for j := range s.Backends {
			r := &s.Backends[j]
			if o := find(other.Backends, func(o *RealServer) bool { return o.Addr == r.Addr }); o != nil {
				r.Stats.later(o.Stats)
			}
		}
	}
}

func (s *IPVSStats) later(again IPVSStats) { s.After, s.Twice = again.Conns, true }

// Delta is how many connections were balanced during the probes.
func (s IPVSStats) Delta() uint64 {
	if !s.Twice || s.After < s.Conns {
		return 0
	}
	return s.After - s.Conns
}
