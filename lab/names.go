package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	fab      = "fab"        // the namespace that holds the bridge
	netnsDir = "/run/netns" // where iproute2 keeps its handles
)

// object is the name of a namespace or a cgroup of a lab; part is a node or fab.
func object(lab, part string) string { return "fw-" + lab + "-" + part }

// ours tells whether a namespace or cgroup belongs to that lab.
func ours(lab, name string) bool {
	return regexp.MustCompile(`^fw-` + lab + `-(fab|n[0-9]+)$`).MatchString(name)
}

func handle(lab, part string) string { return filepath.Join(netnsDir, object(lab, part)) }

// listNetns lists the lab's namespaces by their handles, whether or not a running lab knows them.
func listNetns(lab string) []string {
	var names []string
	entries, _ := os.ReadDir(netnsDir)
	for _, e := range entries {
		if ours(lab, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// listCgroups lists the cgroups of the lab's containers in every hierarchy, v1 and v2.
func listCgroups(lab string) []string {
	var dirs []string
	for _, pattern := range []string{"/sys/fs/cgroup/fw-*", "/sys/fs/cgroup/*/fw-*"} {
		found, _ := filepath.Glob(pattern)
		for _, d := range found {
			if ours(lab, filepath.Base(d)) {
				dirs = append(dirs, d)
			}
		}
	}
	return dirs
}

// listMounts lists mounts of this namespace below a folder, innermost first.
func listMounts(dir string) []string {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	var found []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 4 && (f[4] == dir || strings.HasPrefix(f[4], dir+"/")) {
			found = append([]string{f[4]}, found...)
		}
	}
	return found
}

// listProcesses lists the processes that live in the lab's namespaces, and the first processes of its nodes even when a
// half-made lab lost its handles. Containers are not listed: they end with their node's pid namespace.
func listProcesses(lab string) []int {
	inside := map[string]bool{}
	for _, n := range listNetns(lab) {
		if id, err := netnsID(filepath.Join(netnsDir, n)); err == nil {
			inside[id] = true
		}
	}
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscanf(e.Name(), "%d", &pid); err != nil || pid == os.Getpid() {
			continue
		}
		id, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		if inside[id] || isNodeOf(lab, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isNodeOf recognises a node's first process by its command line.
func isNodeOf(lab string, pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	f := strings.Split(string(b), "\x00")
	return len(f) > 2 && f[0] == childName && f[1] == lab
}
