package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inNetns calls f on a thread that is in the namespace of that handle. The thread dies with its goroutine: one that may
// have kept a foreign namespace must never serve another. By handle and not by `ip netns exec`, which would remount /sys
// and hide the cgroups from an engine.
func inNetns(path string, f func() error) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open namespace %s: %w", path, err)
	}
	defer unix.Close(fd)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter namespace %s: %w", path, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// Netns turns a handle as the node names it (/var/run/docker/netns/x, /run/…) into a path on the machine. The empty name
// is the node's own namespace, and a bare name one that the engine keeps.
func (l *Lab) Netns(node, name string) (string, error) {
	n, err := l.Node(node)
	if err != nil {
		return "", err
	}
	if name == "" {
		return handle(l.Name, node), nil
	}
	if !strings.HasPrefix(name, "/") {
		name = "/run/docker/netns/" + name
	}
	// /var/run is an absolute link: followed from outside it would lead to the machine's own /run.
	name = strings.Replace(name, "/var/run/", "/run/", 1)
	return "/proc/" + strconv.Itoa(n.PID) + "/root" + name, nil
}

// Command prepares a command in all namespaces of a node, with the node's own programs; ns as in [Lab.Netns].
func (l *Lab) Command(ctx context.Context, node, ns string, argv ...string) (*exec.Cmd, error) {
	n, err := l.Node(node)
	if err != nil {
		return nil, err
	}
	at, err := l.Netns(node, ns)
	if err != nil {
		return nil, err
	}
	args := append([]string{"-t", strconv.Itoa(n.PID), "-m", "-u", "-p", "--net=" + at, "--"}, argv...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=" + os.Getenv("TERM")}
	cmd.WaitDelay = time.Second
	return cmd, nil
}

// Exec runs a command in a node and returns what it wrote to stdout; stderr is part of the error.
func (l *Lab) Exec(ctx context.Context, node string, argv ...string) (string, error) {
	return l.InNS(ctx, node, "", argv...)
}

// InNS is [Lab.Exec] with the network namespace of another handle of that node.
func (l *Lab) InNS(ctx context.Context, node, ns string, argv ...string) (string, error) {
	cmd, err := l.Command(ctx, node, ns, argv...)
	if err != nil {
		return "", err
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %s: %w: %s", node, strings.Join(argv, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// Outcome is what a connection attempt got.
type Outcome string

// The outcomes that are worth telling apart.
const (
	Opened      Outcome = "open"
	Refused     Outcome = "refused"
	Timeout     Outcome = "timeout"
	Unreachable Outcome = "unreachable"
)

// Connect tries one TCP connection from a namespace of a node, for at most limit.
func (l *Lab) Connect(node, ns string, to netip.AddrPort, limit time.Duration) (Outcome, error) {
	c, err := l.dial(node, ns, to, limit)
	var timeout net.Error
	switch {
	case err == nil:
		_ = c.Close()
		return Opened, nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, nil
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable, nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return Timeout, nil
	}
	return "", fmt.Errorf("connect from %s %s to %s: %w", node, ns, to, err)
}

func (l *Lab) dial(node, ns string, to netip.AddrPort, limit time.Duration) (net.Conn, error) {
	path, err := l.Netns(node, ns)
	if err != nil {
		return nil, err
	}
	var c net.Conn
	err = inNetns(path, func() error {
		var err error
		c, err = net.DialTimeout("tcp", to.String(), limit)
		return err
	})
	return c, err
}
