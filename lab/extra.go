package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// extra is what the names of all services, networks, configs and containers begin with that a fault or a situation adds
// to the lab; [Lab.removeExtras] knows them by it.
const extra = "x-"

// extraService is a service of one task on one node, named with the prefix.
func (l *Lab) extraService(name, node string, networks []string, args ...string) swarm.ServiceSpec {
	s := l.EchoService(extra+name, 1, networks, args...)
	pin(&s, node)
	return s
}

// pin binds all tasks of a service to one node.
func pin(s *swarm.ServiceSpec, node string) {
	s.TaskTemplate.Placement.Constraints = []string{"node.hostname==" + node}
}

// startExtra creates a service and waits until its tasks run; it returns the first.
func (l *Lab) startExtra(ctx context.Context, s swarm.ServiceSpec) (Task, error) {
	if err := l.CreateService(ctx, s); err != nil {
		return Task{}, err
	}
	want := int(*s.Mode.Replicated.Replicas)
	var first Task
	err := poll(ctx, 30*time.Second, fmt.Sprintf("%d tasks of %s to run", want, s.Name), func() (bool, error) {
		tasks, err := l.Running(ctx, s.Name, "")
		if err != nil || len(tasks) < want {
			return false, errors.Join(err, fmt.Errorf("%d do", len(tasks)))
		}
		first = tasks[0]
		return true, nil
	})
	return first, err
}

// waitTask waits for a task of a service, old or new, that is as ok says, and returns it.
func (l *Lab) waitTask(ctx context.Context, service, what string, ok func(swarm.Task) bool) (Task, error) {
	var found Task
	err := poll(ctx, 30*time.Second, "a task of "+service+" that "+what, func() (bool, error) {
		api, _, err := l.Manager(ctx)
		if err != nil {
			return false, err
		}
		tasks, err := api.TaskList(ctx, client.TaskListOptions{Filters: client.Filters{}.Add("service", service)})
		if err != nil {
			return false, err
		}
		names, err := l.namesByID(ctx, api)
		if err != nil {
			return false, err
		}
		last := errors.New("it has no task")
		for _, t := range tasks.Items {
			if ok(t) {
				found = taskOf(t, names)
				return true, nil
			}
			last = fmt.Errorf("task %s is %s: %s", t.ID, t.Status.State, t.Status.Err)
		}
		return false, last
	})
	return found, err
}

// expectNames waits until a name resolves, from inside a task, to exactly so many addresses, and returns them.
func (l *Lab) expectNames(ctx context.Context, from Task, name string, want int) ([]netip.Addr, error) {
	var found []netip.Addr
	what := fmt.Sprintf("%s to resolve %s to %d addresses", from.Name, name, want)
	err := poll(ctx, 15*time.Second, what, func() (bool, error) {
		var err error
		found, err = l.Resolve(ctx, from, name)
		if err == nil && len(found) != want {
			err = fmt.Errorf("it resolves to %v", found)
		}
		return err == nil, err
	})
	return found, err
}

// expectNoName proves that a name leads nowhere from inside a task, while the resolver itself works.
func (l *Lab) expectNoName(ctx context.Context, from Task, name string) error {
	if _, err := l.Resolve(ctx, from, "tasks."+from.Service); err != nil {
		return err
	}
	// No answer is as good as an empty one: engine 20.10 passes on what it does not know, and here to nobody.
	found, _ := l.Resolve(ctx, from, name)
	if len(found) > 0 {
		return fmt.Errorf("%s resolves %s to %v", from.Name, name, found)
	}
	return nil
}

// healExtras is the Heal of a fault that only added things.
func healExtras(ctx context.Context, l *Lab, _ *Draw) error { return l.removeExtras(ctx) }

// removeExtras removes whatever carries the prefix, and waits until it is gone.
func (l *Lab) removeExtras(ctx context.Context) error {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return err
	}
	services, err := api.ServiceList(ctx, client.ServiceListOptions{})
	if err != nil {
		return fmt.Errorf("list services: %w", err)
	}
	for _, s := range services.Items {
		if strings.HasPrefix(s.Spec.Name, extra) {
			if err := l.RemoveService(ctx, s.Spec.Name); err != nil {
				return err
			}
		}
	}
	if err := l.each(func(n Node) error { return l.removeContainers(ctx, n.Name) }); err != nil {
		return err
	}
	if err := l.each(func(n Node) error { return l.removeNetworks(ctx, n.Name) }); err != nil {
		return err
	}
	configs, err := api.ConfigList(ctx, client.ConfigListOptions{})
	if err != nil {
		return fmt.Errorf("list configs: %w", err)
	}
	for _, c := range configs.Items {
		if strings.HasPrefix(c.Spec.Name, extra) {
			if _, err := api.ConfigRemove(ctx, c.ID, client.ConfigRemoveOptions{}); err != nil {
				return fmt.Errorf("remove config %s: %w", c.Spec.Name, err)
			}
		}
	}
	return nil
}

