package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Down ends a lab and removes all of it, also one that was never finished or whose state is lost.
func Down(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	unlock, err := lockLab(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	return clean(name)
}

// removeNetns removes a namespace, also one whose making was killed half-way: the ip that made it may still be mounting it,
// and then its file is busy for a moment.
func removeNetns(ns string) error {
	var err error
	for range 30 {
		if err = quiet(exec.Command("ip", "netns", "del", ns)); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// clean finds a lab's parts by what they are called and where they live, never by what a state file remembers. The order
// lets it be interrupted anywhere and started again: processes are found by their namespaces, so these go later.
func clean(name string) error {
	dir, err := stateDir(name)
	if err != nil {
		return err
	}
	if err := killAll(name); err != nil {
		return err
	}
	var errs []error
	for _, ns := range listNetns(name) {
		errs = append(errs, removeNetns(ns))
	}
	for _, m := range listMounts(dir) {
		errs = append(errs, unix.Unmount(m, unix.MNT_DETACH))
	}
	for _, c := range listCgroups(name) {
		errs = append(errs, removeCgroup(c))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove lab %s: %w", name, err)
	}
	return os.RemoveAll(dir)
}

// killAll ends the lab's processes and waits until they are gone: a node's first process is gone only when everything in
// its pid namespace is, its containers included. Until then it has no command line to be found by any more.
func killAll(name string) error {
	until := time.Now().Add(20 * time.Second)
	var pids []int
	for {
		pids = slices.DeleteFunc(pids, ended)
		pids = append(pids, listProcesses(name)...)
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("remove lab %s: processes %v do not end", name, pids)
		}
		for _, p := range pids {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ended is true when nothing of a process is left but what its parent may still ask for. Its first thread is dead before
// the last one is, and only the last one ends a pid namespace.
func ended(pid int) bool {
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return !alive(pid) && len(threads) <= 1
}

// removeCgroup removes a cgroup from its leaves up; the kernel may need a moment after the last process.
func removeCgroup(dir string) error {
	var err error
	for range 50 {
		if err = removeLeaves(dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func removeLeaves(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeLeaves(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return syscall.Rmdir(dir)
}

// Left lists what of a lab is still there, in words; nothing after a [Down].
func Left(name string) []string {
	var left []string
	for _, p := range listProcesses(name) {
		left = append(left, fmt.Sprintf("process %d", p))
	}
	for _, n := range listNetns(name) {
		left = append(left, "namespace "+n)
	}
	for _, c := range listCgroups(name) {
		left = append(left, "cgroup "+c)
	}
	dir, err := stateDir(name)
	if err != nil {
		return append(left, err.Error())
	}
	for _, m := range listMounts(dir) {
		left = append(left, "mount "+m)
	}
	if _, err := os.Stat(dir); err == nil {
		left = append(left, "folder "+dir)
	}
	return left
}
