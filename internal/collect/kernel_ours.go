//go:build linux

package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// Ours returns nil where this host's kernel is proven to be the one the engine
// runs on, else the gap that says why it is not. One proof is enough:
//
//   - a container's namespace is here, under the engine's random name for it, and
//     holds an address the engine gave that container;
//   - a process here has the ID the engine tells for a container on the host's
//     network, is in that container's control group and in the host's namespace;
//   - a network's namespace is here, under that network's random ID, and the
//     balancer beside it holds the address the engine gave it on this node.
//
// An engine that runs nothing and takes part in no network proves nothing.
func Ours(ctx context.Context, req KernelRequest) *fact.Gap {
	if req.Engine == nil {
		return req.notOurs(fact.ClassUnseen, "the engine could not be asked")
	}
	p := proof{req: &req}
	for _, try := range []func() bool{p.bySandbox, p.byProcess, p.byBalancer} {
		if ctx.Err() != nil {
			return req.notOurs(fact.ClassInterrupted, ctx.Err().Error())
		}
		if try() {
			return nil
		}
	}
	return p.gap()
}

// notOurs is the gap for all that a kernel holds.
func (r *KernelRequest) notOurs(class fact.Class, why string) *fact.Gap {
	return &fact.Gap{Node: r.Node, Kind: fact.KindKernel, Class: class,
		Reason: "the kernel here is not proven to be that engine's, so it was not read: " + why,
		Do:     "run fairway as root on the node itself, against that node's own engine"}
}

// proof is what was tried to prove that the kernel here is the engine's.
type proof struct {
	req *KernelRequest
	// tried namespaces of containers, foreign ones that hold none of their
	// container's addresses.
	tried, foreign int
	// refused is the first error that was not plain absence.
	refused error
}

func (p *proof) bySandbox() bool {
	for i := range p.req.Engine.Containers {
		c := &p.req.Engine.Containers[i]
		handle, want := p.req.handleOf(c), addressesOf(c)
		if handle == "" || len(want) == 0 {
			continue
		}
		p.tried++
		held, err := holds(handle, want)
		switch {
		case held:
			return true
		case err == nil:
			p.foreign++
		case !errors.Is(err, fs.ErrNotExist) && p.refused == nil:
			p.refused = err
		}
	}
	return false
}

// holds reports whether the namespace behind a handle has one of the addresses.
func holds(handle string, want []netip.Addr) (bool, error) {
	got, err := addressesIn(handle)
	return slices.ContainsFunc(want, func(a netip.Addr) bool { return slices.Contains(got, a) }), err
}

func (p *proof) byProcess() bool {
	host, err := p.req.host()
	if err != nil {
		return false
	}
	defer host.Close()
	return slices.ContainsFunc(p.req.Engine.Containers, func(c fact.Container) bool {
		if c.NetworkMode != "host" || c.Pid <= 0 || c.ID == "" {
			return false
		}
		process := path.Join("/proc", strconv.Itoa(c.Pid))
		groups, err := os.ReadFile(path.Join(process, "cgroup"))
		if err != nil || !bytes.Contains(groups, []byte(c.ID)) {
			return false
		}
		var st unix.Stat_t
		return unix.Stat(path.Join(process, "ns/net"), &st) == nil && st.Ino == host.Inode()
	})
}

func (p *proof) byBalancer() bool {
	names, err := p.req.handles()
	if err != nil {
		return false
	}
	for _, n := range p.req.Engine.Networks {
		if !slices.ContainsFunc(names, func(name string) bool {
			role, id := p.req.role(name)
			return role == fact.RoleOverlay && id == n.ID
		}) {
			continue
		}
		for _, e := range n.Endpoints {
			balancer := cut("lb_" + string(n.ID))
			if e.Key == "ingress-sbox" {
				balancer = "ingress_sbox"
			} else if e.Key != "lb-"+n.Name && e.Key != "lb-"+string(n.ID) {
				continue
			}
			if held, _ := holds(path.Join(p.req.dir(), balancer), []netip.Addr{e.Addr.Addr()}); held {
				return true
			}
		}
	}
	return false
}

// gap says why nothing was proven.
func (p *proof) gap() *fact.Gap {
	dir := p.req.dir()
	switch {
	case errors.Is(p.refused, fs.ErrPermission):
		g := p.req.notOurs(fact.ClassPermission, p.refused.Error())
		g.Reason = "this user may not read the kernel: " + p.refused.Error()
		g.Do = "run fairway as root, or `fairway deploy`: an agent on this node makes up for root; in a container fairway needs SYS_ADMIN and NET_ADMIN"
		return g
	case errors.Is(p.refused, netns.ErrNotNamespace):
		g := p.req.notOurs(fact.ClassNotExist, p.refused.Error())
		g.Do = "bind " + dir + " into fairway's container with propagation rslave"
		return g
	case p.refused != nil:
		return p.req.notOurs(classOf(p.refused), p.refused.Error())
	case p.foreign > 0:
		return p.req.notOurs(fact.ClassUnsupported,
			fmt.Sprintf("%d namespaces in %s do not hold the addresses the engine tells", p.foreign, dir))
	case p.tried > 0:
		return p.req.notOurs(fact.ClassNotExist,
			fmt.Sprintf("none of the %d namespaces the engine tells is in %s here", p.tried, dir))
	}
	g := p.req.notOurs(fact.ClassUnseen, "the engine runs no container by which to recognise its host")
	g.Do = "if the node should run tasks, look why it does not; a single running container is enough to prove it"
	return g
}

// addressesIn lists the addresses of a namespace.
func addressesIn(handle string) (out []netip.Addr, err error) {
	ns, err := netns.Open(handle)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	var rt *netlink.Handle
	err = ns.Do(func() (err error) {
		rt, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	if err := rt.SetSocketTimeout(answerWithin); err != nil {
		return nil, err
	}
	err = safely(func() error {
		rows, err := dump(func() ([]netlink.Addr, error) { return rt.AddrList(nil, netlink.FAMILY_ALL) })
		for _, row := range rows {
			out = append(out, prefixOf(row.IPNet).Addr())
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read addresses in %s: %w", handle, err)
	}
	return out, nil
}

// addressesOf are the addresses the engine gave a container.
func addressesOf(c *fact.Container) []netip.Addr {
	var out []netip.Addr
	for _, e := range c.Endpoints {
		if e.Addr.IsValid() {
			out = append(out, e.Addr.Addr())
		}
	}
	return out
}