// removeContainers removes the added containers of a node, also those of services that were just removed: by itself the
// engine waits 5 s for connections to end.
func (l *Lab) removeContainers(ctx context.Context, node string) error {
	api, err := l.API(node)
	if err != nil {
		return err
	}
	return poll(ctx, 40*time.Second, "the added containers of "+node+" to go", func() (bool, error) {
		all, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
		if err != nil {
			return false, err
		}
		left, last := 0, error(nil)
		for _, c := range all.Items {
			if c.Labels["fairway.lab"] == "" && !strings.HasPrefix(c.Labels["com.docker.swarm.service.name"], extra) {
				continue
			}
			left++
			if _, err := api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
				last = err // the engine may be at it already
			}
		}
		return left == 0, last
	})
}

// removeNetworks removes the added networks, from the swarm and from a node's own list, which lags behind.
func (l *Lab) removeNetworks(ctx context.Context, node string) error {
	api, err := l.API(node)
	if err != nil {
		return err
	}
	return poll(ctx, 30*time.Second, "the added networks to go from "+node, func() (bool, error) {
		all, err := api.NetworkList(ctx, client.NetworkListOptions{})
		if err != nil {
			return false, err
		}
		left, last := 0, error(nil)
		for _, n := range all.Items {
			if strings.HasPrefix(n.Name, extra) {
				left++
				if _, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil {
					last = err
				}
			}
		}
		return left == 0, last
	})
}

// runContainer starts a standalone container of the workload on a node and a network.
func (l *Lab) runContainer(ctx context.Context, node, name, network string, args ...string) error {
	api, err := l.API(node)
	if err != nil {
		return err
	}
	res, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{Image: echoImage, Cmd: append([]string{"/echo"}, args...),
			Labels: map[string]string{"fairway.lab": "extra"}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(network)},
	})
	if err == nil {
		_, err = api.ContainerStart(ctx, res.ID, client.ContainerStartOptions{})
	}
	if err != nil {
		return fmt.Errorf("run container %s on %s: %w", name, node, err)
	}
	return nil
}

// askExtra is the usual question about an added service: from the drawn frontend's service.
func (d *Draw) askExtra(name string, causes ...Cause) Want {
	return Want{On: d.Node, From: d.Task.Service, To: fmt.Sprintf("%s%s:%d", extra, name, d.Port), Causes: causes}
}

// wantExtraTask expects one cause about the only task of the added service api, whose name Break noted.
func wantExtraTask(id string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want {
		return d.askExtra("api", Cause{ID: id, Node: d.Node, Kind: "task", Name: d.Notes["task"]})
	}
}

// noteTask remembers the name of an added task, for Want.
func (d *Draw) noteTask(t Task) error { return d.Note("task", t.Name) }

// startAndExpect starts an added service and proves how a connection from the drawn frontend to its task ends.
func (l *Lab) startAndExpect(ctx context.Context, d *Draw, s swarm.ServiceSpec, want ...Outcome) (Task, error) {
	t, err := l.startExtra(ctx, s)
	if err != nil {
		return t, err
	}
	if err := d.noteTask(t); err != nil {
		return t, err
	}
	if _, err := l.expectNames(ctx, d.Task, "tasks."+s.Name, int(*s.Mode.Replicated.Replicas)); err != nil {
		return t, err
	}
	return t, l.expectConnect(ctx, d.Task, netip.AddrPortFrom(t.Addrs[d.Network], uint16(d.Port)), 8*time.Second, want...)
}

// service finds a service by its name.
func (l *Lab) service(ctx context.Context, name string) (swarm.Service, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return swarm.Service{}, err
	}
	res, err := api.ServiceInspect(ctx, name, client.ServiceInspectOptions{})
	if err != nil {
		return swarm.Service{}, fmt.Errorf("inspect service %s: %w", name, err)
	}
	return res.Service, nil
}
