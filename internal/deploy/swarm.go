package deploy

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"fairway/internal/fact"
)

// Swarm is where agents are put. Its methods are not to be called at the same
// time.
type Swarm struct {
	// API is the engine of a manager.
	API *client.Client
	// Config is the operator's configuration folder; keys are kept below it.
	Config string
	// Random is crypto/rand.Reader but in tests.
	Random io.Reader
	Now    func() time.Time
	// Limit is how long one answer of the engine may take, 0: 10 s.
	Limit time.Duration
	// Wait is how long to wait for agents to run or to go, 0: 60 s.
	Wait time.Duration
	// Greet says hello to the agent of a node with the operator's keys; it does
	// not wait long. nil: a running task is enough.
	Greet func(context.Context, NodeState, *Keys) error
	// Load puts the image into the engine of a node other than API's; false without
	// error: it was there. nil: no way.
	Load func(context.Context, NodeState) (bool, error)
	// Loads says what an operator types to have the image brought to the nodes that
	// lack it in another way than this time, in half a sentence; empty: nothing.
	Loads string
	// Login is a registry's login as an engine takes it along with a service
	// (X-Registry-Auth); empty: none, and one that was given before stays.
	Login string
	// Say tells the operator what was done, a line at a time; several goroutines may
	// call it.
	Say func(string)
}

const defaultWait = time.Minute

func (s *Swarm) wait() time.Duration {
	if s.Wait == 0 {
		return defaultWait
	}
	return s.Wait
}

// limited bounds one call to the engine.
func (s *Swarm) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := s.Limit
	if limit == 0 {
		limit = 10 * time.Second
	}
	return context.WithTimeout(ctx, limit)
}

func (s *Swarm) sayf(format string, args ...any) { s.Say(fmt.Sprintf(format, args...)) }

// held is what a Swarm has of fairway.
type held struct {
	// cluster is the Swarm's ID, node the one of the engine spoken to.
	cluster, node string
	// noNewPrivileges: the managers' API knows that setting.
	noNewPrivileges bool
	// service is nil when there is none; created: this run made it.
	service *swarm.Service
	created bool
	// secrets are all that fairway made, of every generation.
	secrets []swarm.Secret
	folder  string
	// keys are the operator's; nil when there are none here.
	keys *Keys
}

// read finds out what there is of fairway, here and in the Swarm.
func (s *Swarm) read(ctx context.Context) (*held, error) {
	h := &held{}
	if err := s.readEngine(ctx, h); err != nil {
		return nil, err
	}
	if err := s.readService(ctx, h); err != nil {
		return nil, err
	}
	bounded, cancel := s.limited(ctx)
	defer cancel()
	found, err := s.API.SecretList(bounded, client.SecretListOptions{Filters: make(client.Filters).Add("label", Label+"="+LabelValue)})
	if err != nil {
		return nil, trouble("list the secrets", err)
	}
	h.secrets = ours(found.Items)
	if h.folder, err = KeyFolder(s.Config, h.cluster); err != nil {
		return nil, err
	}
	h.keys, err = ReadKeys(h.folder)
	return h, err
}

func (s *Swarm) readEngine(ctx context.Context, h *held) error {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	in, err := s.API.Info(bounded, client.InfoOptions{})
	switch {
	case err != nil:
		return trouble("ask the engine about its swarm", err)
	case in.Info.Swarm.LocalNodeState == swarm.LocalNodeStateLocked:
		return fmt.Errorf("the swarm of %s is locked: `docker swarm unlock` first", fact.OneLine(in.Info.Name))
	case !in.Info.Swarm.ControlAvailable:
		return fmt.Errorf("%s is a worker, and only managers know of services: run it on a manager, or point --host or --context at one", fact.OneLine(in.Info.Name))
	}
	h.node = in.Info.Swarm.NodeID
	if in.Info.Swarm.Cluster == nil {
		// A manager that has lost the others says so when it is asked further.
		_, err := s.API.SwarmInspect(bounded, client.SwarmInspectOptions{})
		if err == nil {
			err = fmt.Errorf("it does not say which swarm it is in")
		}
		return trouble("ask the engine about its swarm", err)
	}
	h.cluster = in.Info.Swarm.Cluster.ID
	h.noNewPrivileges = atLeast(s.API.ClientVersion(), 1, 44)
	return nil
}

// atLeast compares API versions.
func atLeast(version string, major, minor int) bool {
	a, b, _ := strings.Cut(version, ".")
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	return errX == nil && errY == nil && (x > major || x == major && y >= minor)
}

func (s *Swarm) readService(ctx context.Context, h *held) error {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	res, err := s.API.ServiceInspect(bounded, Service, client.ServiceInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case err != nil:
		return trouble("look for the service "+Service, err)
	case res.Service.Spec.Labels[Label] != LabelValue:
		return fmt.Errorf("a service named %s is there that fairway did not make (it lacks the label %s=%s): rename or remove it", Service, Label, LabelValue)
	}
	h.service = &res.Service
	return nil
}

// ours are the secrets that fairway made: by label and by name.
func ours(secrets []swarm.Secret) []swarm.Secret {
	return slices.DeleteFunc(secrets, func(x swarm.Secret) bool {
		return x.Spec.Labels[Label] != LabelValue || !strings.HasPrefix(x.Spec.Name, secretPrefix)
	})
}

// current is the generation that the service uses, with the secrets there are;
// complete is false when one is missing.
func (h *held) current() (g generation, complete bool) {
	g.number, _ = strconv.Atoi(h.service.Spec.Labels[LabelGeneration])
	g.ca = h.service.Spec.Labels[LabelCA]
	for _, part := range parts {
		for _, x := range h.secrets {
			if x.Spec.Name == secretName(part, g.number) {
				g.secrets = append(g.secrets, x.ID)
			}
		}
	}
	return g, len(g.secrets) == len(parts)
}

// next is a generation number that no secret carries yet.
func (h *held) next() int {
	last := 0
	for _, x := range h.secrets {
		i := strings.LastIndexByte(x.Spec.Name, '-')
		if n, err := strconv.Atoi(x.Spec.Name[i+1:]); err == nil {
			last = max(last, n)
		}
	}
	return last + 1
}
