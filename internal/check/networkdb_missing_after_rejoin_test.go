package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// untold makes gossip on these nodes tell nothing of api's task on node k.
func untold(s *fact.Snapshot, k int, nodes ...int) {
	for _, i := range nodes {
		net := facttest.NodeOf(s, i).Engine.Network(facttest.App)
		for n := range net.Services {
			svc := &net.Services[n]
			svc.Tasks = slices.DeleteFunc(svc.Tasks, func(t fact.BelievedTask) bool { return t.IP == facttest.ApiIP(k) })
		}
	}
}

// unnamed takes the task's address out of the answers that node i got.
func unnamed(s *fact.Snapshot, i, k int) {
	for n := range s.Seen.DNS {
		if d := &s.Seen.DNS[n]; d.From == facttest.Source(i) {
			d.Addrs = slices.DeleteFunc(slices.Clone(d.Addrs), func(a netip.Addr) bool { return a == facttest.ApiIP(k) })
		}
	}
}

func TestNetworkDBMissing(t *testing.T) {
	id := "networkdb-missing-after-rejoin"
	mutations(t, []mutation{
		{name: "one node lacks it, and its names too", mutate: func(s *fact.Snapshot) {
			untold(s, 2, 1)
			unnamed(s, 1, 2)
		}, want: want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Strong}},
		{name: "one node lacks it, nobody asked for names", mutate: twice(func(s *fact.Snapshot) {
			untold(s, 2, 1)
			s.Seen.DNS = nil
		}), want: want{id: id, node: "n2", certainty: check.Strong}},
		{name: "all lack it: its own node has to say it again", mutate: twice(func(s *fact.Snapshot) { untold(s, 2, 1, 2, 3) }),
			want: want{id: id, node: "n2", certainty: check.Strong}},
		{name: "an engine known for it", mutate: twice(func(s *fact.Snapshot) {
			untold(s, 2, 1)
			facttest.NodeOf(s, 1).Engine.Version = "29.3.1"
		}), want: want{id: id, node: "n2"}},
		{name: "one look, and no name asked", mutate: func(s *fact.Snapshot) {
			untold(s, 2, 1)
			s.Seen.DNS = nil
		}, check: id, answer: check.Unknown},
		{name: "it has just started", mutate: func(s *fact.Snapshot) {
			untold(s, 2, 1)
			young(s, facttest.Api(2))
		}, check: id, answer: check.Unknown},
		{name: "its node is no peer: another cause", mutate: func(s *fact.Snapshot) { forgetGossip(s, 1, 2) }, check: id, answer: check.OK},
		{name: "gossip with its node is blocked", mutate: func(s *fact.Snapshot) {
			untold(s, 2, 1)
			failPeer(s, 1, 2, "gossip", fact.Timeout)
		}, check: id, answer: check.OK},
		{name: "gossip with its node is blocked the other way", mutate: func(s *fact.Snapshot) {
			untold(s, 2, 1)
			failPeer(s, 2, 1, "gossip", fact.Refused)
		}, check: id, answer: check.OK},
		{name: "no endpoint here", mutate: func(s *fact.Snapshot) {
			untold(s, 2, 1)
			facttest.NodeOf(s, 1).Engine.Network(facttest.App).Instantiated = false
		}, check: id, answer: check.OK},
	})
}

func TestMissingEntryNamesTheBuild(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) {
		untold(s, 2, 1)
		facttest.NodeOf(s, 1).Engine.Version = "29.0.0-beta.24"
	})
	r := run(t, s)
	if len(r.Causes) != 1 || !slices.ContainsFunc(r.Causes[0].Evidence, func(e check.Evidence) bool { return e.Got == "29.0.0-beta.24" }) {
		t.Errorf("causes %+v, want one that names the engine's build", r.Causes)
	}
}

func TestMissingEntryBlamesNoOtherBuild(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) { untold(s, 2, 1) })
	if c := run(t, s).Causes[0]; strings.Contains(c.Fix, "29.0.0") || strings.Contains(c.Fix, "pgrade") {
		t.Errorf("fix %q, but no engine in that range is there", c.Fix)
	}
}

func TestMissingEntryOfAnUnhealthyTask(t *testing.T) {
	s := facttest.Healthy()
	untold(s, 2, 1)
	facttest.NodeOf(s, 2).Engine.TaskContainer(facttest.Api(2)).Health = "unhealthy"
	wantAnswer(t, run(t, s), "networkdb-missing-after-rejoin", check.OK)
}
