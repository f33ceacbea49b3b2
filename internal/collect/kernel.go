package collect

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"syscall"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// KernelRequest says whose kernel to read and what of it is wanted.
type KernelRequest struct {
	// Node is the name that gaps carry.
	Node string
	// Engine is what the engine believes. Without it nothing proves whose kernel
	// this is, and nothing is read.
	Engine *fact.Engine
	// NetnsDir is the folder of the engine's namespace handles as seen from here.
	// Empty: where the engine's containers say it is, else /var/run/docker/netns.
	NetnsDir string
	// Peers are underlay addresses to ask the host for a route to.
	Peers []netip.Addr
	// Ports are published ports whose sockets on the host want an owner.
	Ports []uint16
	// Resolv are the containers whose resolv.conf is wanted.
	Resolv []fact.ContainerID
	// Archive returns the content of a file inside a container; it is asked when
	// a resolv.conf cannot be read from here. May be nil.
	Archive func(ctx context.Context, id fact.ContainerID, path string) ([]byte, error)
}

// Again is a namespace to count in again: one that was read before, by name,
// role and inode, and which of its counters beside those of links and protocols.
type Again struct {
	Held        fact.NetNS
	Rules, IPVS bool
}

// defaultNetnsDir is <exec-root>/netns with the engine's default exec root.
const defaultNetnsDir = "/var/run/docker/netns"

// dir is the folder of the engine's namespace handles.
func (r *KernelRequest) dir() string {
	if r.NetnsDir != "" {
		return r.NetnsDir
	}
	if r.Engine != nil {
		for _, c := range r.Engine.Containers {
			if path.IsAbs(c.SandboxKey) {
				return path.Dir(c.SandboxKey)
			}
		}
	}
	return defaultNetnsDir
}

// handleOf is the path of a container's namespace as seen from here, or "".
func (r *KernelRequest) handleOf(c *fact.Container) string {
	if !path.IsAbs(c.SandboxKey) {
		return ""
	}
	return path.Join(r.dir(), path.Base(c.SandboxKey))
}

// gap records an error as something that could not be looked at.
func (r *KernelRequest) gap(kind fact.Kind, ns string, err error) fact.Gap {
	g := fact.Gap{Node: r.Node, Kind: kind, NetNS: ns, Class: classOf(err), Reason: err.Error()}
	switch g.Class {
	case fact.ClassPermission:
		g.Do = "run fairway as root; in a container it needs SYS_ADMIN and NET_ADMIN"
	case fact.ClassTimeout:
		g.Do = "run it again; if it stays, the kernel's network lock is held: look for stuck processes"
	case fact.ClassBug:
		g.Do = "please report this"
	}
	return g
}

// classOf sorts an error by what stood in the way. What the kernel answered and
// we did not understand is garbled.
func classOf(err error) fact.Class {
	switch {
	case errors.Is(err, errStumbled):
		return fact.ClassBug
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EAGAIN):
		return fact.ClassTimeout
	case errors.Is(err, context.Canceled), errors.Is(err, errTorn):
		return fact.ClassInterrupted
	case errors.Is(err, fs.ErrPermission):
		return fact.ClassPermission
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, netns.ErrNotNamespace):
		return fact.ClassNotExist
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EAFNOSUPPORT),
		errors.Is(err, syscall.EPROTONOSUPPORT):
		return fact.ClassUnsupported
	}
	return fact.ClassGarbled
}

var (
	// errTorn: what was dumped kept changing under the dump, which then lacks
	// rows or has them twice (NLM_F_DUMP_INTR).
	errTorn = errors.New("the kernel's table kept changing while it was read, so rows may be missing")
	// errStumbled: our own code or a library panicked on what it read.
	errStumbled = errors.New("fairway stumbled")
)
