package check_test

import (
	"net/netip"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// giveIP gives a task another address by the managers' decision.
func giveIP(s *fact.Snapshot, id fact.TaskID, ip netip.Addr) {
	t := s.Wanted.Task(id)
	t.Addresses[0].Addr = netip.PrefixFrom(ip, 24)
}

// takeIP adds an address to a link of a container on node i.
func takeIP(s *fact.Snapshot, i int, id fact.TaskID, link string, ip netip.Addr) {
	l := facttest.SandboxOf(s, i, id).LinkNamed(link)
	l.Addrs = append(l.Addrs, netip.PrefixFrom(ip, 24))
}

func TestDuplicateIPOrVIP(t *testing.T) {
	id := "duplicate-ip-or-vip"
	failing := func(s *fact.Snapshot) { facttest.Fail(s, 1, facttest.Api(2), fact.Timeout) }
	mutations(t, []mutation{
		{name: "two tasks: the newer gives way, and one of the rows is wrong", mutate: func(s *fact.Snapshot) {
			giveIP(s, facttest.Api(3), facttest.ApiIP(2))
			s.Wanted.Task(facttest.Api(3)).Created = facttest.Taken.Add(-2 * time.Minute)
			net := facttest.NodeOf(s, 1).Engine.Network(facttest.App)
			net.Services[0].Tasks[2].IP = facttest.ApiIP(2)
			facttest.Fail(s, 1, facttest.Api(3), fact.Timeout)
		}, want: want{id: id, node: "n3", subject: string(facttest.Api(3)), certainty: check.Proof}, explain: 1},
		{name: "two virtual IPs", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "api", "10.0.1.2/24")
			giveVIP(s, "web", "10.0.1.2/24")
			s.Wanted.ServiceNamed("api").Created = facttest.Taken.Add(-30 * time.Minute)
		}, want: want{id: id, subject: string(facttest.ApiService), certainty: check.Proof}},
		{name: "a task and a virtual IP", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "web", facttest.ApiIP(2).String()+"/24")
			failing(s)
		}, want: want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}},
		{name: "a task and the gateway", mutate: func(s *fact.Snapshot) {
			giveIP(s, facttest.Api(2), netip.MustParseAddr("10.0.1.1"))
			failing(s)
		}, want: want{id: id, node: "n2", subject: string(facttest.Api(2))}},
		{name: "a task and a node's load balancer", mutate: func(s *fact.Snapshot) {
			giveIP(s, facttest.Api(2), facttest.NodeOf(s, 1).Engine.Network(facttest.App).Endpoints[0].Addr.Addr())
			failing(s)
		}, want: want{id: id, node: "n2", subject: string(facttest.Api(2))}},
		{name: "a container took a remote task's address", mutate: func(s *fact.Snapshot) {
			takeIP(s, 1, facttest.Web(1), "eth0", facttest.ApiIP(2))
			failing(s)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}},
		{name: "and another one there believes it", mutate: func(s *fact.Snapshot) {
			takeIP(s, 1, facttest.Api(1), "eth0", facttest.ApiIP(2))
			remember(facttest.SandboxOf(s, 1, facttest.Web(1)), facttest.ApiIP(2), fact.OverlayMAC(facttest.ApiIP(1)))
			failing(s)
		}, want: want{id: id, node: "n1", subject: string(facttest.Api(1))}, explain: 1},
		{name: "a container took a virtual IP", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "api", "10.0.1.2/24")
			takeIP(s, 1, facttest.Web(1), "eth0", netip.MustParseAddr("10.0.1.2"))
			failing(s)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1))}},
		{name: "a virtual IP on lo is how direct server return works", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "api", "10.0.1.2/24")
			takeIP(s, 1, facttest.Api(1), "lo", netip.MustParseAddr("10.0.1.2"))
		}, check: id, answer: check.OK},
		{name: "a task that ends gives its address back", mutate: func(s *fact.Snapshot) {
			giveIP(s, facttest.Api(3), facttest.ApiIP(2))
			s.Wanted.Task(facttest.Api(3)).Desired = "shutdown"
		}, check: id, answer: check.OK},
		{name: "without a failed probe it wants a second look", mutate: func(s *fact.Snapshot) {
			takeIP(s, 1, facttest.Web(1), "eth0", facttest.ApiIP(2))
		}, check: id, answer: check.Unknown},
	})
}
