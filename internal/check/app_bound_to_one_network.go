package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// AppBoundToOneNetwork finds targets whose program listens on its address of
// another network than the one the question's connections take.
var AppBoundToOneNetwork = &Check{
	ID:    "app-bound-to-one-network",
	Title: "the program listens on its address of one network only",
	Doc: Doc{
		Symptom: "The task answers on one of its networks and refuses on another, or through published ports. After a restart it may be the other way round.",
		Cause:   "The program listens on one address, often because it looked its own host name up at the start. A task has an address on each of its networks, and which one it finds first is not fixed.",
		ByHand:  "In the task's namespace: `ip -br addr` and `ss -ltn`. The port stands behind one of the addresses, and not behind the one that clients connect to.",
		Relief:  "Relay from the address that clients use to the one the program listens on with socat, in the task's namespace.",
		Fix:     "Have the program listen on 0.0.0.0 (or [::]), not on what its host name resolves to.",
	},
	Needs:  []fact.Kind{fact.KindSockets},
	Side:   ToSide,
	Claims: anyFailure,
	Run:    boundToOne,
}

func boundToOne(in *In) []Finding {
	var out []Finding
	for _, b := range in.backends() {
		for _, net := range in.Scope.Networks {
			for _, port := range in.portsOf(&b) {
				f, socks, ok := in.bound(&b, net, port)
				i := slices.IndexFunc(socks, func(s fact.Socket) bool { return !s.Local.Addr().Unmap().IsLoopback() })
				if !ok || i < 0 {
					continue
				}
				f.Network = net
				f.Message = fmt.Sprintf("%s on %s listens on %s %s only, not on %s, its address on %s", b.Name, b.Node.Name, in.Scope.Proto, socks[i].Local, b.Addr(net), in.NetworkName(net))
				f.Relief = b.relay(in.Scope.Proto, b.Addr(net), socks[i].Local)
				out = append(out, f)
				break // one finding a task and network
			}
		}
	}
	return in.perService(out)
}
