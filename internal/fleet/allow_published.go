package fleet

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// published: a few requests where a published port's path leads, and no request
// line but a plain one. HTTP is spoken to nodes of this Swarm, and to a task
// from inside itself; what lies between is connected to, without a byte.
func (a allowance) published(p *fact.PublishedProbe) bool {
	port := p.Target.Port()
	if p.Count < 1 || p.Count > maxPerPair || port == 0 || !spoken(p) {
		return false
	}
	to := p.Target.Addr()
	switch p.Stage {
	case fact.StageNode, fact.StageSelf:
		return a.fromHost(p.From) && underlay(to) && a.engine.KnowsNode(to) && !a.swarms(p)
	case fact.StageSandbox:
		return silent(p) && a.fromHost(p.From) && a.gateway(to) && !a.swarms(p)
	case fact.StageBackend:
		return p.Proto == "tcp" && p.From.NetNS == ingressSandbox && !a.fromHost(p.From) && a.ingress(to)
	case fact.StageVIP:
		return p.Proto == "tcp" && a.container(p.From) != nil && a.overlay(to)
	case fact.StageTask:
		c := a.container(p.From)
		return p.Proto != "udp" && c != nil && c.TaskID != "" && to == netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return false
}

// ingressSandbox is the name of the handle of the routing mesh's namespace (all
// versions).
const ingressSandbox = "ingress_sbox"

// silent: nothing is said over the connection.
func silent(p *fact.PublishedProbe) bool { return p.Proto == "tcp" || p.Proto == "udp" }

// spoken: of a protocol that we speak, with a request line that is one line.
func spoken(p *fact.PublishedProbe) bool {
	return (silent(p) || p.Proto == "http" || p.Proto == "https") && plainLine(p.Host) && plainLine(p.Path) && (p.Path == "" || p.Path[0] == '/')
}

// plainLine: what may stand in a request line or a header without ending it.
func plainLine(s string) bool {
	return len(s) <= 1024 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// swarms: a port of Swarm itself, which is never sent a byte or a datagram.
func (a allowance) swarms(p *fact.PublishedProbe) bool {
	port := p.Target.Port()
	if p.Proto == "udp" && (port == a.engine.Swarm.DataPathPort || a.engine.Swarm.DataPathPort == 0 && port == usualDataPath) {
		return true
	}
	return p.Proto != "tcp" && (port == gossipPort || port == managerPort)
}

// usualDataPath is the port of VXLAN where a Swarm chose no other.
const usualDataPath = 4789

// container is the one that lives in the namespace that a source names, its own
// or one that it joined; nil where the engine knows none, and for the host's
// namespace, which has a handle, too, while a container lives in it.
func (a allowance) container(s fact.Source) *fact.Container {
	c := a.engine.Container(s.Container)
	if c == nil || s.NetNS == "" || a.fromHost(s) {
		return nil
	}
	owner := c
	if name, joined := strings.CutPrefix(c.NetworkMode, "container:"); joined {
		i := slices.IndexFunc(a.engine.Containers, func(o fact.Container) bool { return string(o.ID) == name || o.Name == name })
		if i < 0 {
			return nil
		}
		owner = &a.engine.Containers[i]
	}
	hosts := func(o fact.Container) bool { return o.NetworkMode == "host" && o.SandboxKey == owner.SandboxKey }
	if path.Base(owner.SandboxKey) != s.NetNS || slices.ContainsFunc(a.engine.Containers, hosts) {
		return nil
	}
	return c
}

// gateway: within the bridge that the ingress sandbox has its second leg on, and
// not the host's own address there.
func (a allowance) gateway(ip netip.Addr) bool {
	return slices.ContainsFunc(a.engine.Networks, func(n fact.EngineNetwork) bool {
		return n.Name == "docker_gwbridge" && slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(ip) && s.Gateway != ip })
	})
}

// ingress: within the routing mesh's network.
func (a allowance) ingress(ip netip.Addr) bool {
	return slices.ContainsFunc(a.engine.Networks, func(n fact.EngineNetwork) bool {
		return n.Ingress && slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(ip) })
	})
}
