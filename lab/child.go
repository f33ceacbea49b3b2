package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// childName is the first argument of a process that is a node; it is how leftovers are recognised.
const childName = "fairway-lab-node"

// engineScript starts the engine inside a node; a restart runs it again.
const engineScript = "/usr/local/sbin/lab-engine"

// nodeSpec is all a new node needs to know; it is handed over as a file in the state folder.
type nodeSpec struct {
	Lab, Name string
	State     string   // the lab's state folder
	Lower     []string // lower folders of the root, topmost first
	Args      []string // of dockerd
	Legacy    bool     // use iptables-legacy inside, for kernels that lack what iptables-nft needs
}

// MaybeChild must be the first call of main, and of TestMain, in every program that starts a lab: nodes are this same
// program run again. In a node it never returns; elsewhere it does nothing.
func MaybeChild() {
	if dir := os.Getenv(umlEnv); dir != "" && os.Getpid() == 1 {
		fmt.Fprintln(os.Stderr, "first process:", runGuest(dir))
		os.Exit(1)
	}
	if len(os.Args) != 4 || os.Args[0] != childName {
		return
	}
	run := runNode
	switch os.Args[2] {
	case keeperPart:
		run = runKeeper
	case insidePart:
		run = runInside
	case matrixPart:
		run = runMatrix
	case outsidePart:
		run = runOutside
	}
	if err := run(os.Args[3]); err != nil {
		fmt.Fprintf(os.Stderr, "%s of lab %s: %v\n", os.Args[2], os.Args[1], err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runNode(specFile string) error {
	var s nodeSpec
	b, err := os.ReadFile(specFile)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read %s: %w", specFile, err)
	}
	root := filepath.Join(s.State, s.Name, "root")
	for _, step := range []func(nodeSpec, string) error{mountRoot, mountInside, writeFiles, journalFiles, enterRoot} {
		if err := step(s, root); err != nil {
			return err
		}
	}
	if err := answerNoNames(); err != nil {
		return err
	}
	if err := startJournal(s.Name); err != nil {
		return err
	}
	if err := hideRing(); err != nil {
		return err
	}
	if _, err := startEngine(); err != nil {
		return err
	}
	reap()
	return nil
}

// nodeMount is one mount to make; an empty kind is a bind.
type nodeMount struct {
	kind, from, to string
	flags          uintptr
	data           string
}

func (m nodeMount) do() error {
	if err := os.MkdirAll(m.to, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(m.from, m.to, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.from, m.to, err)
	}
	return nil
}

func mountAll(ms []nodeMount) error {
	for _, m := range ms {
		if err := m.do(); err != nil {
			return err
		}
	}
	return nil
}

// mountRoot lays the node's own upper folder over the shared, never written root.
func mountRoot(s nodeSpec, root string) error {
	own := filepath.Dir(root)
	for _, d := range []string{"up", "work", "lib", "containerd"} {
		if err := os.MkdirAll(filepath.Join(own, d), 0o755); err != nil {
			return err
		}
	}
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s/up,workdir=%s/work", strings.Join(s.Lower, ":"), own, own)
	return mountAll([]nodeMount{
		{to: "/", flags: unix.MS_REC | unix.MS_PRIVATE},
		{kind: "overlay", from: "overlay", to: root, data: data},
		{to: root, flags: unix.MS_PRIVATE},
	})
}

// mountInside makes what an engine expects of a machine. /run is shared, as systemd makes it: the engine refuses rslave
// mounts otherwise. The cgroup tree is the machine's, because dockerd needs the real one.
func mountInside(s nodeSpec, root string) error {
	at := func(p string) string { return filepath.Join(root, p) }
	ms := []nodeMount{
		{kind: "proc", from: "proc", to: at("proc")},
		{kind: "sysfs", from: "sysfs", to: at("sys")},
		{from: "/sys/fs/cgroup", to: at("sys/fs/cgroup"), flags: unix.MS_BIND | unix.MS_REC},
		{kind: "tmpfs", from: "tmpfs", to: at("run"), data: "mode=755"},
		{to: at("run"), flags: unix.MS_SHARED},
		{kind: "tmpfs", from: "tmpfs", to: at("tmp")},
		{from: "/dev", to: at("dev"), flags: unix.MS_BIND | unix.MS_REC},
		{from: filepath.Join(s.State, s.Name, "lib"), to: at("var/lib/docker"), flags: unix.MS_BIND},
		{from: filepath.Join(s.State, s.Name, "containerd"), to: at("var/lib/containerd"), flags: unix.MS_BIND},
		{from: s.State, to: at("lab"), flags: unix.MS_BIND},
	}
	if share := os.Getenv(shareEnv); share != "" { // in User Mode Linux: what the machine sees, too
		ms = append(ms, nodeMount{from: share, to: at("lab/share"), flags: unix.MS_BIND})
	}
	if _, err := os.Stat("/lib/modules"); err == nil { // so that the engine can ask for vxlan and the like
		ms = append(ms, nodeMount{from: "/lib/modules", to: at("lib/modules"), flags: unix.MS_BIND | unix.MS_REC})
	}
	return mountAll(ms)
}

// writeFiles gives the node its identity. A name server that knows nobody makes look-ups of images fail at once; the
// machine's own daemon.json, which the root of engine "host" has, must not count here.
func writeFiles(s nodeSpec, root string) error {
	at, err := ownAddr()
	if err != nil {
		return err
	}
	for _, p := range []string{"etc/resolv.conf", "etc/hosts", "etc/docker"} {
		if err := os.RemoveAll(filepath.Join(root, p)); err != nil {
			return err
		}
	}
	for p, text := range map[string]string{
		"etc/resolv.conf": "nameserver " + at + "\n",
		"etc/hosts":       "127.0.0.1 localhost " + s.Name + "\n",
		"etc/hostname":    s.Name + "\n",
		engineScript:      "#!/bin/sh\n" + engineCommand(s, root) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(root, p), []byte(text), 0o755); err != nil {
			return err
		}
	}
	if !s.Legacy {
		return nil
	}
	return useLegacyTables(root)
}

func useLegacyTables(root string) error {
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			link := filepath.Join(root, "etc/alternatives", family+suffix)
			_ = os.Remove(link)
			if err := os.Symlink("/usr/sbin/"+family+"-legacy"+suffix, link); err != nil {
				return err
			}
		}
	}
	return nil
}

// enterRoot makes root the node's.
func enterRoot(s nodeSpec, root string) error {
	if err := swapRoot(root); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share /: %w", err)
	}
	return unix.Sethostname([]byte(s.Name))
}

// swapRoot uses pivot_root, not chroot: with chroot runc puts mounts with propagation into the wrong place.
func swapRoot(root string) error {
	old := filepath.Join(root, ".old")
	if err := os.MkdirAll(old, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, old); err != nil {
		return fmt.Errorf("pivot_root to %s: %w", root, err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the machine's root: %w", err)
	}
	_ = os.Remove("/.old")
	return nil
}

func startEngine() (int, error) {
	pid, err := syscall.ForkExec(engineScript, []string{engineScript}, &syscall.ProcAttr{
		Env:   []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("start the engine: %w", err)
	}
	return pid, nil
}

// reap is the rest of a node's life: as in every pid namespace the first process buries the orphans. It outlives the
// engine, so that an engine can be stopped and started like on a real machine.
func reap() {
	for {
		_, err := syscall.Wait4(-1, nil, 0, nil)
		if errors.Is(err, syscall.ECHILD) {
			time.Sleep(100 * time.Millisecond)
		}
	}
}
