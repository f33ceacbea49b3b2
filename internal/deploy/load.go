package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"fairway/internal/fact"
)

// atOnce is how many engines are given the image at the same time: it is the same
// megabytes for each.
const atOnce = 4

// load puts the image where it is missing and there is a way. A node where that
// fails is said, and shows later what it lacks.
func (s *Swarm) load(ctx context.Context, h *held, p Plan, nodes []NodeState) {
	if p.Image == nil {
		return
	}
	var here, lack []NodeState
	have := s.have(ctx, h, p)
	for _, n := range nodes {
		switch {
		case n.State != Waiting:
		case n.ID == h.node:
			here = append(here, n)
		case s.Load == nil && !p.Mesh:
		case have[n.ID]:
			s.sayf("the image is on %s already", n.Name)
		default:
			lack = append(lack, n)
		}
	}
	s.loadAll(here, func(NodeState) (bool, error) { return p.Image.Load(ctx, s.API) })
	switch {
	case len(lack) == 0:
	case p.Mesh:
		if err := s.loadByMesh(ctx, h, p, nodes, lack); err != nil {
			s.sayf("serving the image through the routing mesh: %s", fact.OneLine(err.Error()))
		}
	default:
		s.loadAll(lack, func(n NodeState) (bool, error) {
			did, err := s.Load(ctx, n)
			if !did && err == nil {
				s.sayf("the image is on %s already", n.Name)
			}
			return did, err
		})
	}
}

// have are the nodes whose agent runs with the plan's image, by ID. Where the
// managers do not tell, an image is loaded again, which does no harm.
func (s *Swarm) have(ctx context.Context, h *held, p Plan) map[string]bool {
	out := map[string]bool{}
	if h.service == nil {
		return out
	}
	tasks, err := s.tasks(ctx, h.service.ID)
	if err != nil {
		return out
	}
	for _, t := range tasks {
		if t.Status.State == swarm.TaskStateRunning && t.Spec.ContainerSpec != nil && t.Spec.ContainerSpec.Image == p.Options.Image {
			out[t.NodeID] = true
		}
	}
	return out
}

// loadAll loads the image on several nodes. one reports whether it did; false
// without error: it was there.
func (s *Swarm) loadAll(nodes []NodeState, one func(NodeState) (bool, error)) {
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, n := range nodes {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			done, err := one(n)
			switch {
			case err != nil:
				s.sayf("loading the image on %s: %s", n.Name, fact.OneLine(strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted")))
			case done:
				s.sayf("loaded the image on %s", n.Name)
			}
		})
	}
	all.Wait()
}

// Load puts the image into an engine. It reports false when it was there.
func (i *Image) Load(ctx context.Context, api *client.Client) (bool, error) {
	_, err := api.ImageInspect(ctx, i.Reference)
	switch {
	case err == nil:
		return false, nil
	case !errdefs.IsNotFound(err):
		return false, trouble("look for the image", err)
	}
	r, w := io.Pipe()
	go func() {
		_, err := i.WriteTo(w)
		w.CloseWithError(err)
	}()
	defer r.Close()
	res, err := api.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err != nil {
		return false, trouble("load the image", err)
	}
	defer res.Close()
	if err := loaded(res); err != nil {
		return false, trouble("load the image", err)
	}
	if _, err := api.ImageInspect(ctx, i.Reference); err != nil {
		return false, trouble("look for the image that was loaded", err)
	}
	return true, nil
}

// loaded reads the engine's account of a load, which may end in an error although
// it began with 200 OK.
func loaded(r io.Reader) error {
	dec := json.NewDecoder(io.LimitReader(r, 1<<20))
	for {
		var line struct {
			Error string `json:"error"`
		}
		err := dec.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read its account: %w", err)
		case line.Error != "":
			return errors.New(line.Error)
		}
	}
}
