package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// DuplicateIPOrVIP finds overlay addresses that two have: by the managers'
// decision, or because a container took one that is somebody else's.
var DuplicateIPOrVIP = &Check{
	ID:    "duplicate-ip-or-vip",
	Title: "two have the same overlay address",
	Doc: Doc{
		Symptom: "A service answers with another one's content, connections fail half of the time, or a container answers in one place and not in another.",
		Cause: "An address of the network is given to two: to two tasks, two services, a task and the gateway. The managers released it too early, changed leader, or were restored from a backup. " +
			"Or somebody added an address by hand inside a container.",
		ByHand: "`docker inspect` of the tasks (NetworksAttachments) and services (VirtualIPs): every address of the network once; in each container's namespace `ip addr`: its own addresses only.",
		Relief: "Take the address away from the one that has it last: a task started anew gets another.",
		Fix:    "Upgrade the managers; after restoring a Swarm from a backup start all its services anew.",
	},
	Needs:  []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindLinks},
	Claims: anyFailure,
	Run:    duplicates,
}

func duplicates(in *In) []Finding {
	var out []Finding
	all := in.holders()
	for i := 0; i < len(all); {
		k := i + 1
		for k < len(all) && all[k].Network == all[i].Network && all[k].Addr == all[i].Addr {
			k++
		}
		if k-i > 1 {
			out = append(out, in.givenTwice(all[i:k]))
		}
		i = k
	}
	for _, o := range in.overlays(fact.KindLinks) {
		for _, p := range in.ports(o.Node, o.Net, o.NS) {
			for _, l := range p.Sandbox.Links {
				for _, a := range l.Addrs {
					if owner := ownerOf(all, &o, &p, l.Name, a.Addr()); owner != nil {
						out = append(out, in.taken(&o, &p, &l, a.String(), owner))
					}
				}
			}
		}
	}
	return out
}

// ownerOf is whose address a container has on one of its links, nil when it is
// its own or nobody's. On lo only a task's counts: a virtual IP may be there.
func ownerOf(all []holder, o *overlay, p *port, link string, a netip.Addr) *holder {
	if p.Kind == "link" || a == p.Prefix.Addr() {
		return nil
	}
	var owner *holder
	for i := range all {
		h := &all[i]
		if h.Addr != a || h.Network != o.Net.ID || h.Subject.Kind != "task" && link == "lo" {
			continue
		}
		if h.Subject.ID == p.Subject.ID {
			return nil
		}
		owner = h
	}
	return owner
}

// givenTwice is about an address that the managers gave away more than once. The
// one that changed last is to give way.
func (in *In) givenTwice(have []holder) Finding {
	last := slices.MaxFunc(have, func(a, b holder) int { return a.compare(&b) })
	f := Finding{Certainty: Proof, Network: last.Network, Subject: last.Subject, Node: last.Node, Structural: true}
	var names []string
	for _, h := range have {
		names = append(names, h.What)
		if h.Task != "" {
			f.Tasks, f.Structural = append(f.Tasks, h.Task), false
			f.Probed = f.Probed || in.failedWith(h.Task)
		}
		if h.Service != "" {
			f.Services = append(f.Services, h.Service)
		}
	}
	f.Message = fmt.Sprintf("%s on %s belongs to %s", last.Addr, in.NetworkName(last.Network), strings.Join(names, " and "))
	f.Evidence = []Evidence{{Where: "addresses of " + in.NetworkName(last.Network), Want: last.Addr.String() + " once", Got: strings.Join(names, ", ")}}
	f.Confirm = fmt.Sprintf("docker network inspect -v %s | grep -n %s", quoted(in.NetworkName(last.Network)), last.Addr)
	f.Relief, f.Impact = last.Relief, ImpactTask
	return f
}

// taken is about an address in a container's namespace that is another's.
func (in *In) taken(o *overlay, p *port, l *fact.Link, addr string, owner *holder) Finding {
	f := Finding{
		Certainty: Proof, Node: o.Node.Name, Network: o.Net.ID, Subject: p.Subject, Probed: in.failedWith(p.Task),
		Message:  fmt.Sprintf("%s on %s has taken %s on %s, which is %s", p.Name, o.Node.Name, addr, o.Net.Name, owner.What),
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: %s of %s", o.Node.Name, l.Name, p.Name), Want: p.Prefix.String(), Got: "also " + addr + ", of " + owner.What}},
		Confirm:  fmt.Sprintf("on %s: %sip addr show %s", o.Node.Name, Enter(p.Sandbox.Name), quoted(l.Name)),
		Relief:   fmt.Sprintf("on %s: %sip addr del %s dev %s", o.Node.Name, Enter(p.Sandbox.Name), addr, quoted(l.Name)),
	}
	if owner.Task != "" {
		f.Tasks = []fact.TaskID{owner.Task}
		f.Probed = f.Probed || in.failedWith(owner.Task)
	}
	return f
}
