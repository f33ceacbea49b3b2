package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// AppBoundToLoopback finds targets whose program takes connections from inside
// its own container only.
var AppBoundToLoopback = &Check{
	ID:    "app-bound-to-loopback",
	Title: "the program listens on 127.0.0.1 only",
	Doc: Doc{
		Symptom: "Connections to the task are refused at once from everywhere; from inside its own container the same port answers, and so may its health check.",
		Cause:   "The program listens on 127.0.0.1 or ::1, the default of many. Connections from other containers arrive at the task's address on the network, where nobody listens.",
		ByHand:  "In the task's namespace: `ss -ltn`. The port stands behind 127.0.0.1 or [::1] instead of 0.0.0.0, * or the task's own address.",
		Relief:  "Relay from the task's address to 127.0.0.1 with socat, in its namespace.",
		Fix:     "Have the program listen on 0.0.0.0 (or [::]): usually one setting, such as --host, --bind, HOST or listen_addresses.",
	},
	Needs:  []fact.Kind{fact.KindSockets},
	Side:   ToSide,
	Claims: anyFailure,
	Run:    boundToLoopback,
}

func boundToLoopback(in *In) []Finding {
	var out []Finding
	for _, b := range in.backends() {
		for _, port := range in.portsOf(&b) {
			if f, ok := in.onLoopback(&b, port); ok {
				out = append(out, f)
				break // one finding a task
			}
		}
	}
	return in.perService(out)
}

// onLoopback judges by the first shared network: loopback is none of them.
func (in *In) onLoopback(b *backend, port uint16) (Finding, bool) {
	for _, net := range in.Scope.Networks {
		f, socks, ok := in.bound(b, net, port)
		if !ok || slices.ContainsFunc(socks, func(s fact.Socket) bool { return !s.Local.Addr().Unmap().IsLoopback() }) {
			continue
		}
		f.Message = fmt.Sprintf("%s on %s listens on %s %s only: nobody outside its container can connect", b.Name, b.Node.Name, in.Scope.Proto, socks[0].Local)
		return f, true
	}
	return Finding{}, false
}
