package nft

import (
	"fmt"
	"strings"
	"testing"

	"fairway/internal/fact"
)

// TestBigSet reads rules that look into sets with more elements than are kept.
func TestBigSet(t *testing.T) {
	inOwnNamespace(t, "nft")
	var list []string
	for i := range maxElems + 10 {
		list = append(list, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	all := strings.Join(list, ",")
	run(t, "table ip t { set s { type ipv4_addr; elements = {"+all+"} }\nset r { type ipv4_addr; flags interval; elements = {"+all+
		"} }\nmap v { type ipv4_addr : verdict; elements = { "+strings.Join(list, " : drop, ")+" : drop } }\n"+
		"chain c {\nip saddr @s drop; ip saddr @r drop; ip saddr vmap @v\n}\n}", "nft", "-f", "-")
	rules := here(t).Tables[0].Chains[0].Rules
	if len(rules) != 3 {
		t.Fatalf("%d rules", len(rules))
	}
	for i, most := range []int{maxElems, 0} {
		if m := rules[i].Matches[0]; m.Kind != fact.MatchSet || m.Whole || len(m.Members) != most {
			t.Errorf("rule %d: %s, whole %v, %d members", i+1, m, m.Whole, len(m.Members))
		}
	}
	if rules[2].Target.Kind != fact.TargetOpaque {
		t.Errorf("rule 3: %s", rules[2].Line("c"))
	}
}
