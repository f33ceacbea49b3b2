package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Outside is a place that is no part of the Swarm: an address of the nodes' underlay that no node has, and a port where a
// server accepts and closes when the client does. It is in the namespace of the wires, which no way leads out of.
var Outside = netip.MustParseAddrPort("10.77.0.2:5432")

// OutsideName is what the nodes' name servers call that place, and so does one at the place itself.
const OutsideName = "db.outside.test"

// outsidePart marks the process that is the place outside.
const outsidePart = "outside"

// startOutside runs this same program as the servers of the place outside, born in the namespace of the wires.
func (l *Lab) startOutside() error {
	said, err := os.Create(filepath.Join(l.Dir, outsidePart+".boot"))
	if err != nil {
		return err
	}
	defer said.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{childName, l.Name, outsidePart, Outside.String()}, Dir: "/",
		Stdout: said, Stderr: said, SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := inNetns(handle(l.Name, fab), cmd.Start); err != nil {
		return fmt.Errorf("start the place outside: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// runOutside is the other end of startOutside: a TCP server, and a name server at the same address.
func runOutside(at string) error {
	place, err := netip.ParseAddrPort(at)
	if err != nil {
		return err
	}
	if err := answerNames(place.Addr().String()); err != nil {
		return err
	}
	s, err := net.Listen("tcp4", fmt.Sprintf(":%d", place.Port())) // a fault may give the place another address, too
	if err != nil {
		return err
	}
	for {
		c, err := s.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(io.Discard, c)
		}()
	}
}

// outsidePort is the place outside at another port, where nobody listens.
func outsidePort() netip.AddrPort { return netip.AddrPortFrom(Outside.Addr(), Outside.Port()+1) }

// askOutside is the question for a place outside: from the drawn frontend's service, to a name or an address.
func (d *Draw) askOutside(host string, port uint16, causes ...Cause) Want {
	return Want{On: d.Node, From: d.Task.Service, To: fmt.Sprintf("%s:%d", host, port), Causes: causes}
}

// expectOutside proves that a task knows the name of the place outside, how its connections there end, and how those of its
// node itself do.
func (l *Lab) expectOutside(ctx context.Context, t Task, to netip.AddrPort, task, node Outcome) error {
	if _, err := l.expectNames(ctx, t, OutsideName, 1); err != nil {
		return err
	}
	return l.expectLeaving(ctx, t, to, task, node)
}

// expectLeaving is the same for a task that need not know the name.
func (l *Lab) expectLeaving(ctx context.Context, t Task, to netip.AddrPort, task, node Outcome) error {
	if err := l.expectConnect(ctx, t, to, 10*time.Second, task); err != nil {
		return err
	}
	what := fmt.Sprintf("a connection from %s itself to %s to end %s", t.Node, to, node)
	return poll(ctx, 10*time.Second, what, func() (bool, error) {
		got, err := l.Connect(t.Node, "", to, time.Second)
		if err == nil && got != node {
			err = fmt.Errorf("it ends %s", got)
		}
		return err == nil, err
	})
}

// outsideWell proves that the drawn frontend and its node get to the place outside.
func (l *Lab) outsideWell(ctx context.Context, d *Draw) error {
	return l.expectOutside(ctx, d.Task, Outside, Opened, Opened)
}
