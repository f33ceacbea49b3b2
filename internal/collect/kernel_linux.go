package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

const (
	// readers is how many namespaces are read at once. The kernel serialises
	// much of it behind one lock, so more would only wait.
	readers = 4
	// maxHandles bounds the namespaces read; a node has two per container at most.
	maxHandles = 4096
	hostName   = "host"
)

// Kernel reads what this host's kernel holds for the engine: its own namespace
// and every one the engine keeps. Where the kernel is not proven to be that
// engine's it returns nil and the gap of Ours.
func Kernel(ctx context.Context, req KernelRequest) (*fact.Kernel, []fact.Gap) {
	if g := Ours(ctx, req); g != nil {
		return nil, []fact.Gap{*g}
	}
	k, err := identity()
	if err != nil {
		return nil, []fact.Gap{req.gap(fact.KindKernel, "", err)}
	}
	root := os.DirFS("/")
	modules := readModules(root, k.Release)
	k.Features = features(root, modules)
	k.Strain = strain("/proc")

	todo, gaps := req.spaces()
	gate := modules.gates()
	gate.diagGate = modules.diagnosis()
	each(len(todo), readers, func(i int) {
		s := &todo[i]
		s.req, s.gate = &req, gate
		s.read(ctx)
	})
	for i := range todo {
		gaps = append(gaps, todo[i].gaps...)
		k.NeighbourTables = append(k.NeighbourTables, todo[i].tables...)
		if !todo[i].gone {
			k.Namespaces = append(k.Namespaces, todo[i].held)
		}
	}
	req.owners(ctx, k)
	return k, append(gaps, req.resolvConfs(ctx, k)...)
}

// identity says which kernel it is and when it started.
func identity() (*fact.Kernel, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("ask the kernel for its name: %w", err)
	}
	k := &fact.Kernel{
		Release: unix.ByteSliceToString(u.Release[:]),
		Version: unix.ByteSliceToString(u.Version[:]),
		Arch:    unix.ByteSliceToString(u.Machine[:]),
	}
	if stat, err := os.ReadFile("/proc/stat"); err == nil {
		k.Boot, _ = bootTime(stat)
	}
	// Not on every machine (no DMI on most ARM boards): then it is not known.
	if vendor, err := os.ReadFile("/sys/class/dmi/id/sys_vendor"); err == nil {
		k.Vendor = strings.TrimSpace(string(vendor[:min(len(vendor), 128)]))
	}
	return k, nil
}

// spaces lists what is to be read: the host's namespace first, then the
// engine's handles by name.
func (r *KernelRequest) spaces() ([]space, []fact.Gap) {
	host, err := r.host()
	if err != nil {
		return nil, []fact.Gap{r.gap(fact.KindKernel, "", fmt.Errorf("find the host's namespace: %w", err))}
	}
	out := []space{{at: host, held: fact.NetNS{Name: hostName, Role: fact.RoleHost, Inode: host.Inode(),
		Containers: r.inside("default")}}}
	var gaps []fact.Gap
	names, err := r.handles()
	if err != nil {
		gaps = append(gaps, r.gap(fact.KindKernel, "", err))
	}
	for _, name := range names {
		ns, err := netns.Open(path.Join(r.dir(), name))
		switch {
		case errors.Is(err, fs.ErrNotExist): // it ended since the folder was read
		case errors.Is(err, netns.ErrNotNamespace) && r.nobodys(name): // the file of one that ended
		case err != nil:
			gaps = append(gaps, r.closed(name, err))
		case ns.Inode() == host.Inode() && name == "default":
			ns.Close()
		default:
			role, network := r.role(name)
			held := fact.NetNS{Name: name, Role: role, Network: network, Inode: ns.Inode(), Made: madeAt(path.Join(r.dir(), name)), Containers: r.inside(name)}
			out = append(out, space{at: ns, held: held})
		}
	}
	if i := slices.IndexFunc(out[1:], func(s space) bool { return s.held.Inode == host.Inode() }); i >= 0 {
		gaps = append(gaps, r.noHost(out[i+1].held.Name))
		host.Close()
		out = out[1:]
	}
	return out, append(gaps, r.lost(names)...)
}

// madeAt is when a handle was made: the kernel gives a namespace's file its time
// when it is first opened, and keeps it while it is mounted. Zero when not known.
func madeAt(handle string) time.Time {
	if st, err := os.Stat(handle); err == nil {
		return st.ModTime().UTC()
	}
	return time.Time{}
}

// noHost is the gap for the host's namespace where fairway itself runs in a
// namespace the engine keeps.
func (r *KernelRequest) noHost(name string) fact.Gap {
	g := r.gap(fact.KindKernel, hostName, fmt.Errorf("find the host's namespace: fairway runs inside %s: %w", name, errors.ErrUnsupported))
	g.Do = "run fairway on the host, or in a container with network host"
	return g
}

