package check_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// askOthers makes web's task on node i ask these servers.
func askOthers(s *fact.Snapshot, i int, servers ...string) {
	r := facttest.SandboxOf(s, i, facttest.Web(i)).Resolv
	r.Nameservers = nil
	for _, a := range servers {
		r.Nameservers = append(r.Nameservers, netip.MustParseAddr(a))
	}
}

func webContainer(s *fact.Snapshot, i int) *fact.Container {
	return facttest.NodeOf(s, i).Engine.TaskContainer(facttest.Web(i))
}

func TestDNSResolvConfOverridden(t *testing.T) {
	id := "dns-resolv-conf-overridden"
	w := want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}
	mutations(t, []mutation{
		{name: "another server", mutate: func(s *fact.Snapshot) { askOthers(s, 1, "192.0.2.1") }, want: w},
		{name: "another server first", mutate: func(s *fact.Snapshot) { askOthers(s, 1, "192.0.2.1", "127.0.0.11") }, want: w},
		{name: "no server", mutate: func(s *fact.Snapshot) { askOthers(s, 1) }, want: w},
		{name: "another server second", mutate: func(s *fact.Snapshot) { askOthers(s, 1, "127.0.0.11", "192.0.2.1") }, check: id, answer: check.OK},
		{name: "a mount that says the same", mutate: func(s *fact.Snapshot) { webContainer(s, 1).ResolvConfMount = true }, check: id, answer: check.OK},
		{name: "on the default bridge only", mutate: func(s *fact.Snapshot) {
			webContainer(s, 1).Endpoints = []fact.ContainerEndpoint{{NetworkName: "bridge"}}
		}, want: w},
		{name: "the host's network", mutate: func(s *fact.Snapshot) { webContainer(s, 1).NetworkMode = "host" }, want: w},
		{name: "another container's network", mutate: func(s *fact.Snapshot) { webContainer(s, 1).NetworkMode = "container:abc" }, check: id, answer: check.Unknown},
		{name: "not read", mutate: func(s *fact.Snapshot) { facttest.SandboxOf(s, 1, facttest.Web(1)).Resolv = nil }, check: id, answer: check.Unknown},
		{name: "not read, with a gap", mutate: func(s *fact.Snapshot) {
			s.Gaps = append(s.Gaps, fact.Gap{Node: "n1", NetNS: facttest.Sandbox(facttest.Web(1)), Kind: fact.KindResolv, Reason: "read resolv.conf: permission denied"})
		}, check: id, answer: check.Unknown},
	})
}

func TestDNSResolvConfOverriddenRelief(t *testing.T) {
	for relief, mutate := range map[string]func(*fact.Snapshot){
		"--mount-rm /etc/resolv.conf web": func(s *fact.Snapshot) { s.Wanted.ServiceNamed("web").ResolvConfMount = true },
		"start web.1 anew":                func(s *fact.Snapshot) { webContainer(s, 1).ResolvConfMount = true },
		`>'/var/lib/a b/resolv.conf'`:     func(s *fact.Snapshot) { webContainer(s, 1).ResolvConfPath = "/var/lib/a b/resolv.conf" },
	} {
		s := facttest.Healthy()
		askOthers(s, 1, "192.0.2.1")
		mutate(s)
		if c := run(t, s).Causes; len(c) != 1 || !strings.Contains(c[0].Relief, relief) {
			t.Errorf("causes %+v, want the relief %q", c, relief)
		}
	}
}
