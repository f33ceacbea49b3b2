package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// NetnsLeak finds namespaces that outlived their containers.
var NetnsLeak = &Check{
	ID:    "netns-leak",
	Title: "namespaces of containers that are gone stay on a node",
	Doc: Doc{
		Symptom: "Stopping a container hangs, `docker network rm` too; new tasks take minutes to start on one node. The kernel's log repeats \"unregister_netdevice: waiting for lo to become free. Usage count = 1\". Later, addresses and VXLAN numbers clash.",
		Cause: "Something still holds a reference to the namespace of a container that ended: a bug of the kernel in its routes or sockets, or a program that keeps the handle open. " +
			"While the kernel waits for it, it holds the lock of all network configuration, so everything else on the node waits, too.",
		ByHand: "`dmesg -T | grep unregister_netdevice`; `ls /var/run/docker/netns | wc -l` against `docker ps -q | wc -l`: two for each overlay (N-… and lb_…), ingress_sbox, default, and one for each container.",
		Relief: "Drain the node and reboot it: nothing else makes the kernel let go.",
		Fix:    "Upgrade the kernel (many such leaks were fixed between 4.4 and 6.1). See that no program mounts /var/run/docker or /proc of the host for good (agents for monitoring, containers with the host's root).",
	},
	Needs:  []fact.Kind{fact.KindContainers, fact.KindNetworks, fact.KindKernel, fact.KindLogs},
	Claims: noConnect,
	Run:    netnsLeak,
}

const (
	// leftFor is how old a handle must be that belongs to nothing: builds have
	// namespaces without a container for minutes, and the engine removes handles of
	// what ended within one (osl garbage collection, all versions).
	leftFor = 15 * time.Minute
	// manyLeft is how many of them are more than an accident.
	manyLeft = 3
	// kernelWaits is how often the kernel must have said so, every 10 s: a socket in
	// its last seconds holds a namespace for that long.
	kernelWaits = 3
)

func netnsLeak(in *In) []Finding {
	var out []Finding
	for _, n := range in.logged() {
		if n.Engine == nil || n.Kernel == nil {
			in.Blind("%s: engine or kernel was not seen", n.Name)
			continue
		}
		surplus := in.surplus(n)
		lines := in.said(n, "netns-leak")
		if len(surplus) < manyLeft && len(lines) < kernelWaits {
			continue
		}
		f := Finding{Certainty: Hint, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true, Impact: ImpactNode(n.Name),
			Message: fmt.Sprintf("%d namespaces on %s belong to no container and no network: %s", len(surplus), n.Name, listed(surplus)),
			Confirm: fmt.Sprintf("on %s: dmesg -T | grep unregister_netdevice; ls -l /var/run/docker/netns", n.Name),
			Relief:  drainAndBack(n.Name) + fmt.Sprintf("\non %s, between the two: reboot", n.Name)}
		if len(surplus) > 0 {
			f.Evidence = append(f.Evidence, Evidence{n.Name + ": namespaces that the engine holds", "one for each container and overlay", fmt.Sprintf("%d more: %s", len(surplus), listed(surplus))})
		}
		if len(lines) >= kernelWaits {
			f.Evidence = append(f.Evidence, quoteLog(n.Name+": log of the kernel", "no such line", lines))
			f.Message = fmt.Sprintf("the kernel of %s cannot let go of a namespace: it waits for its last reference, and other changes of the network wait with it", n.Name)
			if len(surplus) > 0 {
				f.Certainty = Strong
			}
		}
		out = append(out, f)
	}
	return out
}

// surplus names the handles that were there for long and that nothing is behind.
// Those of overlays are stale-overlay-netns's.
func (in *In) surplus(n *fact.Node) []string {
	var out []string
	for _, ns := range n.Kernel.Namespaces {
		old := !ns.Made.IsZero() && in.Taken.Add(n.ClockOffset).Sub(ns.Made) > leftFor
		if ns.Role == fact.RoleOther && old && len(ns.Containers) == 0 && ns.Name != "default" && !overlayHandle.MatchString(ns.Name) && !in.balancerHandle(n, ns.Name) {
			out = append(out, ns.Name)
		}
	}
	slices.Sort(out)
	return out
}

// balancerHandle: it is the balancer's of a network whose overlay this node knows,
// whether or not it takes part.
func (in *In) balancerHandle(n *fact.Node, name string) bool {
	id, ok := strings.CutPrefix(name, "lb_")
	return ok && in.networkBegins(n, id)
}

func (in *In) networkBegins(n *fact.Node, id string) bool {
	for _, e := range n.Engine.Networks {
		if strings.HasPrefix(string(e.ID), id) {
			return true
		}
	}
	for _, known := range in.Scope.Networks {
		if strings.HasPrefix(string(known), id) && expect.Network(in.Snapshot, known) != nil {
			return true
		}
	}
	return false
}
