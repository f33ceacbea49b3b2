package collect

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// recorded answers as a real engine did, from a file of its answers.
func recorded(t testing.TB, file string) http.HandlerFunc {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string][]byte{}
	for _, f := range archive.Files {
		answers[f.Name] = f.Data
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_ping" {
			for line := range strings.Lines(string(answers["/_ping"])) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
				w.Header().Set(k, v)
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if b, ok := answers[unversioned(r)]; ok {
			w.Write(b)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"not found"}`)
	}
}

// unversioned is the request's path and query without the API version.
func unversioned(r *http.Request) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.RequestURI(), "/"), "/")
	return "/" + path
}

// instead lets do answer the requests whose path begins so, and rest all
// others.
func instead(prefix string, do, rest http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(unversioned(r), prefix) && r.URL.Path != "/_ping" {
			do(w, r)
			return
		}
		rest(w, r)
	}
}

// serve serves on a unix socket and returns its address.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	// A socket's path has at most 107 bytes; a test's own folder may be deeper.
	dir, err := os.MkdirTemp("", "e")
	if err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(dir, "s")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		os.RemoveAll(dir)
	})
	return "unix://" + sock
}

// dial greets a fake engine.
func dial(t testing.TB, h http.Handler, limit time.Duration) *Engine {
	t.Helper()
	e, err := Dial(t.Context(), Where{Host: serve(t, h), Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}
