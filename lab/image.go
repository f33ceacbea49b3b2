package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the workload's source
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/moby/moby/client"
)

//go:embed echo/main.go
var echoSource []byte

// echoImage is the workload's image on every node.
const echoImage = "echo:latest"

// buildEcho returns the workload as a tar of one layer; the program is kept in the cache by the hash of its source.
func buildEcho(ctx context.Context, p *progress) ([]byte, error) {
	name := fmt.Sprintf("echo-%x", sha256.Sum256(echoSource))[:17]
	dir, err := cached(ctx, p, name, "workload", func(dir string) error {
		source := filepath.Join(dir, "main.go")
		if err := os.WriteFile(source, echoSource, 0o644); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "echo"), "main.go")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
		return quiet(cmd)
	})
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(filepath.Join(dir, "echo"))
	if err != nil {
		return nil, err
	}
	return layer(program)
}

func layer(program []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "echo", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

// loadEcho imports the image on one node; no registry is asked.
func loadEcho(ctx context.Context, api *client.Client, image []byte) error {
	res, err := api.ImageImport(ctx, client.ImageImportSource{Source: bytes.NewReader(image), SourceName: "-"}, echoImage,
		client.ImageImportOptions{})
	if err != nil {
		return fmt.Errorf("import image: %w", err)
	}
	defer res.Close()
	_, err = io.Copy(io.Discard, res)
	return err
}
