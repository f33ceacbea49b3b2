package collect

import (
	"archive/tar"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestArchive(t *testing.T) {
	pack := func(h tar.Header, content string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			out := tar.NewWriter(w)
			h.Name, h.Mode = "resolv.conf", 0o644
			if h.Size == 0 {
				h.Size = int64(len(content))
			}
			out.WriteHeader(&h)
			io.WriteString(out, content)
		}
	}
	const want = "nameserver 127.0.0.11\n"
	for _, c := range []struct {
		name    string
		how     http.HandlerFunc
		content string
		err     string
	}{
		{"file", pack(tar.Header{Typeflag: tar.TypeReg}, want), want, ""},
		{"link", pack(tar.Header{Typeflag: tar.TypeSymlink, Linkname: "/run/x"}, ""), "", "no regular file"},
		{"large", pack(tar.Header{Typeflag: tar.TypeReg, Size: 1 << 30}, "x"), "", "larger than"},
		{"cut", pack(tar.Header{Typeflag: tar.TypeReg, Size: 100}, "x"), "", "EOF"},
		{"absent", http.NotFound, "", "404"},
		{"html", html, "", "EOF"},
		{"hangs", hangs, "", "deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := time.Minute
			if c.name == "hangs" {
				limit = time.Second
			}
			how := func(w http.ResponseWriter, r *http.Request) {
				if p := r.URL.Query().Get("path"); p != "/etc/resolv.conf" {
					t.Errorf("asked for %q", p)
				}
				c.how(w, r)
			}
			e := dial(t, instead("/containers/abc/archive", how, recorded(t, manager)), limit)
			got, err := e.Archive(t.Context(), "abc", "/etc/resolv.conf")
			if string(got) != c.content || (err == nil) != (c.err == "") {
				t.Errorf("got %q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "read /etc/resolv.conf of container abc: ")) {
				t.Errorf("error %v, want %s", err, c.err)
			}
		})
	}
}

// TestEngineNamesAreEscaped: an ID that an engine made up stays one part of
// the path.
func TestEngineNamesAreEscaped(t *testing.T) {
	id := "../../swarm?x=1"
	if p := url.PathEscape(id); strings.ContainsAny(p, "/?") {
		t.Errorf("escaped as %s", p)
	}
	e := dial(t, instead("/", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.EscapedPath(), "/v1.56/containers/..%2F..%2Fswarm%3Fx=1/archive") {
			t.Errorf("asked for %s", r.URL.EscapedPath())
		}
	}, recorded(t, manager)), 0)
	if _, err := e.Archive(t.Context(), "../../swarm?x=1", "/x"); err == nil {
		t.Error("an empty answer was no error")
	}
}
