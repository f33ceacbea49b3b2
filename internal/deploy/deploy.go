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
	// Mesh brings the image to nodes that lack it through the routing mesh.
	Mesh bool
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
	nodes, err := s.deploy(ctx, h, p)
	if err != nil && h.created {
		err = fmt.Errorf("%w; they stay deployed, `fairway remove` takes them away", err)
	}
	return nodes, err
}

func (s *Swarm) deploy(ctx context.Context, h *held, p Plan) ([]NodeState, error) {
	if err := h.needsKey(p.Rotate); err != nil {
		return nil, err
	}
	nodes, err := s.nodes(ctx, p.Arch)
	if err != nil {
		return nil, err
	}
	s.load(ctx, h, p, nodes)
	if err := s.apply(ctx, h, p); err != nil {
		return nil, err
	}
	return s.watch(ctx, h, p)
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
	agents, keys, err := newKeys(s.Random, s.Now())
	if err != nil {
		return err
	}
	g := generation{number: h.next(), ca: keys.Fingerprint()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.takeBack(ctx, h, g))
		}
	}()
	if err := keys.stage(h.folder); err != nil {
		return err
	}
	if g.secrets, err = s.store(ctx, g, agents); err != nil {
		return err
	}
	if h.service != nil {
		s.sayf("making new keys: every agent restarts with them, which takes about %v; other operators' keys end", rotation)
	}
	if err := s.bring(ctx, h, p.spec(g, h.noNewPrivileges)); err != nil {
		return err
	}
	h.keys = keys
	if err := commitKeys(h.folder); err != nil {
		s.sayf("the agents run with keys that could not be kept: run `fairway deploy --rotate` when that is solved")
		return err
	}
	s.sayf("kept the key to the agents in %s", h.folder)
	return s.dropSecrets(ctx, h.others(g))
}

// others are the secrets of generations that are not in use.
func (h *held) others(g generation) []swarm.Secret {
	return slices.DeleteFunc(slices.Clone(h.secrets), func(x swarm.Secret) bool { return slices.Contains(g.secrets, x.ID) })
}

// store makes a generation's secrets and returns their IDs.
func (s *Swarm) store(ctx context.Context, g generation, agents map[string][]byte) ([]string, error) {
	var ids []string
	for _, part := range parts {
		name := secretName(part, g.number)
		if ctx.Err() != nil {
			return nil, trouble("store the secret "+name, ctx.Err())
		}
		// What was begun is let finish: only then is it known what there is to take back.
		bounded, cancel := s.limited(context.WithoutCancel(ctx))
		res, err := s.API.SecretCreate(bounded, client.SecretCreateOptions{Spec: swarm.SecretSpec{Data: agents[part],
			Annotations: swarm.Annotations{Name: name, Labels: map[string]string{Label: LabelValue, LabelCA: g.ca}}}})
		cancel()
		if err != nil {
			return nil, trouble("store the secret "+name, err)
		}
		ids = append(ids, res.ID)
	}
	return ids, nil
}

// takeBack removes what a failed deployment has made, also when the operator has
// stopped it, and also secrets whose creation was never confirmed. Those that
// the service uses by now stay.
func (s *Swarm) takeBack(ctx context.Context, h *held, g generation) error {
	if _, err := dropKeys(h.folder, ".new"); err != nil {
		return err
	}
	if h.service != nil && h.service.Spec.Labels[LabelCA] == g.ca {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	bounded, cancel := s.limited(ctx)
	defer cancel()
	found, err := s.API.SecretList(bounded, client.SecretListOptions{Filters: make(client.Filters).Add("label", LabelCA+"="+g.ca)})
	if err != nil {
		return fmt.Errorf("%w; `fairway remove` takes away what is left", trouble("list the secrets", err))
	}
	return s.dropSecrets(ctx, ours(found.Items))
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
	if ctx.Err() != nil {
		return trouble("create or change the service "+Service, ctx.Err())
	}
	// As with secrets: what was begun is let finish.
	bounded, cancel := s.limited(context.WithoutCancel(ctx))
	defer cancel()
	if h.service == nil {
		_, err := s.API.ServiceCreate(bounded, client.ServiceCreateOptions{Spec: want, EncodedRegistryAuth: s.Login})
		if err := s.done(ctx, h, want, trouble("create the service "+Service, err)); err != nil {
			return err
		}
		h.created = true
		s.sayf("created the service %s with %s", Service, want.TaskTemplate.ContainerSpec.Image)
		return nil
	}
	differ := differences(h.service.Spec, want)
	if s.Login != "" {
		differ = append(differ, "registry login") // what the managers have nobody can see
	}
	if len(differ) == 0 {
		s.sayf("the service %s is already there, nothing to change", Service)
		return nil
	}
	want.TaskTemplate.ForceUpdate = h.service.Spec.TaskTemplate.ForceUpdate
	_, err := s.API.ServiceUpdate(bounded, h.service.ID, client.ServiceUpdateOptions{Version: h.service.Version, Spec: want, EncodedRegistryAuth: s.Login})
	if err := s.done(ctx, h, want, trouble("change the service "+Service, err)); err != nil {
		return err
	}
	s.sayf("changed the service %s: %s", Service, strings.Join(differ, ", "))
	return nil
}

// done reads the service again. An answer that was trouble or never came, why,
// counts only if the managers have not done it nevertheless, or do so a moment
// later.
func (s *Swarm) done(ctx context.Context, h *held, want swarm.ServiceSpec, why error) error {
	ctx = context.WithoutCancel(ctx)
	err := s.readService(ctx, h)
	if why == nil {
		return err
	}
	for range 4 {
		if err == nil && h.service != nil && len(differences(h.service.Spec, want)) == 0 {
			return nil
		}
		time.Sleep(pace)
		err = s.readService(ctx, h)
	}
	return why
}
