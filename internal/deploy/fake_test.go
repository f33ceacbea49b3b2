package deploy

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

const cluster = "abc123"

// fake is an engine of a manager of three nodes, as far as deploy asks it. Its
// agents run as soon as the service is there, if tasks does not say otherwise.
type fake struct {
	mu      sync.Mutex
	nodes   []swarm.Node
	service *swarm.Service
	// temporary are the other services, seen all that there ever were.
	temporary, seen []*swarm.Service
	secrets         []swarm.Secret
	image           bool
	ids             int
	// tasks are the tasks of a node; nil: one that runs.
	tasks func(node string, s *swarm.Service) []swarm.Task
	// refuse answers a request itself; it reports whether it did.
	refuse func(w http.ResponseWriter, r *http.Request) bool
	asked  []string
}

func newFake() *fake {
	f := &fake{}
	for i := range 3 {
		f.nodes = append(f.nodes, someNode(fmt.Sprintf("n%d", i+1)))
	}
	return f
}

func someNode(name string) swarm.Node {
	return swarm.Node{ID: "id" + name, Spec: swarm.NodeSpec{Availability: swarm.NodeAvailabilityActive},
		Description: swarm.NodeDescription{Hostname: name, Platform: swarm.Platform{Architecture: "x86_64", OS: "linux"}},
		Status:      swarm.NodeStatus{State: swarm.NodeStateReady, Addr: "10.77.0.11"}}
}

func (f *fake) id() string {
	f.ids++
	return fmt.Sprintf("x%d", f.ids)
}

func refuse(w http.ResponseWriter, code int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": why})
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if i := strings.Index(path, "/v1."); i == 0 {
		path = path[1+strings.IndexByte(path[1:], '/'):]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.Method+" "+path)
	r.URL.Path = path
	if f.refuse != nil && f.refuse(w, r) {
		return
	}
	f.answer(w, r)
}

func (f *fake) answer(w http.ResponseWriter, r *http.Request) {
	put := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch op := r.Method + " " + r.URL.Path; {
	case strings.HasSuffix(op, "/_ping"):
		w.Header().Set("API-Version", "1.45")
	case op == "GET /info":
		put(map[string]any{"Name": "n1", "Swarm": map[string]any{"NodeID": "idn1", "LocalNodeState": "active", "ControlAvailable": true,
			"Cluster": map[string]any{"ID": cluster}}})
	case op == "GET /nodes":
		put(f.nodes)
	case op == "GET /secrets":
		put(f.secretList(r))
	case op == "POST /secrets/create":
		x := swarm.Secret{ID: f.id()}
		_ = json.NewDecoder(r.Body).Decode(&x.Spec)
		f.secrets = append(f.secrets, x)
		w.WriteHeader(http.StatusCreated)
		put(map[string]string{"ID": x.ID})
	case strings.HasPrefix(op, "DELETE /secrets/"):
		f.secrets = slices.DeleteFunc(f.secrets, func(x swarm.Secret) bool { return x.ID == name })
		w.WriteHeader(http.StatusNoContent)
	case op == "POST /services/create":
		made := &swarm.Service{ID: f.id()}
		if err := json.NewDecoder(r.Body).Decode(&made.Spec); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		if made.Spec.Name == Service {
			f.service = made
		} else {
			if made.Spec.EndpointSpec != nil {
				made.Endpoint.Ports = []swarm.PortConfig{{TargetPort: servePort, PublishedPort: 30007}}
			}
			f.temporary, f.seen = append(f.temporary, made), append(f.seen, made)
		}
		w.WriteHeader(http.StatusCreated)
		put(map[string]string{"ID": made.ID})
	case strings.HasPrefix(op, "POST /services/"):
		_ = json.NewDecoder(r.Body).Decode(&f.service.Spec)
		put(struct{}{})
	case op == "GET /services":
		put(f.temporary)
	case strings.HasPrefix(op, "GET /services/") && f.called(name) != nil:
		put(f.called(name))
	case strings.HasPrefix(op, "GET /services/") && name == Service && f.service != nil:
		put(f.service)
	case strings.HasPrefix(op, "GET /services/"):
		refuse(w, http.StatusNotFound, "service fairway-agent not found")
	case strings.HasPrefix(op, "DELETE /services/"):
		if f.called(name) == nil {
			f.service = nil
		}
		f.temporary = slices.DeleteFunc(f.temporary, func(x *swarm.Service) bool { return x.ID == name })
	case op == "GET /tasks":
		put(f.taskList(filters(r)["service"]))
	case op == "GET /containers/json":
		put([]struct{}{})
	case op == "POST /images/load":
		_, _ = io.Copy(io.Discard, r.Body)
		f.image = true
		put(map[string]string{"stream": "Loaded image"})
	case strings.HasPrefix(op, "GET /images/") && f.image:
		put(struct{}{})
	default:
		refuse(w, http.StatusNotFound, "page not found")
	}
}

