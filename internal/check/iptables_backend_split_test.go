package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// otherSet adds tables of the backend that node i's engine does not use.
func otherSet(s *fact.Snapshot, i int, save string) {
	n := facttest.NodeOf(s, i).Kernel.Host().Netfilter
	n.Tables = append(n.Tables, facttest.Saved(fact.NFTables, "ip", save)...)
}

const emptyFilter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"

func TestIPTablesBackendSplit(t *testing.T) {
	id := "iptables-backend-split"
	w := want{id: id, node: "n2", subject: "n2", certainty: check.Strong}
	t.Run("policy of the other set", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) {
			otherSet(s, 2, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")
		}, w, "iptables-nft -t filter -I FORWARD -o docker_gwbridge -j ACCEPT")
	})
	t.Run("rule of the other set, published port", func(t *testing.T) {
		r := run(t, onNode2(func(s *fact.Snapshot) {
			otherSet(s, 2, emptyFilter+"-A FORWARD -o docker_gwbridge -j DROP\nCOMMIT\n")
		}))
		wantCause(t, r, want{id: id, node: "n2", certainty: check.Proof})
		if c := r.Causes[0]; !strings.Contains(c.Relief, "iptables-nft -t filter -I FORWARD -i docker_gwbridge -j ACCEPT") || !strings.Contains(c.Explains[0], "ingress-forward-dropped") {
			t.Errorf("%+v", c)
		}
	})
	for name, save := range map[string]string{
		"empty tables of the other set": emptyFilter + "COMMIT\n",
		"rules that let all of it pass": emptyFilter + "-A FORWARD -s 192.0.2.0/24 -j DROP\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n",
	} {
		t.Run(name, func(t *testing.T) {
			wantAnswer(t, checked(t, func(s *fact.Snapshot) { otherSet(s, 2, save) }), id, check.OK)
		})
	}
	t.Run("the same set drops: another cause", func(t *testing.T) {
		s := onNode2(func(s *fact.Snapshot) { saved(s, 2, first("-A DOCKER-USER -o docker_gwbridge -j DROP"), "filter") })
		wantAnswer(t, run(t, s), id, check.OK)
	})
	t.Run("a match that is not understood", func(t *testing.T) {
		r := checked(t, func(s *fact.Snapshot) {
			otherSet(s, 2, emptyFilter+"-A FORWARD -o eth0 -j DROP\nCOMMIT\n")
			n := facttest.NodeOf(s, 2).Kernel.Host().Netfilter
			c := n.Table(fact.NFTables, "ip", "filter").Chain("FORWARD")
			c.Rules[0].Matches = append(c.Rules[0].Matches, fact.Match{Kind: fact.MatchOpaque, Text: "time"})
		})
		wantAnswer(t, r, id, check.Unknown)
	})
	t.Run("unread", func(t *testing.T) { portUnknown(t, withoutRules(), id, "operation not permitted") })
}
