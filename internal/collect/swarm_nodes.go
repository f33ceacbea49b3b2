package collect

import (
	"net/netip"

	"fairway/internal/fact"
	"fairway/internal/said"
)

// nodeJSON is what is read of a row of /nodes.
type nodeJSON struct {
	ID          string
	CreatedAt   string
	UpdatedAt   string
	Spec        struct{ Role, Availability string }
	Description struct {
		Hostname string
		Platform struct{ OS, Architecture string }
		Engine   struct{ EngineVersion string }
	}
	Status        struct{ State, Message, Addr string }
	ManagerStatus struct {
		Leader       bool
		Reachability string
		Addr         string
	}
}

// managerAddr reads a manager's address; workers have none.
func managerAddr(bad *garbled, s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return bad.addrPort("node ManagerStatus.Addr", s).Addr()
}

func readNodes(a *answer, list *[]fact.SwarmNode) error {
	return a.elements("the list of nodes", func() error {
		var in nodeJSON
		if err := a.value("node", &in); err != nil {
			return err
		}
		if in.ID == "" {
			a.bad.note("a node", "has no ID")
			return nil
		}
		*list = append(*list, fact.SwarmNode{
			ID: fact.NodeID(in.ID), Hostname: in.Description.Hostname,
			Role: in.Spec.Role, Availability: in.Spec.Availability,
			State: in.Status.State, Message: said.Mask(in.Status.Message), Addr: a.bad.addr("node Status.Addr", in.Status.Addr),
			Leader: in.ManagerStatus.Leader, Reachability: in.ManagerStatus.Reachability,
			ManagerAddr:   managerAddr(a.bad, in.ManagerStatus.Addr),
			EngineVersion: in.Description.Engine.EngineVersion,
			OS:            in.Description.Platform.OS, Arch: in.Description.Platform.Architecture,
			Created: a.bad.time("node CreatedAt", in.CreatedAt), Updated: a.bad.time("node UpdatedAt", in.UpdatedAt),
		})
		return nil
	})
}
