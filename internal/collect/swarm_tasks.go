package collect

import (
	"fairway/internal/fact"
	"fairway/internal/said"
)

// taskJSON is what is read of a row of /tasks, most of which is a copy of the
// service's spec, environment included.
type taskJSON struct {
	ID        string
	CreatedAt string
	UpdatedAt string
	ServiceID string
	Slot      int
	NodeID    string
	Status    struct {
		Timestamp       string
		State           string
		Message         string
		Err             string
		ContainerStatus struct {
			ContainerID string
			ExitCode    int
		}
		PortStatus struct{ Ports []portJSON }
	}
	DesiredState        string
	NetworksAttachments []struct {
		Network   struct{ ID string }
		Addresses []string
	}
}

func readTasks(a *answer, list *[]fact.Task) error {
	return a.elements("the list of tasks", func() error {
		var in taskJSON
		if err := a.value("task", &in); err != nil {
			return err
		}
		if in.ID == "" {
			a.bad.note("a task", "has no ID")
			return nil
		}
		*list = append(*list, task(in, a.bad))
		return nil
	})
}

func task(in taskJSON, bad *garbled) fact.Task {
	t := fact.Task{
		ID: fact.TaskID(in.ID), ServiceID: fact.ServiceID(in.ServiceID), Slot: in.Slot, Node: fact.NodeID(in.NodeID),
		Desired: in.DesiredState, State: in.Status.State, Message: said.Mask(in.Status.Message), Err: said.Mask(in.Status.Err), // runc quotes the command
		ExitCode:  in.Status.ContainerStatus.ExitCode,
		Container: fact.ContainerID(in.Status.ContainerStatus.ContainerID),
		HostPorts: ports(in.Status.PortStatus.Ports),
		Created:   bad.time("task CreatedAt", in.CreatedAt), Updated: bad.time("task UpdatedAt", in.UpdatedAt),
		StateSince: bad.time("task Status.Timestamp", in.Status.Timestamp),
	}
	for _, at := range in.NetworksAttachments {
		for _, s := range at.Addresses {
			if p := bad.prefix("task NetworksAttachments Addresses", s); p.IsValid() {
				t.Addresses = append(t.Addresses, fact.TaskAddress{Network: fact.NetworkID(at.Network.ID), Addr: p})
			}
		}
	}
	return t
}
