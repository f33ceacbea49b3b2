package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// addr is the underlay address of the i-th node, counted from 1.
func addr(i int) string { return fmt.Sprintf("10.77.0.%d", 10+i) }

// gateway is the router's address towards every node of a routed lab; subnet is all of the underlay.
const gateway, subnet = "10.77.0.1", "10.77.0.0/24"

// flatNodes is how many nodes share one Ethernet. All namespaces of a machine count into one neighbour table of 1024 rows
// (net.ipv4.neigh.default.gc_thresh3): n nodes on one Ethernet hold n² of them by gossip alone, and a sweep of n × n tasks
// 2 n² more for a while. Larger labs are routed, as clouds are: then a node knows its router only.
const flatNodes = 16

// plug makes the namespaces and joins them: one fab namespace, one veth to each node. Every link is born in the namespaces
// it belongs to, so the machine's own never sees one.
func (l *Lab) plug(ctx context.Context) error {
	var world strings.Builder
	f := object(l.Name, fab)
	fmt.Fprintf(&world, "netns add %s\n", f)
	for i, n := range l.Nodes {
		ns := object(l.Name, n.Name)
		fmt.Fprintf(&world, "netns add %s\n", ns)
		fmt.Fprintf(&world, "link add v%d netns %s type veth peer name eth0 netns %s\n", i+1, f, ns)
	}
	if err := ipBatch(ctx, "", world.String()); err != nil {
		return err
	}
	if err := l.plugFabric(ctx, f); err != nil {
		return err
	}
	for _, n := range l.Nodes {
		lines := fmt.Sprintf("link set lo up\naddr add %s/24 dev eth0\nlink set eth0 up\n", n.Addr)
		if l.Routed {
			lines = fmt.Sprintf("link set lo up\naddr add %s/32 dev eth0\nlink set eth0 up\nroute add %s dev eth0\nroute add %s via %[2]s\n", n.Addr, gateway, subnet)
		}
		if err := ipBatch(ctx, object(l.Name, n.Name), lines); err != nil {
			return err
		}
	}
	return nil
}

// plugFabric makes the fab namespace a switch, or a router, and the home of the place outside.
func (l *Lab) plugFabric(ctx context.Context, f string) error {
	var lines strings.Builder
	lines.WriteString("link set lo up\nlink add br0 type bridge\nlink set br0 up\n")
	for i, n := range l.Nodes {
		if l.Routed {
			fmt.Fprintf(&lines, "addr add %s/32 dev v%d\nlink set v%[2]d up\nroute add %s dev v%[2]d\n", gateway, i+1, n.Addr)
		} else {
			fmt.Fprintf(&lines, "link set v%d master br0 up\n", i+1)
		}
	}
	if l.Routed {
		fmt.Fprintf(&lines, "addr add %s/32 dev lo\n", Outside.Addr())
	} else {
		fmt.Fprintf(&lines, "addr add %s/24 dev %s\n", Outside.Addr(), fabBridge)
	}
	if err := ipBatch(ctx, f, lines.String()); err != nil || !l.Routed {
		return err
	}
	return inNetns(handle(l.Name, fab), func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) })
}

// ipBatch feeds lines to one ip process, in a namespace or, with ns empty, in the machine's own.
func ipBatch(ctx context.Context, ns, lines string) error {
	args := []string{"-batch", "-"}
	if ns != "" {
		args = append([]string{"-n", ns}, args...)
	}
	cmd := exec.CommandContext(ctx, "ip", args...)
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make links (ip %s): %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// netnsID is what readlink says of a process in that namespace.
func netnsID(path string) (string, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("net:[%d]", fi.Sys().(*syscall.Stat_t).Ino), nil
}

// startNode runs this same program as the first process of a node, born in the node's network namespace.
func (l *Lab) startNode(n *Node, s nodeSpec) error {
	own := filepath.Join(l.Dir, n.Name)
	if err := os.MkdirAll(own, 0o755); err != nil {
		return err
	}
	spec := filepath.Join(own, "node.json")
	if err := writeJSON(spec, s); err != nil {
		return err
	}
	boot, err := os.Create(filepath.Join(l.Dir, n.Name+".boot"))
	if err != nil {
		return err
	}
	defer boot.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{childName, l.Name, n.Name, spec}, Dir: "/",
		Stdout: boot, Stderr: boot,
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID, Setsid: true},
	}
	if err := inNetns(handle(l.Name, n.Name), cmd.Start); err != nil {
		return fmt.Errorf("start node %s: %w", n.Name, err)
	}
	n.PID = cmd.Process.Pid
	go func() { _ = cmd.Wait() }() // or a dead node stays a zombie as long as this process lives
	return nil
}
