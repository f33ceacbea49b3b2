//go:build linux

package collect

import (
	"bytes"
	"context"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// How many file descriptors are looked at for the owner of a socket, of one
// process and of all. A listening socket is among a process's first ones.
const (
	maxDescriptors    = 1024
	maxAllDescriptors = 50_000
)

// owners names the processes behind the host's sockets on the ports in question.
// It reads names only (comm): command lines and environments hold secrets. Where
// process IDs are not those of the engine's own namespace, or a process is out
// of reach, the socket keeps its user ID and nothing more is known.
func (r *KernelRequest) owners(ctx context.Context, k *fact.Kernel) {
	host := k.Host()
	if host == nil {
		return
	}
	wanted := make(map[uint64]*fact.Socket)
	for i := range host.Sockets {
		if s := &host.Sockets[i]; s.Inode != 0 && slices.Contains(r.Ports, s.Local.Port()) {
			wanted[s.Inode] = s
		}
	}
	if len(wanted) == 0 || !r.sameProcesses(k) {
		return
	}
	left := maxAllDescriptors
	for _, pid := range processes("/proc") {
		if len(wanted) == 0 || left <= 0 || ctx.Err() != nil {
			return
		}
		if inode(path.Join("/proc", pid, "ns/net")) == host.Inode {
			left -= claim(path.Join("/proc", pid), wanted)
		}
	}
}

// sameProcesses reports whether /proc here shows processes under the IDs that
// the engine knows them by: the process of one of its containers is in that
// container's network namespace or, on the host's network, in its control group.
func (r *KernelRequest) sameProcesses(k *fact.Kernel) bool {
	return slices.ContainsFunc(r.Engine.Containers, func(c fact.Container) bool {
		ns := k.Sandbox(c.ID)
		if c.Pid <= 0 || c.ID == "" || ns == nil || ns.Inode == 0 {
			return false
		}
		process := path.Join("/proc", strconv.Itoa(c.Pid))
		if ns.Role != fact.RoleHost {
			return inode(path.Join(process, "ns/net")) == ns.Inode
		}
		groups, err := os.ReadFile(path.Join(process, "cgroup"))
		return err == nil && bytes.Contains(groups, []byte(c.ID))
	})
}

// claim names the sockets that a process has open and takes them off the list.
// It returns how many descriptors it looked at.
func claim(process string, wanted map[uint64]*fact.Socket) int {
	dir, err := os.Open(path.Join(process, "fd"))
	if err != nil {
		return 1 // it ended, or is somebody else's
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxDescriptors)
	if err != nil && err != io.EOF {
		return 1
	}
	for _, fd := range names {
		link, _ := os.Readlink(path.Join(process, "fd", fd))
		number, ok := strings.CutPrefix(link, "socket:[")
		if !ok {
			continue
		}
		id, _ := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
		s := wanted[id]
		if s == nil {
			continue
		}
		delete(wanted, id)
		if comm, err := os.ReadFile(path.Join(process, "comm")); err == nil {
			s.Owner = strings.TrimSpace(string(comm))
			s.PID, _ = strconv.Atoi(path.Base(process))
		}
	}
	return 1 + len(names)
}

// processes lists the names of process folders.
func processes(proc string) []string {
	dir, err := os.Open(proc)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	return slices.DeleteFunc(names, func(n string) bool { return !isNumber(n) })
}

// inode is what a handle of /proc leads to; 0 when it cannot be followed.
func inode(handle string) uint64 {
	var st unix.Stat_t
	if unix.Stat(handle, &st) != nil {
		return 0
	}
	return st.Ino
}
