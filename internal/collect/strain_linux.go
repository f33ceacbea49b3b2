package collect

import (
	"os"
	"path"
	"runtime"
	"strings"

	"fairway/internal/fact"
)

// maxThreads bounds how many threads of an engine are added up.
const maxThreads = 4096

// strain reads how busy the machine is; nil where it does not say.
func strain(proc string) *fact.Strain {
	b, err := os.ReadFile(path.Join(proc, "loadavg"))
	if err != nil {
		return nil
	}
	load, err := averages(b)
	if err != nil {
		return nil
	}
	out := &fact.Strain{Load: load, CPUs: runtime.NumCPU()}
	for _, resource := range []string{"cpu", "memory", "io"} {
		// A kernel that keeps no account has no such file, or one that cannot be read.
		b, err := os.ReadFile(path.Join(proc, "pressure", resource))
		if err != nil {
			continue
		}
		if p, err := pressure(resource, b); err == nil {
			out.Pressure = append(out.Pressure, p)
		}
	}
	return out
}

// readEngine counts for how long the engine of this host ran, and for how long it
// waited for a processor. Where it cannot be seen, as from another PID namespace,
// there is no such counter.
func (s *space) readEngine() error {
	if s.held.Role == fact.RoleHost && s.at.Inode() != 0 {
		s.held.Counters = append(s.held.Counters, engineWaits("/proc", s.at.Inode())...)
		sortCounters(s.held.Counters)
	}
	return nil
}

// engineWaits adds up the threads of the one dockerd that lives in a network
// namespace. The sums fall when a thread ends.
func engineWaits(proc string, host uint64) []fact.Counter {
	var found string
	for _, pid := range processes(proc) {
		process := path.Join(proc, pid)
		name, err := os.ReadFile(path.Join(process, "comm"))
		if err != nil || strings.TrimSpace(string(name)) != "dockerd" || inode(path.Join(process, "ns/net")) != host {
			continue
		}
		if found != "" {
			return nil
		}
		found = process
	}
	if found == "" {
		return nil
	}
	var run, wait uint64
	seen := 0
	for _, thread := range processes(path.Join(found, "task")) {
		b, err := os.ReadFile(path.Join(found, "task", thread, "schedstat"))
		if err != nil || seen == maxThreads {
			continue
		}
		if r, w, err := waits(b); err == nil {
			run, wait, seen = run+r, wait+w, seen+1
		}
	}
	if seen == 0 {
		return nil
	}
	return []fact.Counter{counter("dockerd.run", run), counter("dockerd.wait", wait)}
}
