package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// Media types of the OCI image specification 1.1; the layer is not compressed, so
// that its digest depends on nothing but the program.
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// repository is the image's name within any registry.
const repository = "fairway"

// Registry hands out one image and nothing else, to whoever asks: the answers
// that an engine needs for a pull (OCI distribution specification 1.1, end-1 to
// end-3). It takes nothing, holds no secret and looks nothing up: its paths are a
// table.
type Registry struct {
	// Digest names the manifest, as in sha256:…; an engine that asks for it by
	// this name accepts nothing else.
	Digest string
	paths  map[string]blob
}

// blob is one answer.
type blob struct {
	media, digest string
	content       []byte
}

// manifest is what ties an image together (OCI image specification 1.1).
type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

// NewRegistry makes the registry of an image. The same image has the same digest.
func NewRegistry(i *Image) (*Registry, error) {
	var b bytes.Buffer
	b.Grow(len(i.Binary.content) + 4096)
	if _, err := i.layer(&b); err != nil {
		return nil, fmt.Errorf("make the layer of %s: %w", i.Reference, err)
	}
	layer := newBlob(layerType, b.Bytes())
	text, err := json.Marshal(i.config(layer.digest))
	if err != nil {
		return nil, fmt.Errorf("make the configuration of %s: %w", i.Reference, err)
	}
	config := newBlob(configType, text)
	text, err = json.Marshal(manifest{SchemaVersion: 2, MediaType: manifestType, Config: config.descriptor(), Layers: []descriptor{layer.descriptor()}})
	if err != nil {
		return nil, fmt.Errorf("make the manifest of %s: %w", i.Reference, err)
	}
	top := newBlob(manifestType, text)
	const base = "/v2/" + repository
	return &Registry{Digest: top.digest, paths: map[string]blob{
		"/v2/": {media: "application/json", content: []byte("{}")},
		base + "/manifests/" + tagOf(i.Reference): top,
		base + "/manifests/" + top.digest:         top,
		base + "/blobs/" + config.digest:          config,
		base + "/blobs/" + layer.digest:           layer,
	}}, nil
}

func newBlob(media string, content []byte) blob {
	return blob{media: media, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(content)), content: content}
}

func (b blob) descriptor() descriptor {
	return descriptor{MediaType: b.media, Digest: b.digest, Size: len(b.content)}
}

// tagOf is what follows the last colon of one of our references.
func tagOf(ref string) string { return ref[strings.LastIndexByte(ref, ':')+1:] }

// ServeHTTP answers GET and HEAD of the paths there are.
func (r *Registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	b, known := r.paths[q.URL.Path]
	switch {
	case q.Method != http.MethodGet && q.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuseWith(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only")
	case !known && strings.Contains(q.URL.Path, "/manifests/"):
		refuseWith(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "there is one image here, and it is another")
	case !known:
		refuseWith(w, http.StatusNotFound, "BLOB_UNKNOWN", "there is one image here, and this is no part of it")
	default:
		w.Header().Set("Content-Type", b.media)
		if b.digest != "" {
			w.Header().Set("Docker-Content-Digest", b.digest)
			w.Header().Set("Etag", `"`+b.digest+`"`)
		}
		http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(b.content))
	}
}

// refuseWith answers in the form that engines read errors in.
func refuseWith(w http.ResponseWriter, status int, code, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Who hung up needs no answer.
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, why)
}

const (
	// pullers is how many connections are served at once; others wait.
	pullers = 512
	// maxPull is how long one answer may take to be sent.
	maxPull = 5 * time.Minute
)

// Serve answers on a listener until the context ends. Requests are bounded in
// time and size, and their bodies are not read.
func (r *Registry) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: maxPull,
		IdleTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0)}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	err := server.Serve(netutil.LimitListener(l, pullers))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the image: %w", err)
}
