package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// What engines write and operators add is no fault of a firewall.
func TestHealthyFirewallsAreSilent(t *testing.T) {
	mine := []string{"firewall-flush", "daemon-iptables-disabled", "iptables-backend-split", "gwbridge-missing-or-conflict", "egress-gwbridge-broken",
		"app-firewall-inside", "dns-resolver-nat-missing"}
	for name, s := range map[string]*fact.Snapshot{
		"20.10":                facttest.MeshOn("20.10.24"),
		"26.1":                 facttest.MeshOn("26.1.5"),
		"28.5":                 facttest.MeshOn("28.5.2"),
		"29":                   facttest.MeshOn("29.0.0"),
		"29 beta, no chains":   facttest.MeshOn("29.0.0-beta.24"),
		"iptables-nft":         facttest.OnNFTables(facttest.MeshOn("28.5.2")),
		"host mode":            facttest.Healthy(),
		"rules of an operator": operators(facttest.Mesh()),
		"a node without tasks": emptied(facttest.Mesh()),
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, facttest.Whole(s))
			for _, id := range mine {
				wantAnswer(t, r, id, check.OK)
			}
		})
	}
}

// operators adds rules of the operator's own, in both backends.
func operators(s *fact.Snapshot) *fact.Snapshot {
	for i := 1; i <= 3; i++ {
		saved(s, i, first("-A DOCKER-USER -s 192.0.2.0/24 -j DROP"), "filter")
		saved(s, i, first("-A INPUT -p tcp -m tcp --dport 22 -j DROP"), "filter")
		saved(s, i, with("-A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE"), "nat")
		otherSet(s, i, emptyFilter+"-A INPUT -s 192.0.2.0/24 -j DROP\nCOMMIT\n")
	}
	return s
}

// emptied takes node 3's tasks away, and with them its part in the overlay.
func emptied(s *fact.Snapshot) *fact.Snapshot {
	for _, id := range []fact.TaskID{facttest.Web(3), facttest.Api(3)} {
		s.Wanted.Task(id).Desired = "shutdown"
		s.Wanted.Task(id).State = "shutdown"
	}
	return s
}

// A rule in a chain of nftables proves it as one of iptables does.
func TestVXLANBlockedByNFTables(t *testing.T) {
	s := facttest.Healthy()
	n := facttest.NodeOf(s, 3).Kernel.Host().Netfilter
	drop := fact.Rule{Number: 1, Target: fact.Target{Kind: fact.TargetDrop}, Matches: []fact.Match{
		{Kind: fact.MatchProtocol, Proto: 17}, {Kind: fact.MatchDestinationPort, Ports: []fact.PortRange{{First: 4789, Last: 4789}}}}}
	n.Tables = append(n.Tables, fact.RuleTable{Backend: fact.NFTables, Family: "inet", Name: "fw", Chains: []fact.Chain{
		{Name: "in", Hook: "input", Type: "filter", Policy: "accept", Rules: []fact.Rule{drop}}}})
	loseVXLAN(s, 1, 3)
	loseVXLAN(s, 2, 3)
	r := run(t, s)
	wantCause(t, r, want{id: "underlay-vxlan-udp-blocked", node: "n3", certainty: check.Proof})
	if c := r.Causes[0]; !strings.Contains(c.Relief, "on n3: nft insert rule inet fw in udp dport 4789 accept") {
		t.Errorf("relief %q", c.Relief)
	}
}
