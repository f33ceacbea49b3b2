package collect

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
)

// testCerts makes a folder with a ca.pem: httptest's own certificate.
func testCerts(t *testing.T) string {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), caOf(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func caOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// keyOf is the server's own key pair, good enough as a client's.
func keyOf(t *testing.T, s *httptest.Server) (cert, key []byte) {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return caOf(s), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
}

// TestTLS greets an engine that wants client certificates, by environment and
// by context, and holds what is said when something is missing.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(recorded(t, "engine-29-manager.txtar"))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	host := "tcp://" + s.Listener.Addr().String()
	cert, key := keyOf(t, s)
	full, caOnly := t.TempDir(), t.TempDir()
	for dir, files := range map[string]map[string][]byte{
		full: {"ca.pem": caOf(s), "cert.pem": cert, "key.pem": key}, caOnly: {"ca.pem": caOf(s)},
	} {
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	home := t.TempDir()
	st := store.New(filepath.Join(home, ".docker", "contexts"), store.NewConfig(func() any { return &struct{}{} }))
	if err := st.CreateOrUpdate(store.Metadata{Name: "safe", Metadata: struct{}{},
		Endpoints: map[string]any{docker.DockerEndpoint: docker.EndpointMeta{Host: host}}}); err != nil {
		t.Fatal(err)
	}
	if err := st.ResetTLSMaterial("safe", &store.ContextTLSData{Endpoints: map[string]store.EndpointTLSData{
		docker.DockerEndpoint: {Files: map[string][]byte{"ca.pem": caOf(s), "cert.pem": cert, "key.pem": key}}}}); err != nil {
		t.Fatal(err)
	}
	verify := func(dir string) map[string]string {
		return map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": dir}
	}
	for _, c := range []struct {
		name string
		w    Where
		env  map[string]string
		want string
	}{
		{"by environment", Where{Host: host}, verify(full), "<nil>"},
		{"by context", Where{Context: "safe", Home: home}, nil, "<nil>"},
		{"no client certificate", Where{Host: host}, verify(caOnly), "wants a client certificate"},
		{"no certificates at all", Where{Host: host}, verify(t.TempDir()), "check DOCKER_CERT_PATH"},
		{"no TLS", Where{Host: host}, nil, "speaks TLS only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.w.Getenv = func(k string) string { return c.env[k] }
			e, err := Dial(t.Context(), c.w)
			if got := fmt.Sprint(err); !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if err == nil {
				defer e.Close()
				if b, gaps := e.Believed(t.Context()); b == nil || b.Name != "n1" || gaps != nil {
					t.Errorf("believed %v, gaps %v", b, gaps)
				}
				if e.Local() {
					t.Error("an engine over TCP is called local")
				}
			}
		})
	}
}

// TestForeignCertificate uses a certificate that our ca.pem did not sign.
func TestForeignCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(recorded(t, "engine-29-manager.txtar"))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	p := place{host: "tcp://" + s.Listener.Addr().String(), tls: &tls.Config{RootCAs: x509.NewCertPool()}}
	err := greetOver(t, &p, nil)
	if err == nil || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("got %v", err)
	}
}

// TestNoPermission goes through the Docker client, which keeps the cause as
// text only; a socket's mode cannot stop a test that runs as root.
func TestNoPermission(t *testing.T) {
	for _, cause := range []error{syscall.EACCES, fs.ErrPermission} {
		dial := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", cause)}
		err := greetOver(t, &place{host: "unix:///var/run/docker.sock"}, failing{dial})
		if err == nil || !strings.Contains(err.Error(), "run with sudo, or as a member of the docker group") {
			t.Errorf("got %v", err)
		}
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// greetOver greets a place over a transport of the test's, or the place's own.
func greetOver(t *testing.T, p *place, over http.RoundTripper) error {
	t.Helper()
	tr, err := p.transport()
	if err != nil {
		t.Fatal(err)
	}
	if over == nil {
		over = tr
	}
	e := &Engine{host: p.host, limit: defaultLimit, http: &http.Client{Transport: over}}
	err = e.greet(t.Context(), *p)
	if err != nil && errors.Is(err, fs.ErrPermission) {
		t.Log("the client now keeps the cause: noEngine need not look at text")
	}
	return err
}
