package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// idle is a network that nobody on node 1 takes part in.
const idle = fact.NetworkID("netidle000000000000000000")

func withIdle(s *fact.Snapshot) {
	net := s.Wanted.Networks[0]
	net.ID, net.Name, net.VNIs = idle, "idle", []uint32{4105}
	s.Wanted.Networks = append(s.Wanted.Networks, net)
	for i := 1; i <= 3; i++ {
		if n := facttest.NodeOf(s, i); n != nil {
			n.Engine.Networks = append(n.Engine.Networks, fact.EngineNetwork{Network: net})
		}
	}
}

// stray puts a vxlan link into a namespace of node i.
func stray(ns *fact.NetNS, name string, vni uint32, elsewhere bool) {
	ns.Links = append(ns.Links, fact.Link{Index: 77, Name: name, Kind: "vxlan", MTU: 1450, VXLAN: &fact.VXLAN{ID: vni, Port: 4789, MadeElsewhere: elsewhere}})
}

// reject makes a task end the way the engine ends it.
func reject(s *fact.Snapshot, id fact.TaskID, err string) {
	t := s.Wanted.Task(id)
	t.State, t.Err, t.Created, t.StateSince = "rejected", err, facttest.Taken.Add(-5*time.Second), facttest.Taken.Add(-4*time.Second)
	t.Updated, t.Container = t.StateSince, ""
	old := *t
	old.ID, old.Desired = id[:24]+"z", "shutdown"
	s.Wanted.Tasks = append(s.Wanted.Tasks, old)
}

func TestVXLANFileExists(t *testing.T) {
	id := "vxlan-file-exists"
	err := `network sandbox join failed: subnet sandbox join failed for "10.0.1.0/24": error creating vxlan interface: file exists`
	vx := "vx-001001-netap"
	// gone: node 1 lost the network, as a node does whose last task was refused.
	gone := func(s *fact.Snapshot) {
		k := facttest.NodeOf(s, 1).Kernel
		ns := facttest.Overlay(s, 1)
		ns.Links = nil
		k.Host().Links = append(k.Host().Links, fact.Link{})[:len(k.Host().Links)]
		net := facttest.NodeOf(s, 1).Engine.Network(facttest.App)
		net.Instantiated, net.Peers, net.Endpoints, net.Services = false, nil, nil, nil
	}
	host := func(s *fact.Snapshot) *fact.NetNS { return facttest.NodeOf(s, 1).Kernel.Host() }
	elsewhere := func(s *fact.Snapshot, name string) *fact.NetNS {
		k := facttest.NodeOf(s, 1).Kernel
		k.Namespaces = append(k.Namespaces, fact.NetNS{Name: name, Role: fact.RoleOther, Inode: 999})
		return &k.Namespaces[len(k.Namespaces)-1]
	}
	twice := func(mutate func(*fact.Snapshot)) func(*fact.Snapshot) {
		return func(s *fact.Snapshot) {
			mutate(s)
			s.Earlier = facttest.Healthy()
			mutate(s.Earlier)
		}
	}
	mutations(t, []mutation{
		{name: "an orphan in the host, and the task is refused", mutate: func(s *fact.Snapshot) {
			gone(s)
			stray(host(s), vx, 4097, false)
			reject(s, facttest.Api(1), err)
		}, want: want{id: id, node: "n1", subject: vx, certainty: check.Proof}, explain: 1},
		{name: "in a namespace that nobody owns", mutate: func(s *fact.Snapshot) {
			gone(s)
			stray(elsewhere(s, "a1b2c3d4e5f6"), "vxlan0", 4097, true)
			reject(s, facttest.Api(1), err)
		}, want: want{id: id, node: "n1", subject: "vxlan0", certainty: check.Proof}, explain: 1},
		{name: "of another network: the next task there will be refused", mutate: twice(func(s *fact.Snapshot) {
			withIdle(s)
			stray(host(s), "flannel.1", 4105, false)
		}), check: id, answer: check.Failed, want: want{}},
		{name: "just being made", mutate: func(s *fact.Snapshot) {
			withIdle(s)
			stray(host(s), "vx-001009-netot", 4105, false)
		}, check: id, answer: check.Unknown},
		{name: "another product's number", mutate: twice(func(s *fact.Snapshot) { stray(host(s), "flannel.1", 1, false) }), check: id, answer: check.OK},
		{name: "another product's port", mutate: twice(func(s *fact.Snapshot) {
			stray(host(s), "flannel.1", 4097, false)
			host(s).LinkNamed("flannel.1").VXLAN.Port = 8472
		}), check: id, answer: check.OK},
		{name: "made and kept inside a container takes nothing away from the host", mutate: twice(func(s *fact.Snapshot) {
			stray(facttest.SandboxOf(s, 1, facttest.Web(1)), "vx", 4097, false)
		}), check: id, answer: check.OK},
	})

	far := facttest.OneNode() // of n3 it is known only what its engine said when it refused the task
	reject(far, facttest.Api(3), err)
	wantCause(t, run(t, far), want{id: id, node: "n3", subject: "app", certainty: check.Strong})
}
