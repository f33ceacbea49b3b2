package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// gone: the engine does not know it any more.
func gone(err error) bool { return errdefs.IsNotFound(err) }

// Remove takes the agents out of the Swarm: the service, its tasks, every secret
// of every generation and the operator's key. It waits until they are gone.
func (s *Swarm) Remove(ctx context.Context) error {
	h, err := s.read(ctx)
	if err != nil {
		return err
	}
	return s.remove(ctx, h)
}

func (s *Swarm) remove(ctx context.Context, h *held) error {
	left, err := s.dropTemporary(ctx)
	for _, name := range left {
		s.sayf("removed the service %s, which an earlier deployment has left", name)
	}
	if err != nil {
		return err
	}
	did := len(left) > 0
	if h.service != nil {
		did = true
		if err := s.removeService(ctx, h); err != nil {
			return err
		}
	}
	if len(h.secrets) > 0 {
		did = true
		if err := s.dropSecrets(ctx, h.secrets); err != nil {
			return err
		}
		s.sayf("removed %d secrets", len(h.secrets))
	}
	for _, ending := range []string{"", ".new"} {
		found, err := dropKeys(h.folder, ending)
		if err != nil {
			return err
		}
		if found && ending == "" {
			did = true
			s.sayf("removed the key in %s", h.folder)
		}
	}
	if image := h.image(); strings.HasPrefix(image, nowhere+":") {
		s.sayf("the image stays where it was loaded; to remove it there:\n  docker image rm %s", image)
	}
	if !did {
		s.Say("no agents are deployed, nothing to remove")
	}
	return nil
}

// image is what the service runs; empty when there is none.
func (h *held) image() string {
	if h.service == nil || h.service.Spec.TaskTemplate.ContainerSpec == nil {
		return ""
	}
	return h.service.Spec.TaskTemplate.ContainerSpec.Image
}

// removeService ends the service and waits for its tasks, but not for those on
// nodes that nobody hears from.
func (s *Swarm) removeService(ctx context.Context, h *held) error {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	if _, err := s.API.ServiceRemove(bounded, h.service.ID, client.ServiceRemoveOptions{}); err != nil && !gone(err) {
		return trouble("remove the service "+Service, err)
	}
	s.sayf("removed the service %s", Service)
	left, err := s.waitGone(ctx, h)
	if err != nil {
		return err
	}
	for _, n := range left {
		s.sayf("%s: %s; an agent there ends when the node is back", n.Name, n.String())
	}
	return nil
}

// waitGone waits until no task is left on a node that answers, and no container
// on the engine spoken to. It returns the nodes that do not answer.
func (s *Swarm) waitGone(ctx context.Context, h *held) ([]NodeState, error) {
	limit, cancel := context.WithTimeout(ctx, s.wait())
	defer cancel()
	var left []string
	for {
		down, here, err := s.remaining(limit, h)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w; run `fairway remove` again", trouble("wait for the agents to end", ctx.Err()))
		case limit.Err() != nil:
			return nil, fmt.Errorf("wait for the agents to end: after %v they still run on %s; run `fairway remove` again", s.wait(), strings.Join(left, ", "))
		case err != nil:
			return nil, err
		case len(here) == 0:
			return down, nil
		}
		left = here
		select {
		case <-time.After(pace):
		case <-limit.Done():
		}
	}
}

// remaining tells the nodes that nobody hears from, which may still have an agent,
// and the names of the others that still have a task or a container.
func (s *Swarm) remaining(ctx context.Context, h *held) (down []NodeState, busy []string, err error) {
	nodes, err := s.nodes(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	tasks, err := s.tasks(ctx, h.service.ID)
	if err != nil && !gone(err) && !strings.Contains(err.Error(), "not found") {
		return nil, nil, err
	}
	for _, n := range nodes {
		has := slices.ContainsFunc(tasks, func(t swarm.Task) bool { return t.NodeID == n.ID })
		switch {
		case n.State == Down:
			down = append(down, n)
		case has:
			busy = append(busy, n.Name)
		case n.ID == h.node:
			if found, err := s.containers(ctx, h); err != nil {
				return nil, nil, err
			} else if found {
				busy = append(busy, n.Name)
			}
		}
	}
	return down, busy, nil
}

// containers reports whether the engine spoken to still has one of the service's.
func (s *Swarm) containers(ctx context.Context, h *held) (bool, error) {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	res, err := s.API.ContainerList(bounded, client.ContainerListOptions{All: true,
		Filters: make(client.Filters).Add("label", "com.docker.swarm.service.id="+h.service.ID)})
	if err != nil {
		return false, trouble("list the containers", err)
	}
	return len(res.Items) > 0, nil
}
