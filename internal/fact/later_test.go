package fact_test

import (
	"net/netip"
	"testing"

	"fairway/internal/fact"
)

// held is a namespace with one rule and one virtual service that were hit n times.
func held(n uint64) fact.NetNS {
	hits := fact.Hits{Counted: true, Packets: n}
	return fact.NetNS{Name: "host", Inode: 1, Counters: []fact.Counter{{Name: "x", Before: n, After: n}},
		Netfilter: &fact.Netfilter{Tables: []fact.RuleTable{{Backend: fact.Legacy, Family: "ip", Name: "filter",
			Chains: []fact.Chain{{Name: "FORWARD", Policy: "drop", Hits: hits, Rules: []fact.Rule{{Number: 1, Hits: hits,
				Matches: []fact.Match{{Kind: fact.MatchState, States: []string{"NEW"}}}, Target: fact.Target{Kind: fact.TargetDrop}}}}}}}},
		IPVS: &fact.IPVS{Services: []fact.VirtualService{{Mark: 256, Family: "ip", Stats: fact.IPVSStats{Conns: n},
			Backends: []fact.RealServer{{Addr: netip.MustParseAddrPort("10.0.1.21:0"), Stats: fact.IPVSStats{Conns: n}}}}}}}
}

func TestLater(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fact.NetNS)
		// rule, policy, service, backend: how much each rose.
		want [4]uint64
	}{
		"nothing changed":  {func(*fact.NetNS) {}, [4]uint64{3, 3, 3, 3}},
		"another rule":     {func(n *fact.NetNS) { n.Netfilter.Tables[0].Chains[0].Rules[0].Matches[0].Not = true }, [4]uint64{0, 0, 3, 3}},
		"a rule more":      {func(n *fact.NetNS) { c := &n.Netfilter.Tables[0].Chains[0]; c.Rules = append(c.Rules, fact.Rule{}) }, [4]uint64{0, 0, 3, 3}},
		"no table":         {func(n *fact.NetNS) { n.Netfilter.Tables = nil }, [4]uint64{0, 0, 3, 3}},
		"not read again":   {func(n *fact.NetNS) { n.Netfilter, n.IPVS = nil, nil }, [4]uint64{}},
		"another service":  {func(n *fact.NetNS) { n.IPVS.Services[0].Mark = 257 }, [4]uint64{3, 3, 0, 0}},
		"backend replaced": {func(n *fact.NetNS) { n.IPVS.Services[0].Backends = nil }, [4]uint64{3, 3, 3, 0}},
		"another inode":    {func(n *fact.NetNS) { n.Inode = 2 }, [4]uint64{}},
	} {
		k := &fact.Kernel{Namespaces: []fact.NetNS{held(4)}}
		again := held(7)
		c.change(&again)
		k.Later([]fact.SpaceCounters{{NetNS: again.Name, Inode: again.Inode, Counters: again.Counters, Netfilter: again.Netfilter, IPVS: again.IPVS}})
		ns := &k.Namespaces[0]
		chain, svc := &ns.Netfilter.Tables[0].Chains[0], &ns.IPVS.Services[0]
		got := [4]uint64{chain.Rules[0].Hits.Delta(), chain.Hits.Delta(), svc.Stats.Delta(), svc.Backends[0].Stats.Delta()}
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
