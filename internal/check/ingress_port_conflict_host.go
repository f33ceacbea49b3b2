package check

import (
	"cmp"
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressPortConflict finds hosts on which another program holds a published
// port.
var IngressPortConflict = &Check{
	ID:    "ingress-port-conflict-host",
	Title: "another program of a host holds a published port",
	Doc: Doc{
		Symptom: "On one node a published port answers with another program's pages, or does not work; the engine's log says \"failed to create proxy for port\".",
		Cause: "The engine reserves each published port on every node by listening on it. Where a process of the host or a container's own published port was there first, that fails, " +
			"and the engine may write no rule for the port either. Requests from outside that do have a rule never reach the other program; the host's own may.",
		ByHand: "`ss -ltnp 'sport = :PORT'` (or -lunp): the process must be dockerd.",
		Relief: "Stop or move the other program, then publish the service anew.",
		Fix:    "Give each program a port of its own; keep published ports out of the ranges that hosts use themselves.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindSockets},
	Because: []string{"daemon-iptables-disabled"},
	Run:     ingressConflict,
}

func ingressConflict(in *In) []Finding {
	var out []Finding
	for i := range in.Scope.Mesh {
		p := &in.Scope.Mesh[i]
		if p.Network == "" {
			continue
		}
		for _, n := range in.meshNodes() {
			host := n.Kernel.Host()
			if host == nil || !in.Can(n, host.Name, fact.KindSockets) {
				continue
			}
			if s := in.rival(host, p); s != nil {
				out = append(out, in.conflict(n, p, s))
			}
		}
	}
	return out
}

// rival is a socket on the port that is surely not the engine's; nil when there
// is none. A socket whose owner nobody knows is the engine's where it looks like
// its reservation: on all addresses, owned by root.
func (in *In) rival(host *fact.NetNS, p *expect.Published) *fact.Socket {
	for i := range host.Sockets {
		s := &host.Sockets[i]
		if s.Proto != p.Port.Proto || s.Local.Port() != p.Port.Published || s.Local.Addr().IsLoopback() {
			continue
		}
		switch {
		case s.Owner == "dockerd" || s.Owner == "docker-proxy":
		case s.Owner != "", s.UID != 0:
			return s
		}
	}
	return nil
}

func (in *In) conflict(n *fact.Node, p *expect.Published, s *fact.Socket) Finding {
	who := fmt.Sprintf("a process of user %d", s.UID)
	if s.Owner != "" {
		who = fmt.Sprintf("%s (pid %d)", s.Owner, s.PID)
	}
	f := Finding{Certainty: Proof, Node: n.Name, Network: p.Network, Subject: in.NodeSubject(n.ID), Services: []fact.ServiceID{p.Service}, Nodes: []fact.NodeID{n.ID},
		Message:  fmt.Sprintf("%s listens on port %d/%s of %s, which %s publishes", who, p.Port.Published, p.Port.Proto, n.Name, p.Name),
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: socket on %s", n.Name, s.Local), Want: "dockerd", Got: cmp.Or(s.Owner, fmt.Sprintf("user %d", s.UID))}},
		Confirm:  fmt.Sprintf("on %s: ss -Hlpn --%s 'sport = :%d'", n.Name, p.Port.Proto, p.Port.Published), Impact: ImpactTask}
	f.Probed = in.portFails(n.ID, p, fact.StageNode) || in.portFails(n.ID, p, fact.StageSelf)
	f.Relief = fmt.Sprintf("on %s: stop or move %s.\non a manager: docker service update --force %s", n.Name, who, quoted(p.Name))
	return f
}
