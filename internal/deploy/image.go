package deploy

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// inImage is where the binary is in its image.
const inImage = "/fairway"

// Image is a binary as an image of one layer that every engine can load, without
// a registry. The same binary and version give the same bytes.
type Image struct {
	Binary *Binary
	// Reference is the name under which engines keep it.
	Reference string
}

// NewImage names the image of a binary.
func NewImage(b *Binary, version string) *Image {
	return &Image{Binary: b, Reference: Reference(version, b.Hash)}
}

// WriteTo writes a docker-archive (`docker save` since Docker 1.10: manifest.json,
// a configuration, layers), which `docker load` reads: seen with 20.10, 26.1,
// 28.5 and 29.
func (i *Image) WriteTo(w io.Writer) (int64, error) {
	layer := sha256.New()
	size, err := i.layer(layer)
	if err != nil {
		return 0, err
	}
	diff := hex.EncodeToString(layer.Sum(nil))
	config, err := json.Marshal(i.config("sha256:" + diff))
	if err != nil {
		return 0, err
	}
	name := fmt.Sprintf("%x.json", sha256.Sum256(config))
	manifest, err := json.Marshal([]manifestRow{{Config: name, RepoTags: []string{i.Reference}, Layers: []string{diff + "/layer.tar"}}})
	if err != nil {
		return 0, err
	}
	out := &counting{w: w}
	t := tar.NewWriter(out)
	for _, f := range []struct {
		name    string
		content []byte
	}{{name, config}, {"manifest.json", manifest}} {
		if err := entry(t, f.name, 0o644, f.content); err != nil {
			return out.n, err
		}
	}
	if err := t.WriteHeader(header(diff+"/layer.tar", 0o644, size)); err != nil {
		return out.n, err
	}
	if _, err := i.layer(t); err != nil {
		return out.n, err
	}
	return out.n, t.Close()
}

// layer writes the one layer: the binary, nothing else.
func (i *Image) layer(w io.Writer) (int64, error) {
	out := &counting{w: w}
	t := tar.NewWriter(out)
	if err := entry(t, strings.TrimPrefix(inImage, "/"), 0o755, i.Binary.content); err != nil {
		return out.n, err
	}
	return out.n, t.Close()
}

// manifestRow is one image of manifest.json.
type manifestRow struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// imageConfig is what an engine needs to know of an image (OCI image
// specification 1.1, config).
type imageConfig struct {
	Created      string        `json:"created"`
	Architecture string        `json:"architecture"`
	OS           string        `json:"os"`
	Config       imageRun      `json:"config"`
	RootFS       imageRoot     `json:"rootfs"`
	History      []imageRecord `json:"history"`
}

type imageRun struct {
	Entrypoint []string          `json:"Entrypoint"`
	Labels     map[string]string `json:"Labels"`
	WorkingDir string            `json:"WorkingDir"`
}

type imageRoot struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type imageRecord struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

func (i *Image) config(diff string) imageConfig {
	// A time would make every image a different one.
	epoch := time.Unix(0, 0).UTC().Format(time.RFC3339)
	return imageConfig{
		Created: epoch, Architecture: i.Binary.Arch, OS: "linux",
		Config: imageRun{Entrypoint: []string{inImage}, WorkingDir: "/",
			Labels: map[string]string{Label: LabelValue, LabelHash: i.Binary.Hash}},
		RootFS:  imageRoot{Type: "layers", DiffIDs: []string{diff}},
		History: []imageRecord{{Created: epoch, CreatedBy: "fairway image"}},
	}
}

// header is an entry that depends on nothing of the machine it is made on.
func header(name string, mode, size int64) *tar.Header {
	return &tar.Header{Name: name, Mode: mode, Size: size, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}
}

func entry(t *tar.Writer, name string, mode int64, content []byte) error {
	if err := t.WriteHeader(header(name, mode, int64(len(content)))); err != nil {
		return err
	}
	_, err := io.Copy(t, bytes.NewReader(content))
	return err
}

// counting counts what was written.
type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
