package lab

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// corpusWindow is how far back a part of one case may repeat one of another: about a hundred cases of three nodes. Alone each
// would take four times as much, and with a window of 32 MiB still a third more.
const corpusWindow = 128 << 20

// Pack puts the cases of a folder that [MatrixOptions.Record] filled into one archive for each engine: ENGINE.tar.zst, with
// FAULT.json, the truth, and FAULT.tar, the case without its own compression. What an archive there has and the folder has
// not stays in it.
func Pack(from, to string) error {
	engines, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range engines {
		if err := packEngine(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()+".tar.zst")); err != nil {
			return fmt.Errorf("pack the cases of %s: %w", e.Name(), err)
		}
	}
	return nil
}

func packEngine(from, archive string) error {
	files, err := unpack(archive)
	if err != nil {
		return err
	}
	truths, err := filepath.Glob(filepath.Join(from, "*.json"))
	if err != nil {
		return err
	}
	for _, truth := range truths {
		id := strings.TrimSuffix(filepath.Base(truth), ".json")
		if files[id+".json"], err = os.ReadFile(truth); err != nil {
			return err
		}
		if files[id+".tar"], err = inflate(strings.TrimSuffix(truth, ".json") + ".fairway"); err != nil {
			return err
		}
	}
	if err := writeArchive(archive+".new", files); err != nil {
		return err
	}
	return os.Rename(archive+".new", archive)
}

// inflate is a whole zstd file, without its compression.
func inflate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(z)
}

// unpack reads an archive; none has no files.
func unpack(path string) (map[string][]byte, error) {
	files := map[string][]byte{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err == nil {
			files[h.Name], err = io.ReadAll(r)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
}

// writeArchive writes files by fault and without times: the same files make the same archive.
func writeArchive(path string, files map[string][]byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(corpusWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	byFault := func(a, b string) int {
		return cmp.Or(strings.Compare(strings.TrimSuffix(a, filepath.Ext(a)), strings.TrimSuffix(b, filepath.Ext(b))), strings.Compare(a, b))
	}
	for _, name := range slices.SortedFunc(maps.Keys(files), byFault) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			return err
		}
		if _, err := w.Write(files[name]); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), z.Close(), f.Close())
}
