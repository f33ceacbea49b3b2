package check

import (
	"net/netip"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// publishedTask is one running task behind a published port, with the walk of a
// request into it.
type publishedTask struct {
	expect.TaskArrival
	Node *fact.Node
	NS   *fact.NetNS
	End  *expect.End
	Port *expect.Published
	// At is its address on the ingress network.
	At netip.Addr
}

// publishedTasks walks every published port of the routing mesh in question
// into every task behind it that runs where the check can judge.
func (in *In) publishedTasks() []publishedTask {
	var out []publishedTask
	for i := range in.Scope.Mesh {
		p := &in.Scope.Mesh[i]
		for k := range in.Scope.To {
			e := &in.Scope.To[k]
			at := e.Addr(p.Network)
			n := in.Node(e.Node)
			if p.Network == "" || e.Service != p.Service || !e.Running || !at.IsValid() || n == nil || n.Kernel == nil || !in.serves(n) {
				continue
			}
			ns := n.Kernel.Sandbox(e.Container)
			if ns == nil {
				in.Blind("%s: the namespace of %s was not found", n.Name, e.Name)
				continue
			}
			if !in.Can(n, ns.Name, fact.KindRules, fact.KindLinks) {
				continue
			}
			a, why := expect.ArriveInTask(ns, p, at)
			if why != "" {
				in.Blind("%s: %s could not be followed: %s", n.Name, e.Name, why)
				continue
			}
			out = append(out, publishedTask{a, n, ns, e, p, at})
		}
	}
	return out
}

// serves: the kernel of the node has IPVS, without which the engine writes no
// rules for published ports.
func (in *In) serves(n *fact.Node) bool {
	f := n.Kernel.Feature("ip_vs")
	return f == nil || f.Present
}

func (t *publishedTask) finding(in *In, message string) Finding {
	f := Finding{Certainty: Proof, Node: t.Node.Name, Network: t.Port.Network, Subject: EndSubject(t.End), Message: message,
		Services: []fact.ServiceID{t.Port.Service}, Nodes: []fact.NodeID{t.Node.ID}}
	if t.End.Task != "" {
		f.Tasks = []fact.TaskID{t.End.Task}
	}
	for i := range in.Seen.Published {
		q := &in.Seen.Published[i]
		if q.Service == t.Port.Service && q.Published == t.Port.Port.Published && ailing(q) && (q.Stage == fact.StageNode || q.Stage == fact.StageSelf || q.Target.Addr() == t.At) {
			f.Probed = true
		}
	}
	return f
}
