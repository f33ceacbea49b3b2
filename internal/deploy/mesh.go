package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"fairway/internal/fact"
)

// tries is how often a node may fail to take the image, which is every 2 s but the
// first time: its part of the routing mesh may not know of the port yet.
const tries = 5

// loadByMesh brings the image to the nodes that lack it through the Swarm itself:
// one service hands it out on a port of the routing mesh, which every node
// reaches at its own 127.0.0.1; another runs once on each of those nodes, whose
// engine therefore pulls it, by digest, and gives it the name that it keeps.
// Both are gone when it returns. A node where it fails is said.
func (s *Swarm) loadByMesh(ctx context.Context, h *held, p Plan, nodes, lack []NodeState) (err error) {
	if err := canServe(nodes, h.node); err != nil {
		return err
	}
	registry, err := NewRegistry(p.Image)
	if err != nil {
		return err
	}
	if _, err := s.dropTemporary(ctx); err != nil {
		return err
	}
	defer func() {
		if _, undone := s.dropTemporary(context.WithoutCancel(ctx)); undone != nil {
			err = errors.Join(err, fmt.Errorf("%w; `fairway remove` does it, too", undone))
		}
	}()
	port, err := s.serve(ctx, p.serveSpec(h, registry.Digest, 2*s.wait()+maxPull))
	if err != nil {
		return err
	}
	s.sayf("serving the image through the routing mesh, port %d", port)
	id, err := s.create(ctx, p.takeSpec(h, registry.Digest, port, others(nodes, lack)))
	if err != nil {
		return err
	}
	return s.taken(ctx, id, lack)
}

// canServe refuses where Swarm would not start the service that hands it out.
func canServe(nodes []NodeState, here string) error {
	i := slices.IndexFunc(nodes, func(n NodeState) bool { return n.ID == here })
	switch {
	case i < 0:
		return errors.New("the managers do not know this node")
	case nodes[i].State != Waiting:
		return fmt.Errorf("%s cannot hand it out, %s: deploy from another manager", nodes[i].Name, nodes[i].String())
	}
	return nil
}

// others are the IDs of the nodes that lack nothing.
func others(nodes, lack []NodeState) []string {
	var out []string
	for _, n := range nodes {
		if n.State == Waiting && !slices.ContainsFunc(lack, func(l NodeState) bool { return l.ID == n.ID }) {
			out = append(out, n.ID)
		}
	}
	return out
}

// create makes a service and returns its ID. As with secrets, what was begun is
// let finish.
func (s *Swarm) create(ctx context.Context, spec swarm.ServiceSpec) (string, error) {
	doing := "create the service " + spec.Name
	if ctx.Err() != nil {
		return "", trouble(doing, ctx.Err())
	}
	bounded, cancel := s.limited(context.WithoutCancel(ctx))
	defer cancel()
	made, err := s.API.ServiceCreate(bounded, client.ServiceCreateOptions{Spec: spec})
	return made.ID, trouble(doing, err)
}

// serve starts the service that hands the image out, and returns the port that
// the managers chose for it.
func (s *Swarm) serve(ctx context.Context, spec swarm.ServiceSpec) (uint32, error) {
	id, err := s.create(ctx, spec)
	if err != nil {
		return 0, err
	}
	limit, cancel := context.WithTimeout(ctx, s.wait())
	defer cancel()
	last := "no task yet"
	for {
		tasks, err := s.tasks(limit, id)
		switch {
		case limit.Err() != nil:
			return 0, s.overdue(ctx, "start the service "+spec.Name, last)
		case err != nil:
			return 0, err
		}
		if t := newest(tasks); t != nil {
			switch last = preparing(*t); {
			case t.Status.State == swarm.TaskStateRunning:
				return s.published(limit, spec.Name)
			case terminal(t.Status.State):
				return 0, fmt.Errorf("start the service %s: %s", spec.Name, s.ending(*t))
			}
		}
		rest(limit)
	}
}

// overdue is the end of a wait: the operator's, or of the time that there was.
func (s *Swarm) overdue(ctx context.Context, doing, last string) error {
	if ctx.Err() != nil {
		return trouble(doing, ctx.Err())
	}
	return fmt.Errorf("%s: not within %v (%s)", doing, s.wait(), last)
}

// published is the port of a service in the routing mesh.
func (s *Swarm) published(ctx context.Context, name string) (uint32, error) {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	res, err := s.API.ServiceInspect(bounded, name, client.ServiceInspectOptions{})
	if err != nil {
		return 0, trouble("look for the port of the service "+name, err)
	}
	for _, p := range res.Service.Endpoint.Ports {
		if p.TargetPort == servePort && p.PublishedPort != 0 {
			return p.PublishedPort, nil
		}
	}
	return 0, fmt.Errorf("look for the port of the service %s: the managers gave it none", name)
}

