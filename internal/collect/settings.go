//go:build linux

package collect

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// maxSettings bounds how much is read of a command line or a daemon.json.
const maxSettings = 1 << 20

// WritesRules says whether the engine of this host was told to write packet
// rules ("yes" or "no"), by the command line of its dockerd and by the daemon.json
// that it names, or "" where they cannot be read: in another PID namespace, as an
// agent is, or where several engines share the host's network. Of both, which may
// hold secrets, nothing else is kept.
func WritesRules(k *fact.Kernel) string {
	if k.Host() == nil || k.Host().Inode == 0 {
		return ""
	}
	return writesRules("/proc", k.Host().Inode)
}

func writesRules(proc string, host uint64) string {
	var out []string
	for _, pid := range processes(proc) {
		process := path.Join(proc, pid)
		name, err := os.ReadFile(path.Join(process, "comm"))
		if err != nil || strings.TrimSpace(string(name)) != "dockerd" || inode(path.Join(process, "ns/net")) != host {
			continue
		}
		out = append(out, told(process))
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) != 1 {
		return ""
	}
	return out[0]
}

// told is what one dockerd was told. The engine refuses to start where command
// line and file contradict each other (all versions).
func told(process string) string {
	line, err := readBounded(path.Join(process, "cmdline"))
	if err != nil {
		return ""
	}
	args := strings.Split(string(line), "\x00")
	if v, there := option(args, "iptables", "true"); there {
		return yesNo(v)
	}
	file := "/etc/docker/daemon.json"
	if v, there := option(args, "config-file", ""); there && path.IsAbs(v) {
		file = v
	}
	b, err := readBounded(path.Join(process, "root", path.Clean(file)))
	if errors.Is(err, fs.ErrNotExist) {
		return "yes" // nothing was said, and that is the default
	}
	var set struct {
		IPTables *bool `json:"iptables"`
	}
	if err != nil || json.Unmarshal(b, &set) != nil {
		return ""
	}
	return yesNo(strconv.FormatBool(set.IPTables == nil || *set.IPTables))
}

// option finds --name=value, --name value or, where there is a default, --name alone.
func option(args []string, name, alone string) (string, bool) {
	for i, a := range args {
		dashed := strings.TrimLeft(a, "-")
		if v, ok := strings.CutPrefix(dashed, name+"="); ok && a != dashed {
			return v, true
		}
		if dashed == name && a != dashed {
			if alone == "" && i+1 < len(args) {
				return args[i+1], true
			}
			return alone, true
		}
	}
	return "", false
}

func yesNo(v string) string {
	on, err := strconv.ParseBool(v)
	switch {
	case err != nil:
		return ""
	case on:
		return "yes"
	}
	return "no"
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSettings))
}
