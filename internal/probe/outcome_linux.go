package probe

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// outcome sorts the end of a connect or of a receive. icmp is the message
// behind it, if any.
func outcome(err error, icmp *fact.ICMPError) fact.Outcome {
	if err == nil {
		return fact.Open
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fact.Timeout
	}
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case unix.ECONNREFUSED, unix.ECONNRESET:
		return fact.Refused
	case unix.ETIMEDOUT:
		return fact.Timeout
	case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN, unix.ENONET:
		return fact.Unreachable
	case unix.EACCES, unix.EINVAL, unix.EPERM:
		// The namespace's own verdict: routes of type prohibit and blackhole
		// (Linux says "invalid argument" to the latter), a firewall on output.
		return fact.Unreachable
	}
	if icmp != nil {
		return fact.Unreachable
	}
	return fact.ProbeError
}

// word is the kernel's word for err, without our own wrapping.
func word(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
