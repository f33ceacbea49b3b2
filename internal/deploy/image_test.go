package deploy

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func someImage() *Image {
	content := []byte("\x7fELF and so on")
	sum := sha256.Sum256(content)
	return NewImage(&Binary{Arch: "amd64", Hash: hex.EncodeToString(sum[:]), content: content}, "v1")
}

// untar reads a whole archive.
func untar(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("%s carries something of the machine it was made on: %+v", h.Name, h)
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImageHangsTogether(t *testing.T) {
	i := someImage()
	var b bytes.Buffer
	n, err := i.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d: %v", n, b.Len(), err)
	}
	files := untar(t, b.Bytes())
	var manifest []manifestRow
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("manifest %s: %v", files["manifest.json"], err)
	}
	m := manifest[0]
	if m.RepoTags[0] != i.Reference || len(m.RepoTags) != 1 || len(m.Layers) != 1 {
		t.Errorf("manifest %+v", m)
	}
	if want := fmt.Sprintf("%x.json", sha256.Sum256(files[m.Config])); m.Config != want {
		t.Errorf("config is named %s, its hash says %s", m.Config, want)
	}
	var config imageConfig
	if err := json.Unmarshal(files[m.Config], &config); err != nil {
		t.Fatal(err)
	}
	layer := files[m.Layers[0]]
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(layer)); config.RootFS.DiffIDs[0] != want {
		t.Errorf("diff ID %s, the layer's hash is %s", config.RootFS.DiffIDs[0], want)
	}
	if in := untar(t, layer); len(in) != 1 || !bytes.Equal(in["fairway"], i.Binary.content) {
		t.Errorf("the layer holds %d files", len(in))
	}
	if config.OS != "linux" || config.Architecture != "amd64" || config.Config.Entrypoint[0] != inImage {
		t.Errorf("config %+v", config)
	}
}

func TestImageIsReproducible(t *testing.T) {
	var a, b bytes.Buffer
	if _, err := someImage().WriteTo(&a); err != nil {
		t.Fatal(err)
	}
	if _, err := someImage().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two images of one binary differ")
	}
}

// full takes a number of bytes and then no more.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestImageSaysThatItCouldNotBeWritten(t *testing.T) {
	for room := full(0); room < 5000; room += 512 {
		f := room
		if _, err := someImage().WriteTo(&f); err == nil {
			t.Errorf("with room for %d bytes: no error", room)
		}
	}
}

func TestBinariesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		filepath.Join(dir, "absent"): "no such file",
		dir:                          "not a regular file",
		file("empty", ""):            "no program for Linux",
		file("script", "#!/bin/sh"):  "no program for Linux",
		file("cut", "\x7fELF\x02"):   "no program for Linux",
		self:                         "fairway's", // static or not, as the tests were built
	}
	for path, want := range cases {
		if _, err := ReadBinary(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", path, err, want)
		}
	}
}

// TestBinaryOfOurs builds fairway for the two architectures it is released for,
// and once with an interpreter.
func TestBinaryOfOurs(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		path := filepath.Join(t.TempDir(), "fairway")
		cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := ReadBinary(path)
		if err != nil || b.Arch != arch || len(b.Hash) != 64 {
			t.Errorf("%s: got %+v, %v", arch, b, err)
		}
	}
}

func FuzzBinary(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	if self, err := os.Executable(); err == nil {
		if b, err := os.ReadFile(self); err == nil {
			f.Add(b[:4096])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if arch, err := static(b); (arch == "") == (err == nil) {
			t.Errorf("architecture %q and error %v", arch, err)
		}
	})
}

func FuzzLastLine(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x03abc"))
	f.Add([]byte("\x02\x00\x00\x00\xff\xff\xff\xffabc\nfairway: x\x1b[1m\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if line := lastLine(bytes.NewReader(b)); strings.ContainsAny(line, "\n\x1b") || len(line) > 310 {
			t.Errorf("%q", line)
		}
	})
}
