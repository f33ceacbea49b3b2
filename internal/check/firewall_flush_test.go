package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// checked breaks a healthy Swarm the same way in two looks of `fairway check`.
func checked(t *testing.T, break1 func(*fact.Snapshot)) *check.Report {
	t.Helper()
	look := func() *fact.Snapshot {
		s := facttest.Whole(facttest.Healthy())
		break1(s)
		return s
	}
	s := look()
	if !check.WantsSecondLook(s, check.All()) {
		t.Log("one look is enough")
	}
	s.Earlier = look()
	return run(t, s)
}

// beside expects a fault that a question about two services is not about, and
// that a check of the whole Swarm names first and alone.
func beside(t *testing.T, break1 func(*fact.Snapshot), w want, relief string) {
	t.Helper()
	r := checked(t, break1)
	wantCause(t, r, w)
	if !strings.Contains(r.Causes[0].Relief, relief) {
		t.Errorf("relief %q lacks %q", r.Causes[0].Relief, relief)
	}
	s := facttest.Healthy()
	break1(s)
	s.Earlier = facttest.Healthy()
	break1(s.Earlier)
	if r := run(t, s); len(r.Causes) != 0 || len(r.Elsewhere) != 1 || r.Elsewhere[0].ID != w.id {
		t.Errorf("web → api: causes %s, elsewhere %s; want %s elsewhere only", ids(r.Causes), ids(r.Elsewhere), w.id)
	}
}

// flush empties tables of node i's host, and takes the chains, too, where all is true.
func flush(s *fact.Snapshot, i int, all bool, tables ...string) {
	for _, name := range tables {
		t := facttest.NodeOf(s, i).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", name)
		var kept []fact.Chain
		for _, c := range t.Chains {
			if c.Rules = nil; c.Hook != "" || !all {
				kept = append(kept, c)
			}
		}
		t.Chains = kept
	}
}

func TestFirewallFlush(t *testing.T) {
	id := "firewall-flush"
	w := want{id: id, node: "n2", subject: "n2", certainty: check.Strong}
	for name, row := range map[string]struct {
		break1 func(*fact.Snapshot)
		relief string
	}{
		"both tables flushed":   {func(s *fact.Snapshot) { flush(s, 2, false, "nat", "filter") }, "-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE"},
		"only nat":              {func(s *fact.Snapshot) { flush(s, 2, false, "nat") }, "-t nat -A PREROUTING"},
		"only filter":           {func(s *fact.Snapshot) { flush(s, 2, false, "filter") }, "-I FORWARD -j DOCKER-USER"},
		"replaced, chains gone": {func(s *fact.Snapshot) { flush(s, 2, true, "nat", "filter") }, "-t nat -N DOCKER\n"},
		"no tables are left":    {func(s *fact.Snapshot) { facttest.NodeOf(s, 2).Kernel.Host().Netfilter = &fact.Netfilter{} }, "-N DOCKER-USER"},
		"told to write rules so": {func(s *fact.Snapshot) {
			flush(s, 2, true, "nat", "filter")
			facttest.NodeOf(s, 2).Engine.WritesRules = "yes"
		}, "-N DOCKER-USER"},
	} {
		t.Run(name, func(t *testing.T) { beside(t, row.break1, w, row.relief) })
	}
	t.Run("published port", func(t *testing.T) {
		s := onNode2(func(s *fact.Snapshot) { flush(s, 2, false, "nat", "filter") })
		portFault(t, s, id, "-j DNAT --to-destination 172.18.0.9:8080")
		if r := run(t, s); len(r.Causes[0].Explains) < 2 {
			t.Errorf("explains %q", r.Causes[0].Explains)
		}
	})
	t.Run("one rule is no flush", func(t *testing.T) {
		r := checked(t, func(s *fact.Snapshot) { saved(s, 2, without("-j DOCKER-USER"), "filter") })
		wantAnswer(t, r, id, check.OK)
	})
	t.Run("an engine without iptables writes nothing anywhere", func(t *testing.T) {
		r := checked(t, func(s *fact.Snapshot) {
			for i := range facttest.NodeOf(s, 2).Kernel.Namespaces {
				facttest.NodeOf(s, 2).Kernel.Namespaces[i].Netfilter = &fact.Netfilter{}
			}
		})
		wantAnswer(t, r, id, check.OK)
	})
	t.Run("unread", func(t *testing.T) { portUnknown(t, withoutRules(), id, "operation not permitted") })
	t.Run("the engine's own nf_tables backend", func(t *testing.T) {
		r := checked(t, func(s *fact.Snapshot) {
			facttest.NodeOf(s, 2).Kernel.Host().Netfilter = &fact.Netfilter{Tables: []fact.RuleTable{{Backend: fact.NFTables, Family: "ip", Name: "docker-bridges"}}}
		})
		wantAnswer(t, r, id, check.OK)
	})
}
