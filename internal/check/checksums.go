package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// miscounted notes the counters of wrong checksums that rose at a pair's
// receiver, in its host's namespace or in the task's. Without any, a sender's
// card of the kind known for it (vmxnet3) is enough to suspect.
func (in *In) miscounted(to *fact.Node, task fact.TaskID, p *pair) bool {
	if to != nil && to.Kernel != nil {
		spaces := []*fact.NetNS{to.Kernel.Host()}
		if to.Engine != nil {
			if c := to.Engine.TaskContainer(task); c != nil {
				spaces = append(spaces, to.Kernel.Sandbox(c.ID))
			}
		}
		for _, ns := range spaces {
			if ns != nil {
				p.Evidence = append(p.Evidence, wrongSums(to, ns)...)
			}
		}
	}
	if len(p.Evidence) > 0 {
		return true
	}
	link, _ := wayTo(p.Node, p.Peer.Addr)
	if host := p.Node.Kernel.Host(); host != nil && link != "" {
		if l := host.LinkNamed(link); l.Driver == "vmxnet3" {
			p.Evidence = append(p.Evidence, Evidence{fmt.Sprintf("%s → %s", p.Node.Name, p.Peer.Name), "connections like echoes", "echoes are answered, connections are not"})
			return true
		}
	}
	return false
}

func wrongSums(n *fact.Node, ns *fact.NetNS) []Evidence {
	var out []Evidence
	for _, name := range []string{"Tcp.InCsumErrors", "Udp.InCsumErrors"} {
		if c := ns.Counter("", name); c != nil && c.Twice && c.Delta() > 0 {
			out = append(out, Evidence{fmt.Sprintf("%s: %s", n.Name, ns.Name), "no packets with wrong checksums", fmt.Sprintf("%d more during the probes (%s)", c.Delta(), name)})
		}
	}
	return out
}

// peerOfNode is a node as a peer of another.
func (in *In) peerOfNode(n, of *fact.Node) expect.Peer {
	for _, p := range expect.Peers(in.Snapshot, in.Scope, of) {
		if p.ID == n.ID {
			return p
		}
	}
	return expect.Peer{ID: n.ID, Name: n.Name, Addr: expect.VTEP(in.Snapshot, n.ID), Control: expect.Advertised(in.Snapshot, n.ID)}
}
