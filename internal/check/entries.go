package check

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// entry is an endpoint as gossip tells it on one network.
type entry struct {
	Net  *fact.EngineNetwork
	Task fact.BelievedTask
	// ID is empty for an endpoint of no service.
	ID fact.TaskID
	// Service is the zero Service for one that the managers do not know.
	Service fact.Service
	// Owner is the node whose endpoint it is, empty when nobody knows.
	Owner fact.NodeID
	// Holders of Lookers believe it, by host name.
	Holders, Lookers []string
}

// entries lists the endpoints that gossip tells of on any sighted node, by network
// and name, with who believes them.
func (in *In) entries() []entry {
	var out []entry
	at := map[string]int{}
	for _, node := range in.Sighted {
		if node.Engine == nil {
			in.Blind("%s: engine was not seen", node.Name)
			continue
		}
		for i := range node.Engine.Networks {
			net := &node.Engine.Networks[i]
			if net.Driver != "overlay" || !net.Instantiated {
				continue
			}
			for _, t := range believedOn(net) {
				n, _ := expect.ParseTaskName(t.Name)
				k := string(net.ID) + "/" + t.Name + "/" + t.IP.String()
				if _, ok := at[k]; !ok {
					at[k] = len(out)
					out = append(out, in.entry(net, t, n))
				}
				e := &out[at[k]]
				if !slices.Contains(e.Holders, node.Name) {
					e.Holders = append(e.Holders, node.Name)
				}
			}
		}
	}
	for i := range out {
		slices.Sort(out[i].Holders)
	}
	slices.SortFunc(out, func(a, b entry) int {
		return cmp.Or(strings.Compare(string(a.Net.ID), string(b.Net.ID)), strings.Compare(a.Task.Name, b.Task.Name), a.Task.IP.Compare(b.Task.IP))
	})
	return out
}

func believedOn(net *fact.EngineNetwork) []fact.BelievedTask {
	var out []fact.BelievedTask
	for _, svc := range net.Services {
		out = append(out, svc.Tasks...)
	}
	return out
}

// believes: an engine believes a task to be on a network.
func (in *In) believes(net *fact.EngineNetwork, id fact.TaskID) bool {
	if in.believed == nil {
		in.believed = map[*fact.EngineNetwork]map[fact.TaskID]bool{}
	}
	if in.believed[net] == nil {
		in.believed[net] = expect.BelievedTasks(net)
	}
	return in.believed[net][id]
}

func (in *In) entry(net *fact.EngineNetwork, t fact.BelievedTask, n expect.TaskName) entry {
	e := entry{Net: net, Task: t, ID: n.Task, Owner: expect.NodeAt(in.Snapshot, t.HostIP)}
	if svc := in.Wanted.ServiceNamed(n.Service); svc != nil {
		e.Service = *svc
	}
	if in.Wanted.Node(fact.NodeID(n.Slot)) != nil { // a global service's slot is its node
		e.Owner = cmp.Or(e.Owner, fact.NodeID(n.Slot))
	}
	for _, node := range in.Sighted {
		if in.joined(node.ID, net.ID) != nil {
			e.Lookers = append(e.Lookers, node.Name)
		}
	}
	slices.Sort(e.Lookers)
	return e
}

// isPeer reports whether any engine counts an address among a network's peers.
func (in *In) isPeer(net fact.NetworkID, a netip.Addr) bool {
	return slices.ContainsFunc(in.Nodes, func(n fact.Node) bool {
		e := n.Engine.Network(net)
		return e != nil && slices.ContainsFunc(e.Peers, func(p fact.Peer) bool { return p.IP == a })
	})
}
