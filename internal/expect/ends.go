package expect

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// resolve finds one end: an exact service name wins, then service.slot, a task
// ID (or a unique start of one of at least eight characters), a container's name
// or ID, an address.
func resolve(s *fact.Snapshot, name string) ([]End, []fact.ServiceID, error) {
	// A URL's host without dots comes with a final one, and may be a service.
	for _, called := range []string{name, strings.TrimSuffix(name, ".")} {
		if svc := s.Wanted.ServiceNamed(called); svc != nil {
			return serviceEnds(s, svc.ID), []fact.ServiceID{svc.ID}, nil
		}
	}
	if s.Wanted != nil {
		if ends, err := byTask(s, name); err != nil || ends != nil {
			return ends, servicesOf(ends), err
		}
	}
	if s.Wanted == nil {
		if ends := believedEnds(s, name); ends != nil {
			return ends, nil, nil
		}
	}
	if ends, err := byContainer(s, name); err != nil || ends != nil {
		return ends, servicesOf(ends), err
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return byAddress(s, addr)
	}
	return nil, nil, unknown(s, name)
}

// unknown says what is near a name that nobody has, or which slots there are.
func unknown(s *fact.Snapshot, name string) error {
	e := &NameError{What: "service, task or container", Name: name}
	i := strings.LastIndexByte(name, '.')
	if i > 0 && s.Wanted.ServiceNamed(name[:i]) != nil {
		e.Why = "is not known here: " + slotsOf(s, s.Wanted.ServiceNamed(name[:i]))
		return e
	}
	e.Near = Nearest(name, Names(s))
	e.Outside = len(e.Near) == 0 && i >= 0 && !taskOfThePast(s, name)
	return e
}

// taskOfThePast: service.slot and more, of a service that is there.
func taskOfThePast(s *fact.Snapshot, name string) bool {
	service, rest, _ := strings.Cut(name, ".")
	slot, _, _ := strings.Cut(rest, ".")
	return s.Wanted.ServiceNamed(service) != nil && slot != "" && strings.Trim(slot, "0123456789") == ""
}

// slotsOf says in one clause which tasks of a service there are to name.
func slotsOf(s *fact.Snapshot, svc *fact.Service) string {
	var slots []int
	ends := serviceEnds(s, svc.ID)
	for _, e := range ends {
		if n := slotOf(e); n > 0 && !slices.Contains(slots, n) {
			slots = append(slots, n)
		}
	}
	slices.Sort(slots)
	switch n := len(slots); {
	case len(ends) == 0:
		return svc.Name + " has no tasks"
	case n == 0:
		return svc.Name + " is global: its tasks are named " + svc.Name + ".NODE-ID, or name one by its task ID"
	case n == 1:
		return fmt.Sprintf("%s has slot %d only", svc.Name, slots[0])
	case slots[n-1]-slots[0] == n-1:
		return fmt.Sprintf("%s has slots %d–%d", svc.Name, slots[0], slots[n-1])
	default:
		return fmt.Sprintf("%s has %d slots, %d to %d", svc.Name, n, slots[0], slots[n-1])
	}
}

func servicesOf(ends []End) []fact.ServiceID {
	var out []fact.ServiceID
	for _, e := range ends {
		if e.Service != "" && !slices.Contains(out, e.Service) {
			out = append(out, e.Service)
		}
	}
	return out
}

func byTask(s *fact.Snapshot, name string) ([]End, error) {
	var live, any []*fact.Task
	for i := range s.Wanted.Tasks {
		t := &s.Wanted.Tasks[i]
		if !matchesTask(t, name) {
			continue
		}
		any = append(any, t)
		if t.Desired == "running" {
			live = append(live, t)
		}
	}
	if len(live) == 0 {
		live = newestOf(any)
	}
	switch len(live) {
	case 0:
		return nil, nil
	case 1:
		return []End{taskEnd(s, live[0])}, nil
	}
	var names []string
	for _, t := range live {
		names = append(names, NameOf(t))
	}
	slices.Sort(names)
	return nil, &NameError{What: "task", Name: name, Why: fmt.Sprintf("means %d tasks; say which by its full ID", len(live)), Near: names[:min(3, len(names))]}
}

func matchesTask(t *fact.Task, name string) bool {
	return name == string(t.ID) || name == NameOf(t) || name == ShortName(t) ||
		len(name) >= 8 && strings.HasPrefix(string(t.ID), name)
}

func newestOf(tasks []*fact.Task) []*fact.Task {
	if len(tasks) < 2 {
		return tasks
	}
	return []*fact.Task{slices.MaxFunc(tasks, func(a, b *fact.Task) int { return a.Created.Compare(b.Created) })}
}

