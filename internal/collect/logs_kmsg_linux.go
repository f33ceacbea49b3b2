package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// maxRecords bounds how much of the ring buffer is read: it may be written as fast
// as it is read.
const maxRecords = 1 << 20

// kmsg reads the kernel's ring buffer of this host as it is now. Times are by the
// clock of now, and the kernel's own stamps stand still while a machine sleeps.
func kmsg(ctx context.Context, each func(at time.Time, text []byte)) error {
	fd, open := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if open == nil {
		defer unix.Close(fd)
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up); err != nil {
		return fmt.Errorf("read the time since boot: %w", err)
	}
	boot := time.Now().Add(-time.Duration(up.Nano()))
	tell := func(since time.Duration, text []byte) { each(boot.Add(since).Round(0), text) }
	if open == nil {
		return records(ctx, func(b []byte) (int, error) { return unix.Read(fd, b) }, tell)
	}
	if err := ring(ctx, tell); err != nil {
		return fmt.Errorf("open /dev/kmsg: %w; %w", open, err)
	}
	return nil
}

// records calls read for one record at a time until there is none.
func records(ctx context.Context, read func([]byte) (int, error), each func(since time.Duration, text []byte)) error {
	buf := make([]byte, 16<<10) // twice what the kernel puts into a record
	for range maxRecords {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := read(buf)
		switch {
		case errors.Is(err, unix.EAGAIN), err == nil && n <= 0:
			return nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR), errors.Is(err, unix.EINVAL):
			continue // it was overwritten meanwhile, or is longer than any should be
		case err != nil:
			return fmt.Errorf("read /dev/kmsg: %w", err)
		}
		if since, text, ok := record(buf[:n]); ok {
			each(since, text)
		}
	}
	return nil
}
