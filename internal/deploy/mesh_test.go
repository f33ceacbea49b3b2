package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/swarm"
)

func meshPlan() Plan {
	p := somePlan()
	p.Mesh = true
	return p
}

func TestMeshBringsTheImage(t *testing.T) {
	f := newFake()
	s, said := f.start(t)
	nodes, err := s.Deploy(t.Context(), meshPlan())
	if err != nil || len(nodes) != 3 || nodes[2].State != Running {
		t.Fatalf("got %v, %v", nodes, err)
	}
	want := []string{"POST /images/load", "POST /services/create", "POST /services/create", "DELETE /services/x1", "DELETE /services/x2",
		"POST /secrets/create", "POST /secrets/create", "POST /secrets/create", "POST /services/create"}
	if got := f.did(); !slices.Equal(got, want) {
		t.Errorf("did %v, want %v", got, want)
	}
	for _, line := range []string{"loaded the image on n1\nserving the image through the routing mesh, port 30007\nloaded the image on n2\nloaded the image on n3\n", "\nn3  running\n"} {
		if !strings.Contains(said.String(), line) {
			t.Errorf("%q is not in:\n%s", line, said)
		}
	}
	if f.service.Spec.TaskTemplate.ContainerSpec.Image != meshPlan().Options.Image {
		t.Errorf("agents run %s", f.service.Spec.TaskTemplate.ContainerSpec.Image)
	}
	// Nodes that have it are not asked again, and nothing is served for them.
	if _, err := s.Deploy(t.Context(), meshPlan()); err != nil || len(f.did()) > 0 || !strings.Contains(said.String(), "the image is on n2 already\nthe image is on n3 already\n") {
		t.Errorf("%v; the second deployment said:\n%s", err, said)
	}
	if err := s.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.empty(t, s)
}

// TestMeshSpecs: what the two services may do, to the byte.
func TestMeshSpecs(t *testing.T) {
	h := &held{node: "idn1", noNewPrivileges: true}
	p := Plan{Options: someOptions()}
	digest := "sha256:" + strings.Repeat("ab", 32)
	for name, spec := range map[string]swarm.ServiceSpec{"serve": p.serveSpec(h, digest, time.Minute), "take": p.takeSpec(h, digest, 30007, []string{"idn1"})} {
		got, err := json.MarshalIndent(spec, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "mesh-"+name+".json")
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
			t.Errorf("the service that is to %s the image is another one (-want +got):\n%s", name, diff)
		}
		c := spec.TaskTemplate.ContainerSpec
		if len(c.CapabilityAdd) > 0 || !slices.Equal(c.CapabilityDrop, []string{"ALL"}) || !c.ReadOnly || len(c.Secrets) > 0 || name == "serve" && len(c.Mounts) > 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestMeshTrouble(t *testing.T) {
	on := func(service string, state swarm.TaskState, why string, n int) func(string, *swarm.Service) []swarm.Task {
		return func(node string, s *swarm.Service) []swarm.Task {
			if s.Spec.Name != service || node == "n2" {
				return []swarm.Task{someTask(node, s, map[bool]swarm.TaskState{true: swarm.TaskStateComplete, false: swarm.TaskStateRunning}[s.Spec.Name == takeService], "")}
			}
			var out []swarm.Task
			for i := range n {
				t := someTask(node, s, state, why)
				t.ID += fmt.Sprint(i)
				out = append(out, t)
			}
			return out
		}
	}
	const noImage = "No such image: 127.0.0.1:30007/fairway:v1-0@sha256:ab"
	for name, c := range map[string]struct {
		tasks  func(string, *swarm.Service) []swarm.Task
		change func(*fake)
		says   string
	}{
		"the mesh is broken":     {on(takeService, swarm.TaskStateRejected, noImage, tries), nil, "loaded the image on n2\nloading the image on n3: it does not come through the routing mesh, which may be what is broken (" + noImage + ")\n"},
		"the mesh swallows":      {on(takeService, swarm.TaskStatePreparing, "", 1), nil, "loading the image on n3: it did not come through the routing mesh within 1s, which may be what is broken (preparing)\n"},
		"it cannot be named":     {on(takeService, swarm.TaskStateFailed, "task: non-zero exit (1)", tries), nil, "loading the image on n3: failed: task: non-zero exit (1)\n"},
		"it cannot be served":    {on(serveService, swarm.TaskStateRejected, "no space left", 1), nil, "serving the image through the routing mesh: start the service fairway-image: rejected: no space left\n"},
		"it is not served":       {on(serveService, swarm.TaskStatePending, "no suitable node", 1), nil, "serving the image through the routing mesh: start the service fairway-image: not within 1s (pending: no suitable node)\n"},
		"this manager is paused": {nil, func(f *fake) { f.nodes[0].Spec.Availability = swarm.NodeAvailabilityPause }, "serving the image through the routing mesh: n1 cannot hand it out, paused: global services do not start there: deploy from another manager\n"},
		"refused": {nil, func(f *fake) {
			f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/services/create" || len(f.temporary) == 0 || f.service != nil || len(f.secrets) > 0 {
					return false
				}
				refuse(w, 403, "authorization denied by plugin opa")
				return true
			}
		}, "create the service fairway-image-take: permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.tasks = c.tasks
			if c.change != nil {
				c.change(f)
			}
			s, said := f.start(t)
			s.Wait = time.Second
			if _, err := s.Deploy(t.Context(), meshPlan()); err != nil {
				t.Fatal(err) // the nodes that have the image get their agents
			}
			if !strings.Contains(said.String(), c.says) {
				t.Errorf("%q is not in:\n%s", c.says, said)
			}
			if len(f.temporary) > 0 || f.service == nil {
				t.Errorf("%d services left, agents %v", len(f.temporary), f.service != nil)
			}
		})
	}
}