func byContainer(s *fact.Snapshot, name string) ([]End, error) {
	var out []End
	for i := range s.Nodes {
		e := s.Nodes[i].Engine
		if e == nil {
			continue
		}
		for j := range e.Containers {
			c := &e.Containers[j]
			if c.Name == name || c.TaskName == name || c.ServiceName == name && s.Wanted == nil ||
				len(name) >= 8 && strings.HasPrefix(string(c.ID), name) {
				out = append(out, containerEnd(s, &s.Nodes[i], c))
			}
		}
	}
	sortEnds(out)
	if s.Wanted != nil && len(out) > 1 {
		return nil, &NameError{What: "container", Name: name, Why: fmt.Sprintf("means %d containers; say which by its ID", len(out))}
	}
	return out, nil
}

// believedEnds finds a service by what gossip told the engines, for engines
// whose managers do not answer.
func believedEnds(s *fact.Snapshot, name string) []End {
	var out []End
	for i := range s.Nodes {
		if s.Nodes[i].Engine == nil {
			continue
		}
		for _, net := range s.Nodes[i].Engine.Networks {
			for _, svc := range net.Services {
				if !net.Ingress {
					out = mergeBelieved(s, out, svc.Name, net.ID, meant(&svc, name))
				}
			}
		}
	}
	sortEnds(out)
	return out
}

// meant are the tasks of a service that a name means: all of them by the
// service's name, else one by service.slot, its full name or its ID.
func meant(svc *fact.BelievedService, name string) []fact.BelievedTask {
	if svc.Name == name {
		return svc.Tasks
	}
	var out []fact.BelievedTask
	for _, t := range svc.Tasks {
		if n, ok := ParseTaskName(t.Name); ok && (t.Name == name || n.Service+"."+n.Slot == name ||
			string(n.Task) == name || len(name) >= 8 && strings.HasPrefix(string(n.Task), name)) {
			out = append(out, t)
		}
	}
	return out
}

func mergeBelieved(s *fact.Snapshot, out []End, service string, net fact.NetworkID, tasks []fact.BelievedTask) []End {
	for _, t := range tasks {
		full := t.Name
		n, _ := ParseTaskName(full)
		addr := fact.TaskAddress{Network: net, Addr: netip.PrefixFrom(t.IP, t.IP.BitLen())}
		if i := slices.IndexFunc(out, func(e End) bool { return e.Full == full }); i >= 0 {
			if !out[i].Addr(net).IsValid() {
				out[i].Addresses = append(out[i].Addresses, addr)
			}
			continue
		}
		e := End{Name: strings.TrimSuffix(full, "."+string(n.Task)), Full: full, ServiceName: service,
			Task: n.Task, Running: true, Addresses: []fact.TaskAddress{addr}, NodeName: t.HostIP.String()}
		out = append(out, atHome(s, e))
	}
	return out
}

// atHome adds the container of a task that runs on a node that was seen.
func atHome(s *fact.Snapshot, e End) End {
	for i := range s.Nodes {
		if c := s.Nodes[i].Engine.TaskContainer(e.Task); c != nil {
			e.Container, e.Node, e.NodeName = c.ID, s.Nodes[i].ID, s.Nodes[i].Name
			e.Running = c.State == "running"
		}
	}
	return e
}

func serviceEnds(s *fact.Snapshot, id fact.ServiceID) []End {
	var out []End
	for i := range s.Wanted.Tasks {
		if t := &s.Wanted.Tasks[i]; t.ServiceID == id && t.Desired == "running" {
			out = append(out, taskEnd(s, t))
		}
	}
	sortEnds(out)
	return out
}

func sortEnds(ends []End) {
	slices.SortFunc(ends, func(a, b End) int {
		return cmp.Or(strings.Compare(a.ServiceName, b.ServiceName), slotOf(a)-slotOf(b), strings.Compare(a.Full, b.Full))
	})
}

func slotOf(e End) int {
	n, _ := ParseTaskName(e.Full)
	i, _ := strconv.Atoi(n.Slot)
	return i
}

func taskEnd(s *fact.Snapshot, t *fact.Task) End {
	return End{Name: ShortName(t), Full: NameOf(t), Service: t.ServiceID, ServiceName: t.Service, Task: t.ID,
		Container: t.Container, Node: t.Node, NodeName: NodeName(s, t.Node), Addresses: t.Addresses, Running: t.Running()}
}

func containerEnd(s *fact.Snapshot, n *fact.Node, c *fact.Container) End {
	if t := s.Wanted.Task(c.TaskID); t != nil {
		return taskEnd(s, t)
	}
	e := End{Name: c.Name, Full: cmp.Or(c.TaskName, c.Name), Service: c.ServiceID, ServiceName: c.ServiceName, Task: c.TaskID,
		Container: c.ID, Node: n.ID, NodeName: n.Name, Running: c.State == "running"}
	for _, ep := range c.Endpoints {
		e.Addresses = append(e.Addresses, fact.TaskAddress{Network: ep.Network, Addr: ep.Addr})
	}
	return e
}
