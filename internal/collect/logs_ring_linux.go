package collect

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The actions of syslog(2) that read without clearing, as the kernel numbers them
// (include/linux/syslog.h).
const (
	syslogReadAll    = 3
	syslogSizeBuffer = 10
)

// maxRing bounds the buffer: log_buf_len is rarely above 16 MiB.
const maxRing = 32 << 20

// ring reads the kernel's ring buffer by syslog(2), for an agent's container, which
// has no /dev/kmsg: that takes CAP_SYSLOG where kernel.dmesg_restrict is set.
func ring(ctx context.Context, each func(since time.Duration, text []byte)) error {
	size, err := unix.Klogctl(syslogSizeBuffer, nil)
	if err != nil {
		return fmt.Errorf("ask for the size of the kernel's ring buffer: %w", err)
	}
	buf := make([]byte, min(max(size, 0), maxRing))
	n, err := unix.Klogctl(syslogReadAll, buf)
	if err != nil {
		return fmt.Errorf("read the kernel's ring buffer: %w", err)
	}
	for line := range bytes.Lines(buf[:n]) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if since, text, ok := printk(bytes.TrimRight(line, "\n")); ok {
			each(since, text)
		}
	}
	return nil
}

// printk reads a line as syslog(2) gives it: <6>[   12.345678] text. Where
// printk.time is off there is no time, and the line belongs to no window.
func printk(line []byte) (since time.Duration, text []byte, ok bool) {
	_, rest, ok := bytes.Cut(line, []byte(">["))
	stamp, text, found := bytes.Cut(rest, []byte("] "))
	if !ok || !found || len(line) == 0 || line[0] != '<' {
		return 0, nil, false
	}
	// Some kernels put the caller beside it: 12.345678][  T101.
	stamp, _, _ = bytes.Cut(stamp, []byte("]"))
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(stamp)), 64)
	if err != nil || !(seconds >= 0 && seconds < 1e10) { // NaN is neither
		return 0, nil, false
	}
	return time.Duration(seconds * float64(time.Second)), text, true
}
