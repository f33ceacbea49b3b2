package collect

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"fairway/internal/fact"
)

// maxFile is the most that Archive reads of a file.
const maxFile = 64 << 10

// Archive reads one file of a container through the archive API, at most
// 64 KiB. It costs the engine tens of milliseconds and leaves an event, so it
// is for files that cannot be read otherwise.
func (e *Engine) Archive(ctx context.Context, id fact.ContainerID, path string) (content []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read %s of container %.12s: fairway stumbled: %v", path, id, r)
		}
	}()
	q := url.Values{"path": {path}}.Encode()
	err = e.get(ctx, "/containers/"+url.PathEscape(string(id))+"/archive?"+q, func(r io.Reader) (err error) {
		content, err = oneFile(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s of container %.12s: %w", path, id, err)
	}
	return content, nil
}

// oneFile reads the only file of a tar archive.
func oneFile(r io.Reader) ([]byte, error) {
	t := tar.NewReader(io.LimitReader(r, maxFile+16<<10))
	h, err := t.Next()
	if err != nil {
		return nil, err
	}
	if h.Typeflag != tar.TypeReg {
		return nil, errors.New("it is no regular file")
	}
	if h.Size > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return io.ReadAll(io.LimitReader(t, maxFile))
}