// taken waits until the nodes have the image or it is clear that they do not get
// it, and says each.
func (s *Swarm) taken(ctx context.Context, id string, lack []NodeState) error {
	limit, cancel := context.WithTimeout(ctx, s.wait())
	defer cancel()
	left, seen := slices.Clone(lack), map[string]*taking{}
	for _, n := range lack {
		seen[n.ID] = &taking{failed: map[string]swarm.Task{}}
	}
	for len(left) > 0 {
		tasks, err := s.tasks(limit, id)
		switch {
		case ctx.Err() != nil:
			return trouble("wait for the nodes to take the image", ctx.Err())
		case limit.Err() != nil:
			for _, n := range left {
				s.sayf("loading the image on %s: it did not come through the routing mesh within %v, which may be what is broken (%s)", n.Name, s.wait(), seen[n.ID].last)
			}
			return nil
		case err != nil:
			return err
		}
		left = slices.DeleteFunc(left, func(n NodeState) bool {
			return s.settles(n, slices.DeleteFunc(slices.Clone(tasks), func(t swarm.Task) bool { return t.NodeID != n.ID }), seen[n.ID])
		})
		rest(limit)
	}
	return nil
}

// taking is what is known of a node that is to take the image.
type taking struct {
	// failed are the tasks that failed, by ID: managers forget old ones.
	failed map[string]swarm.Task
	// last is how far it was at last.
	last string
}

// settles says what became of the image on a node once that is clear.
func (s *Swarm) settles(n NodeState, tasks []swarm.Task, k *taking) bool {
	for _, t := range tasks {
		switch t.Status.State {
		case swarm.TaskStateComplete:
			s.sayf("loaded the image on %s", n.Name)
			return true
		case swarm.TaskStateFailed, swarm.TaskStateRejected:
			k.failed[t.ID] = t
		}
	}
	k.last = "no task yet"
	if t := newest(tasks); t != nil {
		k.last = preparing(*t)
	}
	if len(k.failed) < tries {
		return false
	}
	t := newest(slices.Collect(maps.Values(k.failed)))
	if noImage(t.Status.Err) {
		s.sayf("loading the image on %s: it does not come through the routing mesh, which may be what is broken (%s)", n.Name, fact.OneLine(t.Status.Err))
	} else {
		s.sayf("loading the image on %s: %s", n.Name, s.ending(*t))
	}
	return true
}

// newest is the task that was made last, nil if there is none.
func newest(tasks []swarm.Task) *swarm.Task {
	if len(tasks) == 0 {
		return nil
	}
	t := slices.MaxFunc(tasks, func(a, b swarm.Task) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return &t
}

// ending is why a task ended: its own last words, else the engine's.
func (s *Swarm) ending(t swarm.Task) string {
	if t.Status.State == swarm.TaskStateFailed {
		if words := s.lastWords(t.ID); words != "" {
			return words
		}
	}
	return preparing(t)
}

// rest waits a moment, or until the context ends.
func rest(ctx context.Context) {
	select {
	case <-time.After(pace):
	case <-ctx.Done():
	}
}

// dropTemporary removes the services that bring an image, also those that an
// earlier run has left, and returns their names.
func (s *Swarm) dropTemporary(ctx context.Context) ([]string, error) {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	found, err := s.API.ServiceList(bounded, client.ServiceListOptions{Filters: make(client.Filters).Add("label", Label+"="+LabelValue)})
	if err != nil {
		return nil, trouble("list the services", err)
	}
	var names []string
	for _, x := range found.Items {
		if x.Spec.Name != serveService && x.Spec.Name != takeService || x.Spec.Labels[Label] != LabelValue {
			continue
		}
		if _, err := s.API.ServiceRemove(bounded, x.ID, client.ServiceRemoveOptions{}); err != nil && !gone(err) {
			return names, trouble("remove the service "+x.Spec.Name, err)
		}
		names = append(names, x.Spec.Name)
	}
	return names, nil
}

// Keep gives an image that an engine has pulled the name that it is to stay
// under, and takes away the one it came under, from: REGISTRY/NAME@DIGEST.
func Keep(ctx context.Context, api *client.Client, from, reference string) error {
	if !strings.Contains(from, "@sha256:") {
		return fmt.Errorf("keep %s: it is not named by its digest, so it may be anybody's", fact.OneLine(from))
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := api.ImageTag(ctx, client.ImageTagOptions{Source: from, Target: reference}); err != nil {
		return trouble("name the image "+reference, err)
	}
	if _, err := api.ImageRemove(ctx, from, client.ImageRemoveOptions{}); err != nil && !gone(err) {
		return trouble("remove the image's name "+from, err)
	}
	return nil
}
