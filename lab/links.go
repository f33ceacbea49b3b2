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

// plug makes the namespaces and joins them: one bridge in the fab namespace, one veth to each node. Every link is born in
// the namespaces it belongs to, so the machine's own never sees one.
func (l *Lab) plug(ctx context.Context) error {
	var world, fabric strings.Builder
	f := object(l.Name, fab)
	fmt.Fprintf(&world, "netns add %s\n", f)
	fabric.WriteString("link set lo up\nlink add br0 type bridge\nlink set br0 up\n")
	for i, n := range l.Nodes {
		ns := object(l.Name, n.Name)
		fmt.Fprintf(&world, "netns add %s\n", ns)
		fmt.Fprintf(&world, "link add v%d netns %s type veth peer name eth0 netns %s\n", i+1, f, ns)
		fmt.Fprintf(&fabric, "link set v%d master br0 up\n", i+1)
	}
	if err := ipBatch(ctx, "", world.String()); err != nil {
		return err
	}
	if err := ipBatch(ctx, f, fabric.String()); err != nil {
		return err
	}
	for _, n := range l.Nodes {
		lines := fmt.Sprintf("link set lo up\naddr add %s/24 dev eth0\nlink set eth0 up\n", n.Addr)
		if err := ipBatch(ctx, object(l.Name, n.Name), lines); err != nil {
			return err
		}
	}
	return nil
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
