package collect

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
)

// contexts makes a .docker folder with these contexts and returns the home.
func contexts(t *testing.T, current string, hosts map[string]string) string {
	t.Helper()
	home := t.TempDir()
	dir := filepath.Join(home, ".docker")
	s := store.New(filepath.Join(dir, "contexts"), store.NewConfig(func() any { return &struct{}{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} })))
	for name, host := range hosts {
		err := s.CreateOrUpdate(store.Metadata{Name: name, Metadata: struct{}{},
			Endpoints: map[string]any{docker.DockerEndpoint: docker.EndpointMeta{Host: host}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(current), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// TestFind holds the Docker CLI's order of precedence.
func TestFind(t *testing.T) {
	home := contexts(t, `{"currentContext":"far","auths":{"r":{"auth":"c2VjcmV0"}}}`,
		map[string]string{"far": "tcp://far:2375", "near": "unix:///near.sock", "bare": "tcp://bare", "ssh": "ssh://me@host"})
	none := contexts(t, `{"auths": }`, nil)
	for _, c := range []struct {
		name       string
		host, ctx  string
		env        map[string]string
		home, want string
	}{
		{"flag host", "tcp://flag:1", "", map[string]string{"DOCKER_HOST": "tcp://env:1", "DOCKER_CONTEXT": "near"}, home, "tcp://flag:1"},
		{"flag host bare", "flag", "", nil, home, "tcp://flag:2375"},
		{"flag context", "", "near", map[string]string{"DOCKER_HOST": "tcp://env:1"}, home, "unix:///near.sock"},
		{"flag default", "", "default", map[string]string{"DOCKER_CONTEXT": "near"}, home, "unix:///var/run/docker.sock"},
		{"env host", "", "", map[string]string{"DOCKER_HOST": "tcp://env:1", "DOCKER_CONTEXT": "near"}, home, "tcp://env:1"},
		{"env context", "", "", map[string]string{"DOCKER_CONTEXT": "near"}, home, "unix:///near.sock"},
		{"current context", "", "", nil, home, "tcp://far:2375"},
		{"context without port", "", "bare", nil, home, "tcp://bare:2375"},
		{"context over ssh", "", "ssh", nil, home, "ssh://me@host"},
		{"DOCKER_CONFIG", "", "", map[string]string{"DOCKER_CONFIG": filepath.Join(home, ".docker")}, none, "tcp://far:2375"},
		{"garbled config", "", "", nil, none, "unix:///var/run/docker.sock"},
		{"no home", "", "", nil, "", "unix:///var/run/docker.sock"},
		{"both flags", "tcp://flag:1", "near", nil, home, "error: contradict"},
		{"no such context", "", "nowhere", nil, home, `error: read the Docker context "nowhere"`},
		{"no home, a context", "", "near", nil, "", "error: read the Docker context"},
		{"nonsense", "gopher://x", "", nil, home, "error: read the engine's address"},
		{"bad ssh", "ssh://host?query=1", "", nil, home, "error: read the engine's address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := Where{Host: c.host, Context: c.ctx, Home: c.home, Getenv: func(k string) string { return c.env[k] }}
			p, err := w.find()
			got := p.host
			if err != nil {
				got = "error: " + err.Error()
			}
			if !strings.HasPrefix(got, c.want) && !(err != nil && strings.Contains(got, strings.TrimPrefix(c.want, "error: "))) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestDialErrors: one sentence, what to do, no line breaks.
func TestDialErrors(t *testing.T) {
	answers := recorded(t, "engine-29-manager.txtar")
	ping := func(set ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(set); i += 2 {
				w.Header().Set(set[i], set[i+1])
			}
		}
	}
	plain := httptest.NewServer(answers)
	defer plain.Close()
	for _, c := range []struct {
		name, host string
		env        map[string]string
		want       string
	}{
		{"no socket", "unix:///nowhere/docker.sock", nil, "no engine answers at unix:///nowhere/docker.sock"},
		{"nobody listens", "tcp://127.0.0.1:1", nil, "no engine answers at tcp://127.0.0.1:1"},
		{"hangs", serve(t, http.HandlerFunc(hangs)), nil, "did not answer within 1s"},
		{"closes", serve(t, http.HandlerFunc(closes)), nil, "no engine answers at"},
		{"not an engine", serve(t, http.HandlerFunc(html)), nil, "no Docker engine"},
		{"too old", serve(t, ping("Api-Version", "1.30")), nil, "is too old (API version 1.30"},
		{"odd version", serve(t, ping("Api-Version", "latest")), nil, "greet the engine at"},
		{"in no swarm", serve(t, ping("Api-Version", "1.45", "Swarm", "inactive")), nil, "is in no swarm"},
		{"in no swarm, 20.10", serve(t, instead("/info", func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(`{"Swarm":{"LocalNodeState":"inactive"}}`))
		}, ping("Api-Version", "1.41"))), nil, "is in no swarm"},
		{"no TLS there", "tcp://" + plain.Listener.Addr().String(), map[string]string{"DOCKER_TLS": "1", "DOCKER_CERT_PATH": testCerts(t)}, "does not speak TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Dial(t.Context(), Where{Host: c.host, Limit: 1e9, Getenv: func(k string) string { return c.env[k] }})
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}
