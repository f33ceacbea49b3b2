package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// Plan is one deployment.
type Plan struct {
	Options
	// Image is loaded where it is missing and there is a way; nil for a site's own.
	Image *Image
	// Rotate makes new keys for agents that are there.
	Rotate bool
}

// rotation is how long it takes until all agents run with new keys: they stop
// within their grace of three seconds and start again, all at once.
const rotation = 10 * time.Second

// Deploy brings the Swarm's agents to what the plan says and waits for them. It
// changes only what differs. It returns every node's state; an error means that
// it could not finish, and then nothing new stays behind but what it says.
func (s *Swarm) Deploy(ctx context.Context, p Plan) ([]NodeState, error) {
	h, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	return s.deploy(ctx, h, p)
}

func (s *Swarm) deploy(ctx context.Context, h *held, p Plan) ([]NodeState, error) {
	if err := h.needsKey(p.Rotate); err != nil {
		return nil, err
	}
	nodes, err := s.nodes(ctx, p.Arch)
	if err != nil {
		return nil, err
	}
	notLoaded := s.load(ctx, h, p, nodes)
	if err := s.apply(ctx, h, p); err != nil {
		return nil, err
	}
	nodes, err = s.watch(ctx, h, p)
	for i := range nodes {
		if why := notLoaded[nodes[i].ID]; why != nil && nodes[i].State != Running {
			nodes[i].Do = fmt.Sprintf("%s (loading it failed: %v)", nodes[i].Do, why)
		}
	}
	return nodes, err
}

// needsKey refuses to touch agents that this operator could not speak to.
func (h *held) needsKey(rotate bool) error {
	if h.service == nil || rotate {
		return nil
	}
	again := fmt.Sprintf("`fairway deploy --rotate` makes new ones (about %v; other operators' keys end)", rotation)
	if h.keys == nil {
		return fmt.Errorf("agents are deployed, but their key is not in %s: copy it from whoever deployed them, or %s", h.folder, again)
	}
	if h.keys.Fingerprint() != h.service.Spec.Labels[LabelCA] {
		return fmt.Errorf("agents are deployed, but the key in %s is another deployment's: copy theirs from whoever deployed them, or %s", h.folder, again)
	}
	if _, complete := h.current(); !complete {
		return fmt.Errorf("agents are deployed, but their secrets are not all there: %s", again)
	}
	return nil
}

// apply makes keys where new ones are needed and brings the service to the plan.
// What it made is taken back when it fails.
func (s *Swarm) apply(ctx context.Context, h *held, p Plan) (err error) {
	if h.service != nil && !p.Rotate {
		g, _ := h.current()
		if err := s.bring(ctx, h, p.spec(g, h.noNewPrivileges)); err != nil {
			return err
		}
		return s.dropSecrets(ctx, h.others(g))
	}
	g, keys, made, err := s.makeKeys(ctx, h)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.takeBack(ctx, h, made))
		}
	}()
	if err != nil {
		return err
	}
	if h.service != nil {
		s.sayf("making new keys: every agent restarts with them, which takes about %v; other operators' keys end", rotation)
	}
	if err := s.bring(ctx, h, p.spec(g, h.noNewPrivileges)); err != nil {
		return err
	}
	made = nil // they are in use
	h.keys = keys
	if err := commitKeys(h.folder); err != nil {
		return fmt.Errorf("%w; the agents run with keys that are lost: run `fairway deploy --rotate` when that is solved", err)
	}
	return s.dropSecrets(ctx, h.others(g))
}

// others are the secrets of generations that are not in use.
func (h *held) others(g generation) []swarm.Secret {
	return slices.DeleteFunc(slices.Clone(h.secrets), func(x swarm.Secret) bool { return slices.Contains(g.secrets, x.ID) })
}

// makeKeys makes a new generation and stores it; made are the secrets that exist
// by now, also when it fails.
func (s *Swarm) makeKeys(ctx context.Context, h *held) (g generation, keys *Keys, made []swarm.Secret, err error) {
	agents, keys, err := newKeys(s.Random, s.Now())
	if err != nil {
		return g, nil, nil, err
	}
	if err := keys.stage(h.folder); err != nil {
		return g, nil, nil, err
	}
	g.number, g.ca = h.next(), keys.Fingerprint()
	for _, part := range parts {
		x := swarm.Secret{Spec: swarm.SecretSpec{Data: agents[part],
			Annotations: swarm.Annotations{Name: secretName(part, g.number), Labels: map[string]string{Label: LabelValue}}}}
		bounded, cancel := s.limited(ctx)
		res, err := s.API.SecretCreate(bounded, client.SecretCreateOptions{Spec: x.Spec})
		cancel()
		if err != nil {
			return g, nil, made, trouble("store the secret "+x.Spec.Name, err)
		}
		x.ID = res.ID
		made, g.secrets = append(made, x), append(g.secrets, res.ID)
	}
	return g, keys, made, nil
}

// takeBack removes what a failed deployment has made, also when the operator has
// stopped it.
func (s *Swarm) takeBack(ctx context.Context, h *held, made []swarm.Secret) error {
	if _, err := dropKeys(h.folder, ".new"); err != nil {
		return err
	}
	return s.dropSecrets(context.WithoutCancel(ctx), made)
}

func (s *Swarm) dropSecrets(ctx context.Context, secrets []swarm.Secret) error {
	for _, x := range secrets {
		bounded, cancel := s.limited(ctx)
		_, err := s.API.SecretRemove(bounded, x.ID, client.SecretRemoveOptions{})
		cancel()
		if err != nil && !gone(err) {
			return trouble("remove the secret "+x.Spec.Name, err)
		}
	}
	return nil
}

// bring creates the service, or changes it where it differs, and reads it back.
func (s *Swarm) bring(ctx context.Context, h *held, want swarm.ServiceSpec) error {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	if h.service == nil {
		_, err := s.API.ServiceCreate(bounded, client.ServiceCreateOptions{Spec: want})
		if err := s.done(ctx, h, want, trouble("create the service "+Service, err)); err != nil {
			return err
		}
		h.created = true
		s.sayf("created the service %s with %s", Service, want.TaskTemplate.ContainerSpec.Image)
		return nil
	}
	differ := differences(h.service.Spec, want)
	if len(differ) == 0 {
		s.sayf("the service %s is already there, nothing to change", Service)
		return nil
	}
	want.TaskTemplate.ForceUpdate = h.service.Spec.TaskTemplate.ForceUpdate
	_, err := s.API.ServiceUpdate(bounded, h.service.ID, client.ServiceUpdateOptions{Version: h.service.Version, Spec: want})
	if err := s.done(ctx, h, want, trouble("change the service "+Service, err)); err != nil {
		return err
	}
	s.sayf("changed the service %s: %s", Service, strings.Join(differ, ", "))
	return nil
}

// done reads the service again. An answer that was trouble or never came, why,
// counts only if the managers have not done it nevertheless.
func (s *Swarm) done(ctx context.Context, h *held, want swarm.ServiceSpec, why error) error {
	err := s.readService(context.WithoutCancel(ctx), h)
	switch {
	case why == nil:
		return err
	case err == nil && h.service != nil && len(differences(h.service.Spec, want)) == 0:
		return nil
	}
	return why
}