// secretList knows the filter by one label and its value.
func (f *fake) secretList(r *http.Request) []swarm.Secret {
	out := []swarm.Secret{}
	for _, x := range f.secrets {
		for l := range filters(r)["label"] {
			if k, v, _ := strings.Cut(l, "="); x.Spec.Labels[k] == v {
				out = append(out, x)
			}
		}
	}
	return out
}

func filters(r *http.Request) (out map[string]map[string]bool) {
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &out)
	return out
}

// called is a temporary service by name or ID.
func (f *fake) called(name string) *swarm.Service {
	for _, x := range f.temporary {
		if x.ID == name || x.Spec.Name == name {
			return x
		}
	}
	return nil
}

func (f *fake) taskList(service map[string]bool) []swarm.Task {
	out := []swarm.Task{}
	for id := range service {
		if x := f.called(id); x != nil {
			return f.brought(x)
		}
	}
	for _, n := range f.nodes {
		switch {
		case f.service == nil:
		case f.tasks != nil:
			out = append(out, f.tasks(n.Description.Hostname, f.service)...)
		default:
			out = append(out, someTask(n.Description.Hostname, f.service, swarm.TaskStateRunning, ""))
		}
	}
	return out
}

// brought are the tasks of a service that brings the image: they run where they
// may, and those that take it have done so.
func (f *fake) brought(s *swarm.Service) []swarm.Task {
	out := []swarm.Task{}
	for _, n := range f.nodes {
		name, state, where := n.Description.Hostname, swarm.TaskStateComplete, s.Spec.TaskTemplate.Placement.Constraints
		if s.Spec.Name == serveService {
			state = swarm.TaskStateRunning
		}
		switch {
		case slices.Contains(where, "node.id!="+n.ID), s.Spec.Name == serveService && !slices.Contains(where, "node.id=="+n.ID):
		case f.tasks != nil:
			out = append(out, f.tasks(name, s)...)
		default:
			out = append(out, someTask(name, s, state, ""))
		}
	}
	return out
}

func someTask(node string, s *swarm.Service, state swarm.TaskState, err string) swarm.Task {
	return swarm.Task{ID: "task-" + node + "-" + string(state), NodeID: "id" + node, DesiredState: swarm.TaskStateRunning,
		Spec:   swarm.TaskSpec{ContainerSpec: s.Spec.TaskTemplate.ContainerSpec},
		Status: swarm.TaskStatus{State: state, Err: err}}
}

// did lists the requests that change something, without their IDs.
func (f *fake) did() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, op := range f.asked {
		if !strings.HasPrefix(op, "GET ") && !strings.HasPrefix(op, "HEAD ") {
			out = append(out, op)
		}
	}
	f.asked = nil
	return out
}

// lines are what the operator is told.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) say(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, s)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n") + "\n"
}

// start serves the fake and returns it as a Swarm whose agents answer at once.
func (f *fake) start(t *testing.T) (*Swarm, *lines) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	api, err := client.New(client.WithHost("tcp://" + server.Listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	l := &lines{}
	return &Swarm{API: api, Config: t.TempDir(), Random: rand.Reader, Now: time.Now, Limit: 2 * time.Second, Wait: 3 * time.Second,
		Greet: func(context.Context, NodeState, *Keys) error { return nil }, Say: l.say}, l
}

func somePlan() Plan {
	i := someImage()
	return Plan{Options: Options{Image: i.Reference, Hash: i.Binary.Hash, Arch: "amd64"}, Image: i}
}

// empty fails where anything of fairway is left.
func (f *fake) empty(t *testing.T, s *Swarm) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.service != nil || len(f.secrets) > 0 || len(f.temporary) > 0 {
		t.Errorf("left in the Swarm: service %v, %d secrets, %d other services", f.service != nil, len(f.secrets), len(f.temporary))
	}
	if left := walk(t, s.Config); len(left) > 0 {
		t.Errorf("left in the configuration folder: %v", left)
	}
}

func port(s *swarm.Service) int {
	n, _ := strconv.Atoi(s.Spec.Labels[LabelPort])
	return n
}
