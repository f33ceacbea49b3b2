package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// ruledOut starts a finding about a service that no node may run: the nodes that
// are away, the constraints, the ports that are taken. reason is the one that
// stands out, in one clause; empty when there is none.
func (in *In) ruledOut(svc *fact.Service, said string) (f Finding, reason string) {
	f = Finding{Certainty: Proof, Subject: ServiceSubject(svc), Structural: true, Confirm: "docker service ps --no-trunc " + quoted(svc.Name),
		Relief: "docker service update --force " + quoted(svc.Name), Impact: impactService(svc)}
	away := in.away()
	for _, n := range away {
		f.Evidence = append(f.Evidence, Evidence{Where: "node " + n.Hostname, Want: "active, ready", Got: n.Availability + ", " + n.State})
	}
	constraints := slices.Sorted(slices.Values(svc.Constraints))
	for _, c := range constraints {
		f.Evidence = append(f.Evidence, Evidence{Where: "constraint of " + svc.Name, Want: "a node that satisfies it and takes tasks", Got: c})
	}
	only := in.pinned(svc)
	switch {
	case only != nil && slices.Contains(away, only):
		reason = fmt.Sprintf("the constraint node.hostname==%s leaves only %s, and %s is %s", only.Hostname, only.Hostname, only.Hostname, absence(only))
		f.Relief, f.Impact = giveBack(only), ImpactNone
	case strings.Contains(said, "constraints not satisfied") && len(constraints) > 0:
		reason = fmt.Sprintf("no node that takes tasks satisfies %s", strings.Join(constraints, " and "))
		f.Relief = fmt.Sprintf("docker service update --constraint-rm %s %s", quoted(constraints[0]), quoted(svc.Name))
	case strings.Contains(said, "host-mode port already in use"):
		reason = in.portTaken(svc, &f)
	case strings.Contains(said, "max replicas per node") && len(away) == 0:
		reason = fmt.Sprintf("%d replicas, at most %d on a node, and %d nodes", svc.Replicas, svc.MaxPerNode, len(in.Wanted.Nodes))
		f.Relief, f.Impact = fmt.Sprintf("docker service update --replicas-max-per-node %d %s", svc.MaxPerNode+1, quoted(svc.Name)), impactService(svc)
	case len(away) > 0:
		reason = fmt.Sprintf("%s is %s", away[0].Hostname, absence(away[0]))
		if len(away) > 1 {
			reason = fmt.Sprintf("%s, and %d more are away; the rest cannot take more", reason, len(away)-1)
		}
		f.Relief, f.Impact = giveBack(away[0]), ImpactNone
	}
	return f, reason
}

// away lists the nodes that take no new tasks.
func (in *In) away() []*fact.SwarmNode {
	var out []*fact.SwarmNode
	for i := range in.Wanted.Nodes {
		if n := &in.Wanted.Nodes[i]; n.Availability != "active" || n.State != "ready" {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *fact.SwarmNode) int { return strings.Compare(a.Hostname, b.Hostname) })
	return out
}

// absence says why a node takes no tasks.
func absence(n *fact.SwarmNode) string {
	switch {
	case n.State != "ready":
		return n.State
	case n.Availability == "drain":
		return "drained"
	case n.Availability == "pause":
		return "paused"
	}
	return n.Availability
}

func giveBack(n *fact.SwarmNode) string {
	if n.State != "ready" {
		return fmt.Sprintf("on %s: systemctl start docker   # the managers see it %s", n.Hostname, n.State)
	}
	return "docker node update --availability active " + quoted(n.Hostname)
}

// pinned is the one node a constraint on the host name leaves, nil when there is
// none such.
func (in *In) pinned(svc *fact.Service) *fact.SwarmNode {
	for _, c := range svc.Constraints {
		c = strings.ReplaceAll(c, " ", "")
		name, ok := strings.CutPrefix(c, "node.hostname==")
		if !ok {
			continue
		}
		for i := range in.Wanted.Nodes {
			if in.Wanted.Nodes[i].Hostname == name {
				return &in.Wanted.Nodes[i]
			}
		}
	}
	return nil
}

// portTaken names who holds the host-mode ports a service asks for.
func (in *In) portTaken(svc *fact.Service, f *Finding) (reason string) {
	for _, p := range sortedPorts(svc) {
		if p.Mode != "host" || p.Published == 0 {
			continue
		}
		port := fmt.Sprintf("%d/%s", p.Published, p.Proto)
		holders := in.holdersOf(svc, p)
		if len(holders) > 0 {
			reason = fmt.Sprintf("host port %s is taken by %s", port, strings.Join(holders, ", "))
			f.Evidence = append(f.Evidence, Evidence{Where: "host port " + port, Want: "free on some node", Got: "taken by " + strings.Join(holders, ", ")})
		}
		f.Relief = fmt.Sprintf("docker service update --publish-rm %d/%s --publish-add mode=host,published=FREEPORT,target=%d,protocol=%s %s", p.Target, p.Proto, p.Target, p.Proto, quoted(svc.Name))
	}
	return reason
}

// holdersOf lists the services whose running tasks hold a host port; the
// service's own when it wants more tasks than there are nodes.
func (in *In) holdersOf(svc *fact.Service, p fact.Port) []string {
	var out []string
	for _, o := range in.Wanted.Services {
		same := slices.ContainsFunc(o.Ports, func(q fact.Port) bool {
			return q.Mode == "host" && q.Published == p.Published && q.Proto == p.Proto
		})
		runs := slices.ContainsFunc(in.Wanted.Tasks, func(t fact.Task) bool { return t.ServiceID == o.ID && t.Running() })
		if same && runs && o.ID != svc.ID {
			out = append(out, o.Name)
		} else if same && runs {
			out = append(out, svc.Name+" itself (one task a node)")
		}
	}
	slices.Sort(out)
	return out
}

func sortedPorts(svc *fact.Service) []fact.Port {
	return slices.SortedFunc(slices.Values(svc.Ports), func(a, b fact.Port) int {
		return cmp.Or(int(a.Published)-int(b.Published), int(a.Target)-int(b.Target), strings.Compare(a.Proto, b.Proto))
	})
}
