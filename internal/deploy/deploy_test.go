package deploy

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// walk lists the files below a folder with their modes.
func walk(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		out = append(out, rel+" "+info.Mode().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDeployTwiceThenRemoveTwice(t *testing.T) {
	f := newFake()
	s, said := f.start(t)
	nodes, err := s.Deploy(t.Context(), somePlan())
	if err != nil || len(nodes) != 3 || nodes[0].State != Running {
		t.Fatalf("got %v, %v", nodes, err)
	}
	if want := []string{"POST /images/load", "POST /secrets/create", "POST /secrets/create", "POST /secrets/create", "POST /services/create"}; !slices.Equal(f.did(), want) {
		t.Errorf("did something else than %v", want)
	}
	want := []string{"fairway drwx------", "fairway/abc123 drwx------", "fairway/abc123/ca.crt -rw-------", "fairway/abc123/client.crt -rw-------", "fairway/abc123/client.key -rw-------"}
	if got := walk(t, s.Config); !slices.Equal(got, want) {
		t.Errorf("the operator's files are %v", got)
	}
	if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
		t.Fatal(err)
	}
	if did := f.did(); len(did) > 0 {
		t.Errorf("the second deployment did %v", did)
	}
	if !strings.Contains(said.String(), "already there, nothing to change") {
		t.Errorf("it said:\n%s", said)
	}
	for range 2 {
		if err := s.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.empty(t, s)
	}
	if !strings.HasSuffix(said.String(), "no agents are deployed, nothing to remove\n") {
		t.Errorf("it said:\n%s", said)
	}
}

func TestDeployChangesOnlyWhatDiffers(t *testing.T) {
	f := newFake()
	s, said := f.start(t)
	if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
		t.Fatal(err)
	}
	f.did()
	p := somePlan()
	p.Port = 9800
	if _, err := s.Deploy(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if did := f.did(); len(did) != 1 || !strings.HasPrefix(did[0], "POST /services/") || port(f.service) != 9800 {
		t.Errorf("did %v, port %d", did, port(f.service))
	}
	if !strings.Contains(said.String(), "changed the service fairway-agent: command, labels") {
		t.Errorf("it said:\n%s", said)
	}
}

func TestRotationReplacesKeys(t *testing.T) {
	f := newFake()
	s, said := f.start(t)
	if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(s.Config, "fairway", cluster)
	before, _ := ReadKeys(folder)
	p := somePlan()
	p.Rotate = true
	if _, err := s.Deploy(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	after, _ := ReadKeys(folder)
	if before.Fingerprint() == after.Fingerprint() || after.Fingerprint() != f.service.Spec.Labels[LabelCA] {
		t.Errorf("keys %s, then %s, the service's %s", before.Fingerprint(), after.Fingerprint(), f.service.Spec.Labels[LabelCA])
	}
	if len(f.secrets) != 3 || f.secrets[0].Spec.Name != "fairway-ca-2" {
		t.Errorf("secrets %+v", f.secrets)
	}
	if !strings.Contains(said.String(), "which takes about 10s") {
		t.Errorf("it said:\n%s", said)
	}
}

func TestWithoutTheKeyNothingIsTouched(t *testing.T) {
	for name, spoil := range map[string]func(*Swarm, *fake){
		"is not in":            func(s *Swarm, _ *fake) { _ = os.RemoveAll(filepath.Join(s.Config, "fairway")) },
		"another deployment's": func(_ *Swarm, f *fake) { f.service.Spec.Labels[LabelCA] = "other" },
		"not all there":        func(_ *Swarm, f *fake) { f.secrets = f.secrets[1:] },
	} {
		f := newFake()
		s, _ := f.start(t)
		if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
			t.Fatal(err)
		}
		f.did()
		spoil(s, f)
		_, err := s.Deploy(t.Context(), somePlan())
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "fairway deploy --rotate") {
			t.Errorf("%s: got %v", name, err)
		}
		if did := f.did(); len(did) > 0 {
			t.Errorf("%s: did %v", name, did)
		}
		p := somePlan()
		p.Rotate = true
		if _, err := s.Deploy(t.Context(), p); err != nil || len(f.secrets) != 3 {
			t.Errorf("%s: rotate: %v, %d secrets", name, err, len(f.secrets))
		}
	}
}

