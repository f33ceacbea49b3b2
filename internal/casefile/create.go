package casefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fairway/internal/fact"
)

// Writer writes a case to a file while it is collected. The file appears under
// its name when it is whole; until then it is NAME.part, which can be read as
// far as it goes.
type Writer struct {
	// Older is what a case that was there before is called now; empty: there was none.
	Older  string
	path   string
	file   *os.File
	stream stream
}

// Create begins a case, in PATH.part, readable for its owner only. A part that
// an earlier run left there is replaced.
func Create(path string, tool string) (*Writer, error) {
	if i, err := os.Stat(path); err == nil && !i.Mode().IsRegular() {
		return nil, fmt.Errorf("write case %s: it is there and is no file; choose another name", path)
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("write case: %w", err)
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write case: %w", err)
	}
	return &Writer{path: path, file: f, stream: stream{to: f, tool: tool}}, nil
}

// Look writes look i, the first being 1, and has it reach the disk. The last one
// is the report's; what it knows of looks before it is not written again.
func (w *Writer) Look(i int, s *fact.Snapshot) error {
	if err := w.stream.look(i, s); err != nil {
		return fmt.Errorf("write case %s: %w", w.path, err)
	}
	return nil
}

// Looks writes a snapshot that is whole already, after the looks before it.
func (w *Writer) Looks(s *fact.Snapshot) error {
	if err := w.stream.looks(s); err != nil {
		return fmt.Errorf("write case %s: %w", w.path, err)
	}
	return nil
}

// Close writes the manifest and gives the file its name. After an error the part
// stays.
func (w *Writer) Close() error {
	err := w.stream.close()
	if err == nil {
		err = w.file.Sync()
	}
	err = errors.Join(err, w.file.Close())
	if err == nil {
		err = w.rename()
	}
	if err != nil {
		return fmt.Errorf("write case %s: %w", w.path, err)
	}
	return nil
}

// aside moves a case that is there already out of the way: it may be the only
// evidence of another night.
func (w *Writer) aside() error {
	if _, err := os.Lstat(w.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for i := 1; i < 1000; i++ {
		old := fmt.Sprintf("%s.~%d~", w.path, i)
		if _, err := os.Lstat(old); errors.Is(err, fs.ErrNotExist) {
			w.Older = old
			return os.Rename(w.path, old)
		}
	}
	return fmt.Errorf("a thousand older ones are beside it; choose another name")
}

func (w *Writer) rename() error {
	if err := w.aside(); err != nil {
		return err
	}
	if err := os.Rename(w.file.Name(), w.path); err != nil {
		return err
	}
	// Where a folder cannot be synced, its file system orders that by itself.
	if dir, err := os.Open(filepath.Dir(w.path)); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

// Abort leaves nothing behind.
func (w *Writer) Abort() {
	_ = w.file.Close()
	_ = os.Remove(w.file.Name())
}
