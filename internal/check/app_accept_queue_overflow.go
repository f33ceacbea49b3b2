package check

import (
	"cmp"
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// AppAcceptQueueOverflow finds targets whose program does not accept
// connections as fast as they come.
var AppAcceptQueueOverflow = &Check{
	ID:    "app-accept-queue-overflow",
	Title: "the program does not accept connections, and its queue is full",
	Doc: Doc{
		Symptom: "Connections to one task time out, or take one, three, seven seconds; others get through. Pings pass. It comes and goes with load, or stays when the program hangs.",
		Cause: "The kernel keeps finished connections in a queue until the program accepts them. The queue is as long as the program asked for in listen(), at most net.core.somaxconn of the task's namespace. " +
			"When it is full the kernel drops every new SYN in silence.",
		ByHand: "In the task's namespace: `ss -ltn`; Recv-Q above Send-Q means full. `nstat -az TcpExtListenOverflows TcpExtListenDrops` twice: the numbers rise.",
		Relief: "Restart the task if its program hangs; add replicas if it is only busy.",
		Fix:    "Find out why the program accepts slowly (blocked main thread, exhausted workers). For bursts, a larger backlog in listen() and --sysctl net.core.somaxconn for the service.",
	},
	Needs:  []fact.Kind{fact.KindSockets},
	Side:   ToSide,
	Claims: anyFailure,
	Run:    queueOverflow,
}

func queueOverflow(in *In) []Finding {
	var out []Finding
	if in.Scope.Proto != "tcp" {
		return nil
	}
	for _, b := range in.backends() {
		for _, port := range in.Scope.Ports {
			if f, ok := in.overflow(&b, port); ok {
				out = append(out, f)
				break // one finding a task
			}
		}
	}
	return out
}

// overflow wants the state and its effect: a full queue, and the kernel's count
// of dropped connections, or where that was not read, connections that were not
// answered at once. A full queue holds one more than the backlog (kernel:
// sk_acceptq_is_full), and a moment later one less.
func (in *In) overflow(b *backend, port uint16) (Finding, bool) {
	dropped, counted := b.drops()
	tried := in.unanswered(b, port)
	for _, s := range b.on("tcp", port) {
		full := s.BacklogKnown && s.Queue > 0 && s.Queue >= s.Backlog
		if !full || dropped == 0 && (counted || len(tried) == 0) {
			continue
		}
		f := Finding{Certainty: Strong, Node: b.Node.Name, Subject: EndSubject(b.End), Probed: len(tried) > 0,
			Message: fmt.Sprintf("%s on %s does not accept connections: %d wait on port %d, whose queue is full at %d", b.Name, b.Node.Name, s.Queue, port, s.Backlog),
			Confirm: fmt.Sprintf("on %s: %sss -H -ltn sport = :%d", b.Node.Name, Enter(b.NS.Name), port), Impact: ImpactTask,
			Relief: fmt.Sprintf("on %s: docker kill %.12s   # its service starts another one", b.Node.Name, b.Container)}
		f.Evidence = []Evidence{{Where: fmt.Sprintf("%s: accept queue of %s, %s", b.Node.Name, b.Name, s.Local), Want: fmt.Sprintf("at most %d waiting", s.Backlog), Got: fmt.Sprintf("%d waiting", s.Queue)}}
		if dropped > 0 {
			f.Evidence = append(f.Evidence, Evidence{Where: b.Node.Name + ": TcpExt.ListenOverflows of " + b.Name, Want: "no rise", Got: fmt.Sprintf("+%d during the probes", dropped)})
		}
		for _, p := range tried[:min(3, len(tried))] {
			f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s → %s", p.From.Node, p.Target), Want: "open at once", Got: lateness(&p)})
		}
		if b.Task == "" {
			f.Relief, f.Impact = fmt.Sprintf("on %s: docker restart %.12s", b.Node.Name, b.Container), "this container"
		}
		return f, true
	}
	return Finding{}, false
}

// drops is how many connections the task's kernel dropped at full queues while
// the probes ran; counted is false where nobody read it.
func (b *backend) drops() (n uint64, counted bool) {
	for _, name := range []string{"TcpExt.ListenOverflows", "TcpExt.ListenDrops"} {
		if c := b.NS.Counter("", name); c != nil && c.Twice {
			n, counted = max(n, c.Delta()), true
		}
	}
	return n, counted
}

// unanswered lists the connections to a port whose first SYN nobody answered.
func (in *In) unanswered(b *backend, port uint16) []fact.TCPProbe {
	var out []fact.TCPProbe
	for _, net := range in.Scope.Networks {
		for _, p := range in.tried(b, net, port) {
			if p.Late || p.Outcome == fact.Timeout && p.ICMP == nil && !p.Unsent {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(x, y fact.TCPProbe) int {
		return cmp.Or(cmp.Compare(x.From.Node, y.From.Node), cmp.Compare(x.From.Task, y.From.Task))
	})
	return out
}

func lateness(p *fact.TCPProbe) string {
	if p.Late {
		return "open at the second attempt"
	}
	return string(p.Outcome)
}
