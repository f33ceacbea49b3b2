package lab

import (
	"context"
	"fmt"
	"net/netip"
	"sort"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// Task is a task of a service as the managers know it.
type Task struct {
	ID, Service, Node string
	Name              string // the container's name: web.1.ID
	Slot              int
	State, Desired    swarm.TaskState
	Container         string                // container ID
	PID               int                   // as the node sees it
	Addrs             map[string]netip.Addr // by network name
}

// Tasks lists all tasks, also those that are over, by service, slot and age.
func (l *Lab) Tasks(ctx context.Context) ([]Task, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := api.TaskList(ctx, client.TaskListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	names, err := l.namesByID(ctx, api)
	if err != nil {
		return nil, err
	}
	sort.Slice(tasks.Items, func(i, j int) bool {
		a, b := tasks.Items[i], tasks.Items[j]
		ka, kb := names[a.ServiceID], names[b.ServiceID]
		if ka != kb {
			return ka < kb
		}
		if a.Slot != b.Slot {
			return a.Slot < b.Slot
		}
		return a.CreatedAt.Before(b.CreatedAt)
	})
	var all []Task
	for _, t := range tasks.Items {
		all = append(all, taskOf(t, names))
	}
	return all, nil
}

func taskOf(t swarm.Task, names map[string]string) Task {
	out := Task{ID: t.ID, Service: names[t.ServiceID], Node: names[t.NodeID], Slot: t.Slot,
		State: t.Status.State, Desired: t.DesiredState, Addrs: map[string]netip.Addr{}}
	slot := fmt.Sprint(t.Slot)
	if t.Slot == 0 { // a global service's
		slot = t.NodeID
	}
	out.Name = out.Service + "." + slot + "." + t.ID
	if c := t.Status.ContainerStatus; c != nil {
		out.Container, out.PID = c.ContainerID, c.PID
	}
	for _, n := range t.NetworksAttachments {
		for _, a := range n.Addresses {
			out.Addrs[n.Network.Spec.Name] = a.Addr()
		}
	}
	return out
}

// namesByID names services and nodes.
func (l *Lab) namesByID(ctx context.Context, api *client.Client) (map[string]string, error) {
	names := map[string]string{}
	services, err := api.ServiceList(ctx, client.ServiceListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	for _, s := range services.Items {
		names[s.ID] = s.Spec.Name
	}
	nodes, err := api.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range nodes.Items {
		names[n.ID] = n.Description.Hostname
	}
	return names, nil
}

// Running lists the running tasks of a service; node "" means on any.
func (l *Lab) Running(ctx context.Context, service, node string) ([]Task, error) {
	all, err := l.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	var some []Task
	for _, t := range all {
		if t.Service == service && (node == "" || t.Node == node) && t.State == swarm.TaskStateRunning && t.Desired == swarm.TaskStateRunning {
			some = append(some, t)
		}
	}
	return some, nil
}

// TaskNS is the handle of a task's network namespace in its node (the engine's SandboxKey).
func (l *Lab) TaskNS(ctx context.Context, t Task) (string, error) {
	api, err := l.API(t.Node)
	if err != nil {
		return "", err
	}
	res, err := api.ContainerInspect(ctx, t.Container, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("find the namespace of %s: %w", t.Name, err)
	}
	if s := res.Container.NetworkSettings; s != nil && s.SandboxKey != "" {
		return s.SandboxKey, nil
	}
	return "", fmt.Errorf("find the namespace of %s: the engine of %s names no sandbox", t.Name, t.Node)
}

// OverlayNS is the handle of an overlay's namespace in a node: libnetwork names it by a count and the network's ID.
func (l *Lab) OverlayNS(ctx context.Context, node, network string) (string, error) {
	id, err := l.NetworkID(ctx, network)
	if err != nil {
		return "", err
	}
	return "/var/run/docker/netns/1-" + id[:10], nil
}

// Converge waits until every service has the running tasks it asks for and no task is on its way in or out.
func (l *Lab) Converge(ctx context.Context, limit time.Duration) error {
	return poll(ctx, limit, "the services to converge", func() (bool, error) {
		api, _, err := l.Manager(ctx)
		if err != nil {
			return false, err
		}
		if err := settledServices(ctx, api); err != nil {
			return false, err
		}
		err = settledTasks(ctx, api)
		return err == nil, err
	})
}

func settledServices(ctx context.Context, api *client.Client) error {
	services, err := api.ServiceList(ctx, client.ServiceListOptions{Status: true})
	if err != nil {
		return err
	}
	for _, s := range services.Items {
		if u := s.UpdateStatus; u != nil && (u.State == swarm.UpdateStateUpdating || u.State == swarm.UpdateStateRollbackStarted) {
			return fmt.Errorf("service %s is updating", s.Spec.Name)
		}
		if n := s.ServiceStatus; n != nil && n.RunningTasks != n.DesiredTasks {
			return fmt.Errorf("service %s runs %d of %d tasks", s.Spec.Name, n.RunningTasks, n.DesiredTasks)
		}
	}
	return nil
}

func settledTasks(ctx context.Context, api *client.Client) error {
	tasks, err := api.TaskList(ctx, client.TaskListOptions{})
	if err != nil {
		return err
	}
	for _, t := range tasks.Items {
		over := taskOver(t.Status.State)
		if wanted := t.DesiredState == swarm.TaskStateRunning; wanted && t.Status.State != swarm.TaskStateRunning || !wanted && !over {
			return fmt.Errorf("task %s is %s and shall be %s: %s", t.ID, t.Status.State, t.DesiredState, t.Status.Err)
		}
	}
	return nil
}

func taskOver(s swarm.TaskState) bool {
	switch s {
	case swarm.TaskStateComplete, swarm.TaskStateShutdown, swarm.TaskStateFailed, swarm.TaskStateRejected,
		swarm.TaskStateRemove, swarm.TaskStateOrphaned:
		return true
	}
	return false
}