func TestMeshInterruptedLeavesNothing(t *testing.T) {
	for _, when := range []string{"GET /services", "POST /services/create", "GET /tasks", "DELETE /services/x1"} {
		f := newFake()
		ctx, cancel := context.WithCancel(t.Context())
		f.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method+" "+r.URL.Path == when {
				cancel()
			}
			return false
		}
		s, _ := f.start(t)
		if _, err := s.Deploy(ctx, meshPlan()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", when, err)
		}
		f.empty(t, s)
		cancel()
	}
}

// TestLeftoversOfTheMesh: killed in the middle, it leaves services that the next
// deployment does not stumble over and that remove takes away; another's service
// of the same name is nobody's business.
func TestLeftoversOfTheMesh(t *testing.T) {
	f := newFake()
	left := func() {
		for i, name := range []string{serveService, takeService, "fairway-agents-of-mine"} {
			f.temporary = append(f.temporary, &swarm.Service{ID: "left" + string(rune('0'+i)), Spec: swarm.ServiceSpec{
				Annotations: swarm.Annotations{Name: name, Labels: map[string]string{Label: LabelValue}}}})
		}
	}
	left()
	s, said := f.start(t)
	if _, err := s.Deploy(t.Context(), meshPlan()); err != nil {
		t.Fatal(err)
	}
	if len(f.temporary) != 1 || len(f.seen) != 2 {
		t.Errorf("%d services left, %d made:\n%s", len(f.temporary), len(f.seen), said)
	}
	f.temporary = nil
	left()
	if err := s.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(f.temporary) != 1 || !strings.Contains(said.String(), "removed the service fairway-image, which an earlier deployment has left") {
		t.Errorf("%d services left:\n%s", len(f.temporary), said)
	}
}

func TestOnlyWhatIsNamedByItsDigestIsKept(t *testing.T) {
	f := newFake()
	var did []string
	f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/images/") {
			did = append(did, r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery)
			_, _ = w.Write([]byte("[]"))
			return true
		}
		return false
	}
	s, _ := f.start(t)
	const to = "127.0.0.1:1/fairway:v1-0"
	if err := Keep(t.Context(), s.API, "127.0.0.1:30007/fairway:v1-0", to); err == nil || len(did) > 0 {
		t.Errorf("%v, did %v", err, did)
	}
	from := "127.0.0.1:30007/fairway@sha256:" + strings.Repeat("ab", 32)
	want := []string{"POST /images/" + from + "/tag?repo=127.0.0.1%3A1%2Ffairway&tag=v1-0", "DELETE /images/" + from + "?noprune=1"}
	if err := Keep(t.Context(), s.API, from, to); err != nil || !slices.Equal(did, want) {
		t.Errorf("%v\n got %v\nwant %v", err, did, want)
	}
}

// TestSSHSkipsWhatIsThere: a node that says it has the image is not sent it.
func TestSSHSkipsWhatIsThere(t *testing.T) {
	f := newFake()
	s, said := f.start(t)
	s.Load = func(_ context.Context, n NodeState) (bool, error) { return n.Name == "n2", nil }
	if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"loaded the image on n2\n", "the image is on n3 already\n"} {
		if strings.Count(said.String(), line) != 1 {
			t.Errorf("%q is not said once in:\n%s", line, said)
		}
	}
	s.Load = func(_ context.Context, n NodeState) (bool, error) {
		t.Errorf("%s runs an agent with this image and was sent it", n.Name)
		return true, nil
	}
	if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
		t.Fatal(err)
	}
}