func TestTroubleLeavesNothingBehind(t *testing.T) {
	on := func(op string, code int, why string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.Method+" "+r.URL.Path, op) {
				refuse(w, code, why)
				return true
			}
			return false
		}
	}
	const rpc = "rpc error: code = Unknown desc = "
	for name, c := range map[string]struct {
		refuse func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		"no leader":         {on("GET /services/", 503, rpc+"The swarm does not have a leader. It's possible that too few managers are online."), "the managers have no leader"},
		"not allowed":       {on("POST /secrets", 403, "authorization denied by plugin opa"), "permission denied"},
		"not allowed later": {on("POST /services", 403, "authorization denied by plugin opa"), "permission denied"},
		"somebody else":     {on("POST /secrets", 409, rpc+"secret fairway-ca-1 already exists"), "is another deployment under way"},
		"refused":           {on("POST /services", 400, rpc+"name must be valid\n\x1b[31m"), "create the service fairway-agent: the engine says: name must be valid"},
		"garbage":           {on("GET /nodes", 200, "x"), "list the nodes"},
		"worker": {func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/info" {
				_, _ = w.Write([]byte(`{"Name":"n9","Swarm":{"LocalNodeState":"active"}}`))
			}
			return r.URL.Path == "/info"
		}, "n9 is a worker"},
		"hangs": {func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost && r.URL.Path == "/services/create" {
				time.Sleep(time.Second)
				return true
			}
			return false
		}, "no answer from the engine"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.refuse = c.refuse
			s, _ := f.start(t)
			s.Limit = 500 * time.Millisecond
			_, err := s.Deploy(t.Context(), somePlan())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("got %q, want one line with %q", err, c.want)
			}
			f.empty(t, s)
		})
	}
}

// TestAnswerThatGotLost: the service was created, the answer never came.
func TestAnswerThatGotLost(t *testing.T) {
	f := newFake()
	f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/services/create" {
			return false
		}
		f.answer(httpNowhere{}, r)
		panic(http.ErrAbortHandler)
	}
	s, _ := f.start(t)
	if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
		t.Fatalf("the service is there and it says %v", err)
	}
	f.refuse = nil
	if err := s.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.empty(t, s)
}

// httpNowhere is an answer that nobody gets.
type httpNowhere struct{}

func (httpNowhere) Header() http.Header         { return http.Header{} }
func (httpNowhere) Write(b []byte) (int, error) { return len(b), nil }
func (httpNowhere) WriteHeader(int)             {}

func TestServiceOfSomebodyElseIsLeftAlone(t *testing.T) {
	f := newFake()
	f.service = &swarm.Service{ID: "theirs", Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Name: Service}}}
	f.secrets = []swarm.Secret{{ID: "s", Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: "their-secret", Labels: map[string]string{Label: LabelValue}}}}}
	s, _ := f.start(t)
	_, err := s.Deploy(t.Context(), somePlan())
	for _, err := range []error{err, s.Remove(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "fairway did not make") {
			t.Errorf("got %v", err)
		}
	}
	f.service = nil
	if err := s.Remove(t.Context()); err != nil || len(f.secrets) != 1 {
		t.Errorf("%v; %d of their secrets left", err, len(f.secrets))
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	f := newFake()
	s, _ := f.start(t)
	file := filepath.Join(s.Config, "fairway")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deploy(t.Context(), somePlan()); err == nil || !strings.Contains(err.Error(), "operator's key") {
		t.Errorf("got %v", err)
	}
	if f.service != nil || len(f.secrets) > 0 {
		t.Error("something is in the Swarm although the key could not be kept")
	}
	s.Config = ""
	if _, err := s.Deploy(t.Context(), somePlan()); err == nil || !strings.Contains(err.Error(), "HOME") {
		t.Errorf("got %v", err)
	}
}

func TestWithRemovesOnlyWhatItDeployed(t *testing.T) {
	boom := errors.New("boom")
	f := newFake()
	s, _ := f.start(t)
	during := func(context.Context) error {
		if f.service == nil {
			t.Error("no agents while it ran")
		}
		return boom
	}
	if created, err := s.With(t.Context(), somePlan(), during); !errors.Is(err, boom) || !created {
		t.Errorf("got %v", err)
	}
	f.empty(t, s)
	if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
		t.Fatal(err)
	}
	if created, err := s.With(t.Context(), somePlan(), during); !errors.Is(err, boom) || created || f.service == nil {
		t.Errorf("got %v, service %v", err, f.service != nil)
	}
}

func TestDeployInterruptedSaysWhatStays(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/tasks" {
			cancel()
		}
		return false
	}
	s, _ := f.start(t)
	_, err := s.Deploy(ctx, somePlan())
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "they stay deployed, `fairway remove`") {
		t.Errorf("got %v", err)
	}
	if keys, err := ReadKeys(filepath.Join(s.Config, "fairway", cluster)); err != nil || keys == nil || f.service == nil {
		t.Errorf("keys %v, %v; service %v", keys != nil, err, f.service != nil)
	}
}

func TestWithCleansUpWhenInterrupted(t *testing.T) {
	for name, when := range map[string]string{"while creating secrets": "POST /secrets/create", "while creating the service": "POST /services/create",
		"while waiting": "GET /tasks", "while it runs": ""} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method+" "+r.URL.Path == when {
					cancel()
				}
				return false
			}
			s, _ := f.start(t)
			ran := false
			_, err := s.With(ctx, somePlan(), func(ctx context.Context) error {
				ran = true
				cancel()
				return ctx.Err()
			})
			if !errors.Is(err, context.Canceled) || ran != (when == "") {
				t.Errorf("got %v, ran %v", err, ran)
			}
			f.empty(t, s)
		})
	}
}
