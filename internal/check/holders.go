package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// holder is somebody who was given an address of an overlay.
type holder struct {
	Network fact.NetworkID
	Addr    netip.Addr
	Subject Subject
	// What it is, for people.
	What    string
	Task    fact.TaskID
	Service fact.ServiceID
	// Node is the host name of a task's node, else empty.
	Node string
	// Since is when it got its address, as far as anybody knows.
	Since time.Time
	// Relief makes it give the address back; empty where nothing does.
	Relief string
}

// compare orders holders by who is to give way: tasks after services after what
// belongs to the network itself, the newest last.
func (h *holder) compare(o *holder) int {
	rank := func(h *holder) int { return slices.Index([]string{"network", "service", "task"}, h.Subject.Kind) }
	return cmp.Or(rank(h)-rank(o), h.Since.Compare(o.Since), strings.Compare(h.What, o.What))
}

// holders lists who has which overlay address, by network and address. Tasks
// that are not wanted any more are left out: theirs are being given back.
func (in *In) holders() []holder {
	var out []holder
	for _, n := range in.Wanted.Networks {
		for _, s := range n.Subnets {
			if n.Driver == "overlay" && s.Gateway.IsValid() {
				out = append(out, holder{Network: n.ID, Addr: s.Gateway, Subject: in.NetworkSubject(n.ID), What: "the gateway of " + n.Name})
			}
		}
	}
	for i := range in.Wanted.Services {
		out = append(out, serviceAddrs(&in.Wanted.Services[i])...)
	}
	for i := range in.Wanted.Tasks {
		if t := &in.Wanted.Tasks[i]; t.Desired == "running" && !t.Terminal() {
			out = append(out, in.taskAddrs(t)...)
		}
	}
	for _, o := range in.overlays() {
		for _, e := range o.Net.Endpoints {
			if balancer(e.Key) {
				out = append(out, holder{Network: o.Net.ID, Addr: e.Addr.Addr(), Subject: in.NetworkSubject(o.Net.ID), What: "the load balancer of " + o.Node.Name})
			}
		}
	}
	out = slices.DeleteFunc(out, func(h holder) bool { return !h.Addr.IsValid() })
	slices.SortFunc(out, func(a, b holder) int {
		return cmp.Or(strings.Compare(string(a.Network), string(b.Network)), a.Addr.Compare(b.Addr), a.compare(&b))
	})
	return slices.CompactFunc(out, func(a, b holder) bool { return a.Network == b.Network && a.Addr == b.Addr && a.What == b.What })
}

func serviceAddrs(s *fact.Service) []holder {
	var out []holder
	for _, v := range s.VIPs {
		out = append(out, holder{Network: v.Network, Addr: v.Addr.Addr(), Subject: ServiceSubject(s), What: "the virtual IP of " + s.Name,
			Service: s.ID, Since: s.Created, Relief: fmt.Sprintf("on a manager: docker service update --endpoint-mode dnsrr %s", quoted(s.Name))})
	}
	return out
}

func (in *In) taskAddrs(t *fact.Task) []holder {
	var out []holder
	node := in.NodeName(t.Node)
	relief := ""
	if t.Container != "" {
		relief = fmt.Sprintf("on %s: docker rm -f %s", node, t.Container[:min(12, len(t.Container))])
	}
	for _, a := range t.Addresses {
		out = append(out, holder{Network: a.Network, Addr: a.Addr.Addr(), Subject: TaskSubject(t), What: expect.NameOf(t),
			Task: t.ID, Node: node, Since: t.Created, Relief: relief})
	}
	return out
}
