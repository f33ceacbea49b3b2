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

// other is an overlay that api moves to; nobody of web is there.
const other = fact.NetworkID("netother00000000000000000")

func split(s *fact.Snapshot) {
	net := *s.Wanted.Network(facttest.App)
	net.ID, net.Name, net.VNIs = other, "back", []uint32{4098}
	s.Wanted.Networks = append(s.Wanted.Networks, net)
	svc := s.Wanted.ServiceNamed("api")
	svc.Attached = []fact.Attachment{{Network: other}}
	for i := 1; i <= 3; i++ {
		t := s.Wanted.Task(facttest.Api(i))
		t.Addresses = []fact.TaskAddress{{Network: other, Addr: t.Addresses[0].Addr}}
		n := facttest.NodeOf(s, i).Engine
		if c := n.TaskContainer(t.ID); c != nil {
			c.Endpoints[0].Network, c.Endpoints[0].NetworkName = other, "back"
		}
		app := n.Network(facttest.App)
		app.Services = slices.DeleteFunc(app.Services, func(b fact.BelievedService) bool { return b.Name == "api" })
		app.Endpoints = slices.DeleteFunc(app.Endpoints, func(e fact.Endpoint) bool { return strings.HasPrefix(e.Name, "api") })
		n.Networks = append(n.Networks, fact.EngineNetwork{Network: net})
		unprobe(s, t.ID)
	}
	for i := range s.Seen.DNS {
		s.Seen.DNS[i].RCode, s.Seen.DNS[i].Addrs = "NXDOMAIN", nil
	}
}

// solo asks from a standalone container on node 1's default bridge.
func solo(s *fact.Snapshot) {
	split(s)
	s.Question.From = "client"
	e := facttest.NodeOf(s, 1).Engine
	bridge := fact.NetworkID(strings.Repeat("b", 64))
	e.Networks = append(e.Networks, fact.EngineNetwork{Instantiated: true, Network: fact.Network{ID: bridge, Name: "bridge", Driver: "bridge", Scope: "local"}})
	e.Containers = append(e.Containers, fact.Container{ID: fact.ContainerID(strings.Repeat("c", 64)), Name: "client", State: "running", NetworkMode: "bridge",
		Endpoints: []fact.ContainerEndpoint{{Network: bridge, NetworkName: "bridge", Addr: netip.MustParsePrefix("172.17.0.2/16")}},
		Created:   facttest.Taken.Add(-3600e9), Started: facttest.Taken.Add(-3600e9)})
	s.Seen.DNS, s.Seen.TCP, s.Seen.MTU = nil, nil, nil
}

func TestNetworkNotShared(t *testing.T) {
	apart := want{id: "network-not-shared", subject: "api", certainty: check.Proof}
	mutations(t, []mutation{
		{name: "two overlays", mutate: split, want: apart},
		{name: "a container that is attached to nothing, where the network is", mutate: func(s *fact.Snapshot) {
			solo(s)
			facttest.NodeOf(s, 1).Engine.Network(other).Instantiated = true
		}, want: apart},
		{name: "the network takes no containers", mutate: func(s *fact.Snapshot) {
			solo(s)
			s.Wanted.Network(other).Attachable = false
		}, want: apart},
		{name: "managers do not answer", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: "network-not-shared", answer: check.Unknown},
	})
}
