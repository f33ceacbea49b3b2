package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// deafResolver ends every question of web's task on node i with an outcome.
func deafResolver(s *fact.Snapshot, i int, o fact.Outcome) {
	for k := range s.Seen.DNS {
		if p := &s.Seen.DNS[k]; p.From == facttest.Source(i) {
			p.Outcome, p.RCode, p.Addrs = o, "", nil
		}
	}
}

// askBehind adds the question to the resolver's own port.
func askBehind(s *fact.Snapshot, i int, o fact.Outcome) {
	for _, p := range slices.Clone(s.Seen.DNS) {
		if p.From != facttest.Source(i) {
			continue
		}
		for _, sock := range facttest.SandboxOf(s, i, facttest.Web(i)).Sockets {
			if sock.Proto == "udp" {
				p.Server, p.Outcome = sock.Local, o
				s.Seen.DNS = append(s.Seen.DNS, p)
			}
		}
	}
}

func dropResolverSocket(s *fact.Snapshot, i int) {
	ns := facttest.SandboxOf(s, i, facttest.Web(i))
	ns.Sockets = slices.DeleteFunc(ns.Sockets, func(x fact.Socket) bool { return x.Local.Addr() == expect.ResolverAddr })
}

// unread leaves questions in the queue of the resolver's socket.
func unread(s *fact.Snapshot, i int) {
	ns := facttest.SandboxOf(s, i, facttest.Web(i))
	for k := range ns.Sockets {
		if ns.Sockets[k].Proto == "udp" {
			ns.Sockets[k].Queue = 768
		}
	}
}

func TestDNSResolverDead(t *testing.T) {
	id := "dns-resolver-dead"
	w := want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}
	mutations(t, []mutation{
		{name: "rules lead elsewhere", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Refused)
			askBehind(s, 1, fact.Open)
		}, want: w},
		{name: "socket gone", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Refused)
			dropResolverSocket(s, 1)
		}, want: w},
		{name: "engine hung", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Timeout)
			askBehind(s, 1, fact.Timeout)
			unread(s, 1)
		}, want: w},
		{name: "silence, and nothing waits unread", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Timeout)
			askBehind(s, 1, fact.Timeout)
			s.Earlier = facttest.Healthy()
			deafResolver(s.Earlier, 1, fact.Timeout)
			askBehind(s.Earlier, 1, fact.Timeout)
		}, check: id, answer: check.Unknown},
		{name: "rules gone, and the name is not known", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Refused)
			askBehind(s, 1, fact.Timeout)
		}, want: w},
		{name: "one question unanswered of two", mutate: func(s *fact.Snapshot) { s.Seen.DNS[0].Outcome = fact.Timeout },
			check: id, answer: check.OK},
		{name: "on the default bridge there is none", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Refused)
			c := facttest.NodeOf(s, 1).Engine.TaskContainer(facttest.Web(1))
			c.Endpoints = []fact.ContainerEndpoint{{NetworkName: "bridge"}}
		}, want: want{id: "dns-resolv-conf-overridden", node: "n1"}, check: id, answer: check.OK},
		{name: "could not ask", mutate: func(s *fact.Snapshot) { deafResolver(s, 1, fact.ProbeError) }, check: id, answer: check.Unknown},
		{name: "nothing asked", mutate: func(s *fact.Snapshot) { s.Seen.DNS = nil }, check: id, answer: check.Unknown},
	})
}

func TestDNSResolverDeadRelief(t *testing.T) {
	for relief, mutate := range map[string]func(*fact.Snapshot){
		"-p udp -d 127.0.0.11 --dport 53 -j DNAT --to-destination 127.0.0.11:40002\non n1: nsenter --net=/var/run/docker/netns/" + facttest.Sandbox(facttest.Web(1)) +
			" iptables -t nat -I OUTPUT -p tcp -d 127.0.0.11 --dport 53 -j DNAT --to-destination 127.0.0.11:40001": func(s *fact.Snapshot) { askBehind(s, 1, fact.Open) },
		"docker rm -f":             func(s *fact.Snapshot) { dropResolverSocket(s, 1) },
		"systemctl restart docker": func(s *fact.Snapshot) { askBehind(s, 1, fact.Timeout); unread(s, 1) },
	} {
		s := facttest.Healthy()
		deafResolver(s, 1, fact.Timeout)
		mutate(s)
		if c := run(t, s).Causes; len(c) != 1 || !strings.Contains(c[0].Relief, relief) || !strings.HasPrefix(c[0].Relief, "on n1: ") {
			t.Errorf("causes %s, want the relief %q", ids(c), relief)
		}
	}
}
