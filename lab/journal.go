package lab

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A node's engine logs as under systemd: its standard error is a stream of the node's own journal. There is no systemd to
// start journald, so the node's first process does. Engines of a root without journald log to a plain file only.
const (
	journald      = "/usr/lib/systemd/systemd-journald"
	journaldOld   = "/lib/systemd/systemd-journald" // before Debian merged the folders
	journalSyslog = "/run/systemd/journal/syslog"
)

// journalConf is what distributions have, but for limits: a lab is small, and no line may be missing. Kernel lines are of
// all nodes and, on the machine's own kernel, of the machine: so they are read in User Mode Linux only.
const journalConf = `[Journal]
Storage=persistent
RateLimitIntervalSec=0
RateLimitBurst=0
SystemMaxUse=32M
SystemMaxFileSize=4M
SystemKeepFree=1M
ForwardToSyslog=yes
Audit=
ReadKMsg=%s
`

// findJournald is the path of a root's journald, if it has one.
func findJournald(root string) string {
	for _, path := range []string{journald, journaldOld} {
		if fi, err := os.Stat(filepath.Join(root, path)); err == nil && fi.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// journalFiles prepares a node's log folder and journald's settings. What is in the log folder of the shared root, or of the
// machine for engine "host", is of no node.
func journalFiles(_ nodeSpec, root string) error {
	for _, dir := range []string{"var/log", "etc/systemd/journald.conf.d", "run/systemd/journal"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	kernel := "no"
	if InUML() {
		kernel = "yes"
	}
	for path, text := range map[string]string{
		"etc/machine-id":                     hex.EncodeToString(id) + "\n",
		"etc/systemd/journald.conf.d/9.conf": fmt.Sprintf(journalConf, kernel),
		"run/systemd/journal/flushed":        "", // as after boot: write to /var/log at once
	} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// engineCommand is the last line of the engine's script. systemd-cat becomes the engine, so that the journal knows who writes.
func engineCommand(s nodeSpec, root string) string {
	command := "dockerd " + strings.Join(s.Args, " ")
	if findJournald(root) == "" {
		return fmt.Sprintf("exec %s >>/lab/%s.log 2>&1", command, s.Name)
	}
	return "exec systemd-cat -t dockerd " + command
}

// startJournal starts journald, if the node has it, and waits until engines can log. A copy of the engine's lines goes to
// /lab/NODE.log, for the lab's own messages.
func startJournal(node string) error {
	path := findJournald("/")
	if path == "" {
		return nil
	}
	// As systemd sets it at boot: 10 lines, the kernel's own, are soon lost.
	if err := os.WriteFile("/proc/sys/net/unix/max_dgram_qlen", []byte("512"), 0o644); err != nil {
		return err
	}
	lines, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journalSyslog, Net: "unixgram"})
	if err != nil {
		return err
	}
	plain, err := os.OpenFile("/lab/"+node+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	go copyLines(lines, plain)
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	return waitJournal(pid)
}

// hideRing keeps the machine's kernel lines, which are of all labs, from a node.
func hideRing() error {
	if InUML() {
		return nil
	}
	err := syscall.Mount("/dev/null", "/dev/kmsg", "", syscall.MS_BIND, "")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("hide the machine's /dev/kmsg: %w", err)
	}
	return nil
}

// waitJournal waits for the file, which journald makes last.
func waitJournal(pid int) error {
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if found, _ := filepath.Glob("/var/log/journal/*/system.journal"); len(found) > 0 {
			return nil
		}
		if dead, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err != nil || dead == pid {
			return errors.New("journald ended at once: /dev/kmsg says why")
		}
		if time.Now().After(until) {
			return errors.New("journald makes no journal: /dev/kmsg may say why")
		}
	}
}

// copyLines writes the engine's lines among those that journald passes on, without the time and the name in front.
func copyLines(from net.Conn, to *os.File) {
	b := make([]byte, 128<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, line, ok := bytes.Cut(b[:n], []byte("]: ")); ok && bytes.Contains(b[:n-len(line)], []byte(" dockerd[")) {
			_, _ = to.Write(append(line, '\n'))
		}
	}
}
