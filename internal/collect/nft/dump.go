package nft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"

	"fairway/internal/fact"
)

// dump is what the kernel sent, before the rules are understood.
type dump struct {
	tables []fact.RuleTable
	// chains are the places of chains in tables.
	chains map[chainKey]place
	rules  []rawRule
	bytes  int
	sets   map[setKey]*set
	elems  int // of all sets
	// looked counts the elements that rules look at, and said the rules said.
	looked, said int
}

type chainKey struct {
	family      uint8
	table, name string
}

type setKey = chainKey

type place struct{ table, chain int }

// rawRule is a rule whose expressions nobody has read yet.
type rawRule struct {
	at          chainKey
	handle      uint64
	expressions []byte
	userData    []byte
}

var errFull = errors.New("more elements than are read")

func tooMany(n int, what string) error {
	return fmt.Errorf("more than %d %s: %w", n, what, errors.ErrUnsupported)
}

// families are nf_tables' numbers, which are netfilter's.
var families = map[uint8]string{1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

func familyName(n uint8) string {
	if s, ok := families[n]; ok {
		return s
	}
	return fmt.Sprintf("family %d", n)
}

func (d *dump) takeTable(m netlink.Message) error {
	a, _, ok := attributes(m.Data[genMsgLen:])
	if !ok || a[tableName] == nil {
		return errGarbled
	}
	if len(d.tables) == maxTables {
		return tooMany(maxTables, "tables")
	}
	d.tables = append(d.tables, fact.RuleTable{Backend: fact.NFTables, Family: familyName(m.Data[0]),
		Name: text(a[tableName]), Dormant: value(a[tableFlags])&dormant != 0})
	return nil
}

func (d *dump) takeChain(m netlink.Message) error {
	a, _, ok := attributes(m.Data[genMsgLen:])
	if !ok || a[chainName] == nil {
		return errGarbled
	}
	if len(d.chains) == maxChains {
		return tooMany(maxChains, "chains")
	}
	c, err := chain(m.Data[0], &a)
	if err != nil {
		return err
	}
	key := chainKey{m.Data[0], text(a[chainTable]), c.Name}
	for i := range d.tables {
		t := &d.tables[i]
		if t.Name == key.table && t.Family == familyName(key.family) {
			if d.chains == nil {
				d.chains = make(map[chainKey]place)
			}
			d.chains[key] = place{i, len(t.Chains)}
			t.Chains = append(t.Chains, c)
		}
	}
	return nil
}

// chain reads a chain without its rules.
func chain(family uint8, a *attrs) (fact.Chain, error) {
	c := fact.Chain{Name: text(a[chainName]), Type: text(a[chainType])}
	if a[chainHook] == nil {
		return c, nil
	}
	h, _, ok := attributes(a[chainHook])
	if !ok {
		return c, errGarbled
	}
	c.Hook = hookName(family, value(h[hookNumber]))
	c.Priority = int(int32(value(h[hookPriority])))
	c.Device = devices(&h)
	c.Policy = "accept"
	if len(a[chainPolicy]) == 4 && value(a[chainPolicy]) == 0 {
		c.Policy = "drop"
	}
	if a[chainCounters] != nil {
		c.Hits, ok = counters(a[chainCounters])
	}
	if !ok {
		return c, errGarbled
	}
	return c, nil
}

// counters reads a counter: bytes are attribute 1, packets 2.
func counters(b []byte) (fact.Hits, bool) {
	a, _, ok := attributes(b)
	ok = ok && len(a[1]) == counterSize && len(a[2]) == counterSize
	return fact.Hits{Counted: ok, Bytes: value(a[1]), Packets: value(a[2])}, ok
}

func hookName(family uint8, n uint64) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	switch familyName(family) {
	case "netdev":
		names = []string{"ingress", "egress"}
	case "arp":
		names = []string{"input", "output", "forward"}
	}
	if n < uint64(len(names)) {
		return names[n]
	}
	return fmt.Sprintf("hook %d", n)
}

// devices lists the interfaces of a netdev chain, joined by commas.
func devices(h *attrs) string {
	if h[hookDevices] == nil {
		return text(h[hookDevice])
	}
	var names []string
	each(h[hookDevices], func(_ uint16, data []byte) bool {
		names = append(names, text(data))
		return true
	})
	return strings.Join(names, ",")
}

func (d *dump) takeRule(m netlink.Message) error {
	a, _, ok := attributes(m.Data[genMsgLen:])
	if !ok {
		return errGarbled
	}
	if len(d.rules) == maxRules {
		return tooMany(maxRules, "rules")
	}
	if d.bytes += len(m.Data); d.bytes > maxBytes {
		return tooMany(maxBytes, "bytes of rules")
	}
	d.rules = append(d.rules, rawRule{
		at:          chainKey{m.Data[0], text(a[ruleTable]), text(a[ruleChain])},
		handle:      value(a[ruleHandle]),
		expressions: a[ruleExpressions],
		userData:    a[ruleUserData],
	})
	return nil
}

// lookedUp lists the sets that rules name, each once.
func (d *dump) lookedUp() []setKey {
	seen := make(map[setKey]bool)
	var out []setKey
	for i := range d.rules {
		r := &d.rules[i]
		expressions(r.expressions, func(e *expr) bool {
			if e.name != "lookup" || e.a[lookupSet] == nil {
				return true
			}
			k := setKey{r.at.family, r.at.table, text(e.a[lookupSet])}
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
			return true
		})
	}
	return out
}

// decode makes facts of the rules and puts them into their chains.
func (d *dump) decode(links map[uint32]string) []fact.RuleTable {
	numbers := make(map[chainKey]int)
	for i := range d.rules {
		r := &d.rules[i]
		at, ok := d.chains[r.at]
		if !ok {
			continue
		}
		numbers[r.at]++
		c := &d.tables[at.table].Chains[at.chain]
		facts := d.understand(r, links)
		d.said += len(facts)
		for _, f := range facts {
			f.Number, f.Handle = numbers[r.at], r.handle
			c.Rules = append(c.Rules, f)
		}
	}
	slices.SortFunc(d.tables, func(a, b fact.RuleTable) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Name, b.Name))
	})
	return d.tables
}
