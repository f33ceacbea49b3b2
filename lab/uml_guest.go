package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// umlState is where labs live inside: a file system that can carry an overlay's upper folder.
const umlState = "/run/fairway-lab"

// runGuest is the life of the first process inside User Mode Linux: it makes a machine of the bare kernel, then does as it
// is told until it is killed.
func runGuest(dir string) error {
	var s umlSpec
	b, err := os.ReadFile(filepath.Join(dir, "inside.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	for _, step := range []func(umlSpec) error{guestEnv, guestRoot, guestMounts, guestModules, guestNetwork} {
		if err := step(s); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", umlInner+umlPort)
	if err != nil {
		return err
	}
	return newServer(s.Name).serve(listener)
}

func guestEnv(s umlSpec) error {
	os.Clearenv()
	return errors.Join(os.Setenv("PATH", s.PathEnv+":/usr/local/sbin:/usr/sbin:/sbin"),
		os.Setenv("FAIRWAY_LAB_STATE", umlState), os.Setenv(shareEnv, s.Share))
}

// guestRoot lays memory over the machine's files, so that everything may be written and nothing of it reaches the machine.
func guestRoot(s umlSpec) error {
	if err := (nodeMount{kind: "proc", from: "proc", to: "/proc"}).do(); err != nil {
		return err
	}
	if err := loadModules(s.Kernel.Modules, "overlay"); err != nil {
		return err
	}
	if err := (nodeMount{kind: "tmpfs", from: "tmpfs", to: "/run"}).do(); err != nil {
		return err
	}
	const root = "/run/root"
	for _, d := range []string{root, "/run/up", "/run/work"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	err := mountAll([]nodeMount{{kind: "overlay", from: "overlay", to: root, data: "lowerdir=/,upperdir=/run/up,workdir=/run/work"}})
	if err != nil {
		return err
	}
	return swapRoot(root)
}

// guestMounts makes what Linux distributions have at the latest when a service starts. The control groups are version 1,
// without cpuset, which this kernel does not have.
func guestMounts(s umlSpec) error {
	ms := []nodeMount{
		{kind: "proc", from: "proc", to: "/proc"},
		{kind: "sysfs", from: "sysfs", to: "/sys"},
		{kind: "devtmpfs", from: "dev", to: "/dev"},
		{kind: "devpts", from: "devpts", to: "/dev/pts", data: "ptmxmode=666"},
		{kind: "tmpfs", from: "tmpfs", to: "/dev/shm"},
		{kind: "tmpfs", from: "tmpfs", to: "/run", data: "mode=755"},
		{kind: "tmpfs", from: "tmpfs", to: "/sys/fs/cgroup", data: "mode=755"},
		{kind: "hostfs", from: "none", to: s.Share, data: s.Share},
		{from: s.Kernel.Modules, to: filepath.Join("/lib/modules", s.Kernel.Release), flags: unix.MS_BIND},
	}
	for _, d := range s.Direct {
		ms = append(ms, nodeMount{kind: "hostfs", from: "none", to: d, data: d, flags: unix.MS_RDONLY})
	}
	for _, c := range []string{"cpu,cpuacct", "memory", "devices", "freezer", "pids", "blkio", "net_cls"} {
		ms = append(ms, nodeMount{kind: "cgroup", from: "cgroup", to: "/sys/fs/cgroup/" + c, data: c})
	}
	// Without controllers, as systemd has it beside version 1: journald does not start where there is none.
	ms = append(ms, nodeMount{kind: "cgroup2", from: "cgroup2", to: "/sys/fs/cgroup/unified"})
	if err := mountAll(ms); err != nil {
		return err
	}
	return os.MkdirAll(umlState, 0o755)
}

// guestModules loads what engines expect and do not ask for; everything else the kernel loads when it is first used.
func guestModules(s umlSpec) error { return loadModules(s.Kernel.Modules, "br_netfilter", "ip_vs") }

func guestNetwork(umlSpec) error {
	lines := fmt.Sprintf("link set lo up\naddr add %s/24 dev vec0\nlink set vec0 up\n", umlInner)
	if err := ipBatch(context.Background(), "", lines); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// loadModules loads modules and what they depend on; base is the folder of modules.dep. All others the kernel itself loads
// when they are asked for.
func loadModules(base string, names ...string) error {
	b, err := os.ReadFile(filepath.Join(base, "modules.dep"))
	if err != nil {
		return err
	}
	needs := map[string][]string{} // file: itself and what it needs, in reverse order of loading
	file := map[string]string{}
	for line := range strings.Lines(string(b)) {
		path, deps, _ := strings.Cut(strings.TrimSpace(line), ":")
		needs[path] = append([]string{path}, strings.Fields(deps)...)
		file[strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")] = path
	}
	for _, n := range names {
		all := needs[file[n]]
		if len(all) == 0 {
			continue // built in, or not there: what needs it says so better
		}
		for i := len(all) - 1; i >= 0; i-- {
			if err := loadModule(filepath.Join(base, all[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

func loadModule(path string) error {
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := unix.InitModule(image, ""); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", path, err)
	}
	return nil
}

// dropStale makes files that changed on the machine look changed here: the root's overlay remembers what it has seen.
func dropStale(seen map[string]fileState) error {
	for path, s := range seen {
		if now := stateOf(path); now != s {
			return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200)
		}
	}
	return nil
}

// fileState is enough to tell that a program was built anew.
type fileState struct {
	Size  int64
	Nanos int64 // time of the last change
}

func stateOf(path string) fileState {
	fi, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{fi.Size(), fi.ModTime().UnixNano()}
}
