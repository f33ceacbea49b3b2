package check

import (
	"fmt"
	"slices"
	"time"

	"fairway/internal/fact"
)

// AppWrongPort finds targets in which nothing listens on the port asked for, or
// on a port their service publishes.
var AppWrongPort = &Check{
	ID:    "app-wrong-port",
	Title: "nothing listens on this port in the task",
	Doc: Doc{
		Symptom: "Connections to the task are refused at once, on every network and from every node, while it runs well.",
		Cause: "The program listens on another port, or with the other protocol, or not at all yet. Clients and published ports (target) are configuration that Docker never compares with what a program listens on; " +
			"neither does EXPOSE open anything.",
		ByHand: "In the task's namespace: `ss -ltnu`. The port is not there; what is there is what clients should use.",
		Relief: "Let clients use the port the program listens on, or let the service publish that one.",
		Fix:    "Make the program's port, the published port's target and what clients are told the same.",
	},
	Needs:  []fact.Kind{fact.KindSockets},
	Side:   ToSide,
	Claims: anyFailure,
	Run:    appPort,
}

func appPort(in *In) []Finding {
	var out []Finding
	for _, b := range in.backends() {
		for _, port := range in.portsOf(&b) {
			var tried []fact.TCPProbe
			for _, net := range in.Scope.Networks {
				tried = append(tried, in.tried(&b, net, port)...)
			}
			if len(b.on(in.Scope.Proto, port)) == 0 && !slices.ContainsFunc(tried, opened) {
				out = append(out, in.silentPort(&b, port, b.finding(in, tried)))
				break // one finding a task
			}
		}
	}
	return in.perService(out)
}

func (in *In) silentPort(b *backend, port uint16, f Finding) Finding {
	proto := in.Scope.Proto
	f.Message = fmt.Sprintf("nothing listens on %s port %d in %s on %s; it listens on %s", proto, port, b.Name, b.Node.Name, b.listening())
	f.Evidence = []Evidence{{Where: b.Node.Name + ": sockets of " + b.Name, Want: fmt.Sprintf("%s port %d", proto, port), Got: b.listening()}}
	f.Confirm = fmt.Sprintf("on %s: %sss -H -ltnu", b.Node.Name, Enter(b.NS.Name))
	f.Relief = fmt.Sprintf("on %s: docker logs --tail 50 %.12s   # what it says about the port", b.Node.Name, b.Container)
	if use := in.usable(b); use != 0 {
		f.Relief = fmt.Sprintf("in the clients, use port %d", use)
		if svc := in.Wanted.Service(b.Service); svc != nil {
			if c := retarget(svc, proto, port, use); c != "" {
				f.Relief, f.Impact = f.Relief+"\non a manager: "+c, "all tasks of "+svc.Name
				f.Services = []fact.ServiceID{svc.ID}
			}
		}
	} else if t := in.Wanted.Task(b.Task); len(b.Sockets) == 0 && t != nil && in.Taken.Sub(t.StateSince) < SteadyFor {
		f.Certainty = Hint // a program that is starting has not opened its port yet
		f.Message += fmt.Sprintf(" yet, %s after its start", in.Taken.Sub(t.StateSince).Truncate(time.Second))
	}
	if len(b.on(other(proto), port)) > 0 {
		f.Message += fmt.Sprintf(": the port is open for %s, not for %s", other(proto), proto)
	}
	return f
}

// usable is the one port a program offers to others; 0 for none or several.
func (in *In) usable(b *backend) (port uint16) {
	for _, s := range b.Sockets {
		if s.Proto != in.Scope.Proto || s.Local.Addr().IsLoopback() || s.Local.Port() == port {
			continue
		}
		if port != 0 {
			return 0
		}
		port = s.Local.Port()
	}
	return port
}

func other(proto string) string {
	if proto == "udp" {
		return "tcp"
	}
	return "udp"
}

// retarget is the command that publishes another port of the tasks in place of
// one; empty when that one is not published.
func retarget(svc *fact.Service, proto string, from, to uint16) string {
	for _, p := range svc.Ports {
		if p.Target == from && p.Proto == proto && p.Published != 0 {
			return fmt.Sprintf("docker service update --publish-rm %d/%s --publish-add mode=%s,target=%d,published=%d,protocol=%s %s",
				from, proto, p.Mode, to, p.Published, proto, quoted(svc.Name))
		}
	}
	return ""
}
