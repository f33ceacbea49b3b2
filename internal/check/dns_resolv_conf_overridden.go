package check

import (
	"fmt"
	"net/netip"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DNSResolvConfOverridden finds containers that ask another name server than
// the engine's own.
var DNSResolvConfOverridden = &Check{
	ID:    "dns-resolv-conf-overridden",
	Title: "a container does not ask the engine's resolver",
	Doc: Doc{
		Symptom: "In one service the names of other services are never found; names outside are, or no name is. Addresses work, and a look-up at 127.0.0.11 does, too.",
		Cause: "Names of services are known to the engine's resolver at 127.0.0.11 alone. The container's /etc/resolv.conf names another server first: a file is mounted over it, or the image's start script rewrites it. " +
			"On the default bridge and on the host's network the engine offers no such resolver at all.",
		ByHand: "`docker exec CONTAINER cat /etc/resolv.conf`: its first nameserver must be 127.0.0.11. `docker inspect` of the container (Mounts) and of the service (Mounts, Configs) shows what is mounted at /etc/resolv.conf.",
		Relief: "Take the mount away, or write the engine's line back into the file.",
		Fix:    "Give the engine the other servers as upstreams: `docker service update --dns-add ADDRESS SERVICE`, or \"dns\" in daemon.json. It forwards what it does not know.",
	},
	Needs:   []fact.Kind{fact.KindResolv, fact.KindContainers, fact.KindKernel},
	Side:    FromSide,
	Because: []string{"network-not-shared", "swarm-network-lazy-instantiation"},
	Claims:  anyFailure,
	Run:     resolvConf,
}

func resolvConf(in *In) []Finding {
	var out []Finding
	for _, a := range in.askers() {
		box := in.containerOf(a.End)
		if box == nil {
			in.Blind("the container of %s was not found", a.what())
			continue
		}
		ns := a.Node.Kernel.Sandbox(box.ID)
		switch {
		case strings.HasPrefix(box.NetworkMode, "container:"):
			in.Blind("%s uses another container's network", a.what())
		case !userNetwork(box):
			out = append(out, in.noResolver(&a, box))
		case ns == nil:
			in.Blind("the namespace of %s was not found", a.what())
		case !in.Can(a.Node, ns.Name, fact.KindResolv):
		case ns.Resolv == nil:
			in.Blind("resolv.conf of %s was not read", a.what())
		case len(ns.Resolv.Nameservers) == 0 || ns.Resolv.Nameservers[0] != expect.ResolverAddr:
			out = append(out, in.overridden(&a, box, ns.Resolv.Nameservers))
		}
	}
	return out
}

func (in *In) resolvFinding(a *asker) Finding {
	return Finding{Certainty: Proof, Structural: true, Node: a.Node.Name, Subject: EndSubject(a.End), Impact: ImpactTask,
		Confirm: fmt.Sprintf("on %s: docker exec %.12s cat /etc/resolv.conf", a.Node.Name, a.End.Container)}
}

// noResolver is about a container on networks that have no names of services.
// It rests on the target, too: that the two share no network comes first.
func (in *In) noResolver(a *asker, box *fact.Container) Finding {
	f := in.resolvFinding(a)
	f.Services = in.Scope.ToServices
	on := "the default bridge"
	if box.NetworkMode == "host" {
		on = "the host's network"
	}
	f.Message = fmt.Sprintf("%s is on %s only, where the engine has no resolver for names of services", a.what(), on)
	f.Evidence = []Evidence{{Where: a.Node.Name + ": networks of " + a.End.Name, Want: "a network with the engine's resolver", Got: on}}
	f.Relief = fmt.Sprintf("on %s: docker network connect NETWORK %.12s   # the network of %s", a.Node.Name, a.End.Container, in.Question.To)
	return f
}

func (in *In) overridden(a *asker, box *fact.Container, servers []netip.Addr) Finding {
	f := in.resolvFinding(a)
	how := "its own start script or somebody on the host rewrote the file"
	relief := fmt.Sprintf(`on %s: printf 'nameserver 127.0.0.11\noptions ndots:0\n' >%s`, a.Node.Name, quoted(box.ResolvConfPath))
	if svc := in.Wanted.Service(a.End.Service); svc != nil && svc.ResolvConfMount {
		how, f.Services = "its service mounts a file over it", []fact.ServiceID{svc.ID}
		f.Impact = "all tasks of " + svc.Name
		relief = fmt.Sprintf("on a manager: docker service update --mount-rm /etc/resolv.conf %[1]s\nwhere the mount is a config: docker service update --config-rm NAME %[1]s", quoted(svc.Name))
	} else if box.ResolvConfMount || box.ResolvConfPath == "" {
		how = "something is mounted over it"
		relief = fmt.Sprintf("on %s: start %s anew without the mount over /etc/resolv.conf", a.Node.Name, quoted(a.End.Name))
	} else {
		f.Impact = ImpactNone
	}
	f.Message = fmt.Sprintf("%s asks %s and not the engine's resolver: %s", a.what(), addrList(servers), how)
	f.Evidence = []Evidence{{Where: a.Node.Name + ": /etc/resolv.conf of " + a.End.Name, Want: "nameserver " + expect.ResolverAddr.String(), Got: "nameserver " + addrList(servers)}}
	f.Relief = relief
	return f
}
