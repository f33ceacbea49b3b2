package check

import (
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// networkWith is the shared network that an address is of, or nil.
func (in *In) networkWith(a netip.Addr) *fact.Network {
	for _, id := range in.Scope.Overlays() {
		if n := expect.Network(in.Snapshot, id); n != nil && slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(a) }) {
			return n
		}
	}
	return nil
}

// isVIP reports whether the managers gave an address to a service.
func (in *In) isVIP(net fact.NetworkID, a netip.Addr) bool {
	return slices.ContainsFunc(in.Wanted.Services, func(s fact.Service) bool {
		return slices.ContainsFunc(s.VIPs, func(v fact.VIP) bool { return v.Network == net && v.Addr.Addr() == a })
	})
}

// believedName is the name gossip gives an address, empty when it has none.
func believedName(n *fact.EngineNetwork, a netip.Addr) string {
	if n == nil {
		return ""
	}
	for _, svc := range n.Services {
		for _, t := range svc.Tasks {
			if t.IP == a {
				return t.Name
			}
		}
	}
	return ""
}

// standalone names the container without a task that has an address on a
// network, by what any engine believes; empty when there is none.
func (in *In) standalone(net fact.NetworkID, a netip.Addr) string {
	for i := range in.Nodes {
		n := in.Nodes[i].Engine.Network(net)
		if n == nil {
			continue
		}
		for _, svc := range n.Services {
			for _, t := range svc.Tasks {
				if svc.Name == "" && t.IP == a {
					return t.Name
				}
			}
		}
		for _, e := range n.Endpoints {
			if _, task := expect.ParseTaskName(e.Name); !task && !balancer(e.Key) && e.Addr.Addr() == a {
				return e.Name
			}
		}
	}
	return ""
}

// believedRunning reports whether gossip says on any node that a task has an
// address which the managers know to run.
func (in *In) believedRunning(net fact.NetworkID, a netip.Addr) bool {
	for i := range in.Nodes {
		if n, ok := expect.ParseTaskName(believedName(in.Nodes[i].Engine.Network(net), a)); ok {
			if t := in.Wanted.Task(n.Task); t != nil && t.Running() {
				return true
			}
		}
	}
	return false
}
