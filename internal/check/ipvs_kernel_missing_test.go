package check_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// giveVIP gives a service a virtual IP, as endpoint mode vip does, and its name
// leads there.
func giveVIP(s *fact.Snapshot, name, ip string) {
	svc := s.Wanted.ServiceNamed(name)
	svc.EndpointMode = "vip"
	svc.VIPs = append(svc.VIPs, fact.VIP{Network: facttest.App, Addr: netip.MustParsePrefix(ip)})
	answers(s, name, netip.MustParsePrefix(ip).Addr())
}

func noIPVS(s *fact.Snapshot, i int, loadable bool) {
	*facttest.NodeOf(s, i).Kernel.Feature("ip_vs") = fact.Feature{Name: "ip_vs", Loadable: loadable}
}

func TestIPVSKernelMissing(t *testing.T) {
	id := "ipvs-kernel-missing"
	mutations(t, []mutation{
		{name: "a virtual IP", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "api", "10.0.1.2/24")
			noIPVS(s, 1, false)
		}, want: want{id: id, node: "n1", subject: "api", certainty: check.Proof}},
		{name: "on all nodes: one cause", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "api", "10.0.1.2/24")
			for i := 1; i <= 3; i++ {
				noIPVS(s, i, false)
			}
		}, want: want{id: id, node: "n1", subject: "api", certainty: check.Proof}},
		{name: "an ingress port", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Ports[0].Mode = "ingress"
			noIPVS(s, 2, false)
		}, want: want{id: id, node: "n2", subject: "api", certainty: check.Proof}},
		{name: "nobody needs it", mutate: func(s *fact.Snapshot) { noIPVS(s, 1, false) }, check: id, answer: check.OK},
		{name: "only the client's own name needs it", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "web", "10.0.1.2/24")
			noIPVS(s, 1, false)
		}, check: id, answer: check.OK},
		{name: "a module that is not loaded yet", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "api", "10.0.1.2/24")
			noIPVS(s, 1, true)
		}, check: id, answer: check.OK},
		{name: "nothing can tell", mutate: func(s *fact.Snapshot) {
			giveVIP(s, "api", "10.0.1.2/24")
			facttest.NodeOf(s, 1).Kernel.Features = nil
		}, check: id, answer: check.Unknown},
	})
}

func TestIPVSRelief(t *testing.T) {
	s := facttest.Healthy()
	giveVIP(s, "api", "10.0.1.2/24")
	s.Wanted.ServiceNamed("api").Ports[0].Mode = "ingress"
	noIPVS(s, 1, false)
	c := run(t, s).Causes[0]
	for _, part := range []string{"tasks.api", "--publish-rm 8080/tcp --publish-add mode=host,target=8080,published=8080,protocol=tcp api"} {
		if !strings.Contains(c.Relief, part) {
			t.Errorf("relief %q lacks %q", c.Relief, part)
		}
	}
	if c.Impact != check.ImpactTask {
		t.Errorf("impact %q", c.Impact)
	}
}
