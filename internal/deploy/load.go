package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/errdefs"
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
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, n := range nodes {
		if n.State != Waiting || n.ID != h.node && s.Load == nil {
			continue
		}
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			done, err := s.loadOne(ctx, h, p, n)
			switch {
			case err != nil:
				s.sayf("loading the image on %s: %s", n.Name, fact.OneLine(err.Error()))
			case done:
				s.sayf("loaded the image on %s", n.Name)
			}
		})
	}
	all.Wait()
}

// loadOne reports whether it loaded the image; false without error: it was there.
func (s *Swarm) loadOne(ctx context.Context, h *held, p Plan, n NodeState) (bool, error) {
	if n.ID == h.node {
		return p.Image.Load(ctx, s.API)
	}
	return true, s.Load(ctx, n)
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