// host opens the namespace the engine runs in. The handle "default" is the
// engine's own, made when a container first used the host's network. Without
// it we are taken to run where the engine does; Ours has proven the host, and
// /proc/1 would be somebody else's wherever process IDs are a container's own.
func (r *KernelRequest) host() (*netns.NS, error) {
	if ns, err := netns.Open(path.Join(r.dir(), "default")); err == nil {
		return ns, nil
	}
	return netns.Self()
}

// handles lists the file names in the engine's folder.
func (r *KernelRequest) handles() ([]string, error) {
	files, err := os.ReadDir(r.dir())
	if errors.Is(err, fs.ErrNotExist) && !r.anyRunning() {
		return nil, nil // the engine makes it with its first sandbox
	}
	if err != nil {
		return nil, fmt.Errorf("list the engine's namespaces: %w", err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	slices.Sort(names)
	if len(names) > maxHandles {
		return names[:maxHandles], fmt.Errorf("list the engine's namespaces in %s: more than %d: %w", r.dir(), maxHandles, errors.ErrUnsupported)
	}
	return names, nil
}

func (r *KernelRequest) anyRunning() bool {
	return slices.ContainsFunc(r.Engine.Containers, func(c fact.Container) bool { return c.State == "running" })
}

// nobodys: no container is behind that name, and no network that this node
// takes part in. The engine leaves the files of what ended for about a minute, and
// that of ingress_sbox for good where the ingress network was removed and this node
// has none now (seen on 20.10 and 26.1).
func (r *KernelRequest) nobodys(name string) bool {
	role, network := r.role(name)
	if n := r.Engine.Network(network); role == fact.RoleOverlay || role == fact.RoleLB || role == fact.RoleIngress {
		return n == nil || !n.Instantiated
	}
	return len(r.inside(name)) == 0 && (role == fact.RoleOther || role == fact.RoleContainer)
}

// closed is the gap for a handle that is there and could not be opened.
func (r *KernelRequest) closed(name string, err error) fact.Gap {
	g := r.gap(fact.KindKernel, name, err)
	if errors.Is(err, netns.ErrNotNamespace) {
		g.Do = "if fairway runs in a container, bind " + r.dir() + " with propagation rslave; else it is a leftover and harmless"
	}
	return g
}

// lost are the gaps for running containers whose namespace has no handle here.
func (r *KernelRequest) lost(names []string) []fact.Gap {
	var gaps []fact.Gap
	for i := range r.Engine.Containers {
		c := &r.Engine.Containers[i]
		if c.State != "running" || c.SandboxKey == "" || slices.Contains(names, path.Base(c.SandboxKey)) {
			continue
		}
		err := fmt.Errorf("open namespace %s of container %s: %w", r.handleOf(c), c.Name, fs.ErrNotExist)
		gaps = append(gaps, r.gap(fact.KindKernel, path.Base(c.SandboxKey), err))
	}
	return gaps
}

// Enter opens the namespace that was read under that name, for probes. It
// refuses when the name means another namespace by now. The caller closes it.
func Enter(req KernelRequest, held *fact.NetNS) (*netns.NS, error) {
	ns, err := req.reopen(held)
	if err != nil {
		return nil, err
	}
	if ns.Inode() != held.Inode {
		ns.Close()
		return nil, fmt.Errorf("enter namespace %s: it was replaced since it was read: %w", held.Name, fs.ErrNotExist)
	}
	return ns, nil
}

func (r *KernelRequest) reopen(held *fact.NetNS) (*netns.NS, error) {
	if held.Role == fact.RoleHost {
		return r.host()
	}
	return netns.Open(path.Join(r.dir(), held.Name))
}

// Counters reads the counters of namespaces that were read before. One that is
// gone meanwhile is a gap.
func Counters(ctx context.Context, req KernelRequest, spaces []Again) ([]fact.SpaceCounters, []fact.Gap) {
	out := make([]fact.SpaceCounters, len(spaces))
	found := make([][]fact.Gap, len(spaces))
	gate := readModules(os.DirFS("/"), release()).gates()
	each(len(spaces), readers, func(i int) {
		held := &spaces[i].Held
		ns, err := Enter(req, held)
		if err != nil {
			found[i] = []fact.Gap{req.gap(fact.KindCounters, held.Name, fmt.Errorf("read counters again: %w", err))}
			return
		}
		s := space{at: ns, req: &req, gate: gate, held: fact.NetNS{Name: held.Name, Role: held.Role}}
		s.count(ctx, spaces[i])
		out[i] = fact.SpaceCounters{NetNS: held.Name, Inode: held.Inode, Counters: s.held.Counters, Netfilter: s.held.Netfilter, IPVS: s.held.IPVS}
		found[i] = s.gaps
	})
	return out, slices.Concat(found...)
}

// gates say what may be asked for rules, virtual services and conntrack.
func (m *modules) gates() gates {
	var g gates
	g.nft, g.noNFT = m.tables()
	g.ipvs, g.noIPVS = balancing(m.root)
	g.conntrack = m.conntrack()
	return g
}

// release names the running kernel, for the lists of its parts.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
