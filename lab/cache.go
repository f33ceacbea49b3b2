package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// progress prints one line per step with the time since the start; several goroutines may use it.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, start: time.Now()} }

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "[%6.1fs] %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// lock holds an exclusive lock until the returned function is called or the process dies.
func lock(ctx context.Context, path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("wait for %s, which another fairway-lab holds: %w", path, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// cached returns a folder of the cache, made by fill if it is not there. It is filled under another name and then renamed,
// so what has its name is whole; a lock lets only one process fill it.
func cached(ctx context.Context, p *progress, name, what string, fill func(dir string) error) (string, error) {
	base, err := cacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(base, "lock-"+name))
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(base, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp := filepath.Join(base, "new-"+name)
	if err := os.RemoveAll(tmp); err != nil {
		return "", fmt.Errorf("remove what an interrupted run left: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return "", err
	}
	start := time.Now()
	p.say("%s: making it once, in %s", what, dir)
	if err := fill(tmp); err != nil {
		return "", fmt.Errorf("make %s: %w", what, err)
	}
	p.say("%s: made in %.0f s", what, time.Since(start).Seconds())
	return dir, os.Rename(tmp, dir)
}
