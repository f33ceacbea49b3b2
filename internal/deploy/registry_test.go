package deploy

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func someRegistry(t *testing.T) (*Registry, *httptest.Server) {
	t.Helper()
	r, err := NewRegistry(someImage())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, server
}

// TestAnotherClientPullsIt: go-containerregistry's client, which checks every
// digest and size that it is told, pulls the image by tag and by digest.
func TestAnotherClientPullsIt(t *testing.T) {
	r, server := someRegistry(t)
	host := strings.TrimPrefix(server.URL, "http://")
	for _, text := range []string{host + "/fairway:" + tagOf(someImage().Reference), host + "/fairway@" + r.Digest} {
		ref, err := name.ParseReference(text, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		i, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := i.Digest(); err != nil || d.String() != r.Digest {
			t.Errorf("%s: digest %v (%v), want %s", text, d, err, r.Digest)
		}
		config, err := i.ConfigFile()
		if err != nil || config.Architecture != "amd64" || config.Config.Entrypoint[0] != inImage {
			t.Errorf("%s: configuration %+v (%v)", text, config, err)
		}
		layers, err := i.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(content)
		if in := untar(t, b); err != nil || !bytes.Equal(in["fairway"], someImage().Binary.content) {
			t.Errorf("%s: %d files in the layer, %v", text, len(in), err)
		}
	}
}

// TestServedAndLoadedAreOneImage: an engine knows an image by the hash of its
// configuration, so a node that was given the archive has nothing to pull.
func TestServedAndLoadedAreOneImage(t *testing.T) {
	var b bytes.Buffer
	if _, err := someImage().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	r, _ := someRegistry(t)
	for file, content := range untar(t, b.Bytes()) {
		if id, ok := strings.CutSuffix(file, ".json"); ok && id != "manifest" && !bytes.Equal(r.paths["/v2/fairway/blobs/sha256:"+id].content, content) {
			t.Errorf("configuration %s of the archive is not served", id)
		}
	}
}

func TestRegistryOnlyGives(t *testing.T) {
	r, server := someRegistry(t)
	paths := []string{"/", "/v2/x", "/v2/_catalog", "/v2/fairway/tags/list", "/v2/fairway/blobs/uploads/", "/v2/fairway/blobs/sha256:00",
		"/v2/fairway/manifests/latest", "/v2/other/manifests/" + r.Digest, "/v2/fairway/manifests/../manifests/" + r.Digest, "//v2/", "/debug/pprof/"}
	for p := range r.paths {
		paths = append(paths, p)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "GET", "HEAD"} {
		for _, p := range paths {
			_, known := r.paths[p]
			want := http.StatusMethodNotAllowed
			switch {
			case method != "GET" && method != "HEAD":
			case known:
				want = http.StatusOK
			default:
				want = http.StatusNotFound
			}
			res := ask(t, server, method, p, "")
			if res.StatusCode != want || want == http.StatusMethodNotAllowed && res.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, want %d", method, p, res.StatusCode, want)
			}
		}
	}
}

func ask(t *testing.T, server *httptest.Server, method, path, byteRange string) *http.Response {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, server.URL, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	q.URL.Path = path
	if byteRange != "" {
		q.Header.Set("Range", byteRange)
	}
	res, err := server.Client().Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestRangesAndHeads(t *testing.T) {
	r, server := someRegistry(t)
	for path, b := range r.paths {
		if b.digest == "" {
			continue
		}
		head := ask(t, server, "HEAD", path, "")
		if head.ContentLength != int64(len(b.content)) || head.Header.Get("Docker-Content-Digest") != b.digest || head.Header.Get("Content-Type") != b.media {
			t.Errorf("HEAD %s: length %d, %v", path, head.ContentLength, head.Header)
		}
		part := ask(t, server, "GET", path, "bytes=3-9")
		got, err := io.ReadAll(part.Body)
		if err != nil || part.StatusCode != http.StatusPartialContent || !bytes.Equal(got, b.content[3:10]) {
			t.Errorf("bytes 3 to 9 of %s: %d, %q, %v", path, part.StatusCode, got, err)
		}
		if bad := ask(t, server, "GET", path, "bytes=999999999-"); bad.StatusCode != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("a range beyond the end of %s: %d", path, bad.StatusCode)
		}
	}
}

// TestStrangersToTheRegistry: engines first speak TLS to it and have to hear at
// once that there is none; whoever says nothing is hung up on.
func TestStrangersToTheRegistry(t *testing.T) {
	r, _ := someRegistry(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, l) }()
	began := time.Now()
	if _, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}); err == nil || !strings.Contains(err.Error(), "does not look like a TLS handshake") {
		t.Errorf("TLS gets %v after %v", err, time.Since(began))
	}
	for hello, limit := range map[string]time.Duration{"GET /" + strings.Repeat("x", 64<<10): 4 * time.Second, "": 9 * time.Second} {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, _ = io.WriteString(c, hello)
		_ = c.SetReadDeadline(began.Add(limit))
		b, err := io.ReadAll(c)
		if time.Since(began) > limit || hello != "" && !strings.HasPrefix(string(b), "HTTP/1.") {
			t.Errorf("%.12q: %.20q after %v, %v", hello, b, time.Since(began), err)
		}
		c.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
