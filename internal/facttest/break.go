package facttest

import (
	"slices"

	"fairway/internal/fact"
)

// NodeOf returns node i (from 1) of a snapshot.
func NodeOf(s *fact.Snapshot, i int) *fact.Node { return s.Node(Node(i)) }

// Overlay returns the overlay's namespace on node i.
func Overlay(s *fact.Snapshot, i int) *fact.NetNS { return NodeOf(s, i).Kernel.Overlays(App)[0] }

// SandboxOf returns the namespace of a task that runs on node i.
func SandboxOf(s *fact.Snapshot, i int, t fact.TaskID) *fact.NetNS {
	return NodeOf(s, i).Kernel.Sandbox(Container(t))
}

// Fail gives every TCP probe from node i to a task this outcome.
func Fail(s *fact.Snapshot, i int, to fact.TaskID, o fact.Outcome) {
	for k := range s.Seen.TCP {
		if p := &s.Seen.TCP[k]; p.From == Source(i) && p.To == to {
			p.Outcome, p.RTT, p.Tries = o, 0, 2
		}
	}
}

// Miss records that a kind of fact could not be read on node i and takes it
// away.
func Miss(s *fact.Snapshot, i int, k fact.Kind) {
	n := NodeOf(s, i)
	Blank(s, n.Name, k)
	s.Gaps = append(s.Gaps, fact.Gap{Node: n.Name, Kind: k, Class: fact.ClassPermission, Reason: "read " + string(k) + ": permission denied"})
}

// MissAll is Miss for every node and for the managers' view.
func MissAll(s *fact.Snapshot, k fact.Kind) {
	if k == fact.KindSwarm {
		s.Wanted = nil
		s.Gaps = append(s.Gaps, fact.Gap{Kind: k, Class: fact.ClassPermission, Reason: "ask the managers: permission denied"})
		return
	}
	for i := 1; i <= 3; i++ {
		if NodeOf(s, i) != nil {
			Miss(s, i, k)
		}
	}
}

// Blank takes one kind of fact away from a node without a word.
func Blank(s *fact.Snapshot, node string, k fact.Kind) {
	n := s.NodeNamed(node)
	switch k {
	case fact.KindNode:
		s.Nodes = slices.DeleteFunc(s.Nodes, func(x fact.Node) bool { return x.Name == node })
		blankProbes(s, node, fact.KindDNS, fact.KindTCP, fact.KindMTU, fact.KindUnderlay)
	case fact.KindLogs:
		n.Said = nil
	case fact.KindContainers:
		n.Engine.Containers = nil
	case fact.KindNetworks:
		n.Engine.Networks = nil
	case fact.KindInfo:
		e := n.Engine
		*e = fact.Engine{Containers: e.Containers, Networks: e.Networks, Started: e.Started}
	case fact.KindKernel:
		n.Kernel = nil
		blankProbes(s, node, fact.KindDNS, fact.KindTCP, fact.KindMTU, fact.KindUnderlay)
	case fact.KindDNS, fact.KindTCP, fact.KindMTU, fact.KindUnderlay:
		blankProbes(s, node, k)
	default:
		if n.Kernel != nil {
			blankHeld(n.Kernel, k)
		}
	}
}

func blankHeld(k *fact.Kernel, kind fact.Kind) {
	if kind == fact.KindNeighbours {
		k.NeighbourTables = nil
	}
	for i := range k.Namespaces {
		ns := &k.Namespaces[i]
		switch kind {
		case fact.KindLinks:
			ns.Links = nil
		case fact.KindRoutes:
			ns.Routes, ns.Lookups = nil, nil
		case fact.KindNeighbours:
			ns.Neighbours = nil
		case fact.KindFDB:
			ns.FDB = nil
		case fact.KindSockets:
			ns.Sockets = nil
		case fact.KindResolv:
			ns.Resolv = nil
		case fact.KindSysctls:
			ns.Sysctls = nil
		case fact.KindCounters:
			ns.Counters = nil
		case fact.KindRules:
			ns.Netfilter = nil
		case fact.KindIPVS:
			ns.IPVS = nil
		case fact.KindOffload:
			for j := range ns.Links {
				ns.Links[j].Driver, ns.Links[j].Offload = "", nil
			}
		}
	}
}

func blankProbes(s *fact.Snapshot, node string, kinds ...fact.Kind) {
	for _, k := range kinds {
		switch k {
		case fact.KindDNS:
			s.Seen.DNS = slices.DeleteFunc(s.Seen.DNS, func(p fact.DNSProbe) bool { return p.From.Node == node })
		case fact.KindTCP:
			s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.From.Node == node })
		case fact.KindMTU:
			s.Seen.MTU = slices.DeleteFunc(s.Seen.MTU, func(p fact.MTUProbe) bool { return p.From.Node == node })
		case fact.KindUnderlay:
			s.Seen.Peers = slices.DeleteFunc(s.Seen.Peers, func(p fact.PeerProbe) bool { return p.Node == node })
			s.Seen.DataPath = slices.DeleteFunc(s.Seen.DataPath, func(p fact.DataPathProbe) bool { return p.Node == node })
			s.Seen.Flows = slices.DeleteFunc(s.Seen.Flows, func(f fact.Flow) bool { return f.Node == node })
		}
	}
}
