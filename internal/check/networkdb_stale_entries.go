package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// NetworkDBStaleEntries finds what gossip still tells of tasks that are gone.
var NetworkDBStaleEntries = &Check{
	ID:    "networkdb-stale-entries",
	Title: "gossip still tells of a task that is gone",
	Doc: Doc{
		Symptom: "Every so many connections to a service hang or are refused; `tasks.SERVICE` and the load balancer lead to the address of a task that ended long ago.",
		Cause:   "The engine that owned the task died before it could withdraw the entry, or a node that had missed the deletion brought it back with a bulk sync.",
		ByHand:  "`docker network inspect -v NETWORK` on every node: Services lists a task that `docker service ps SERVICE` does not know, or knows to have ended. The nodes that list it hold the entry.",
		Relief:  "Find the owner first: the node with the entry's host address, which no longer has the task. Drain it and restart its engine; restarts of others do not remove the entry.",
		Fix:     "Upgrade the engines (deletions are lost rarely since 18.03); stop engines in good order, and drain a node before it is taken away.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks},
	Because: []string{"gossip-7946-blocked", "gossip-udp-blocked", "gossip-split-islands", "dockerd-hung", "duplicate-node-identity"},
	Claims:  anyFailure,
	Run:     staleEntries,
}

func staleEntries(in *In) []Finding {
	var out []Finding
	for _, e := range in.entries() {
		why := in.gone(&e)
		if why == "" {
			continue
		}
		f := in.staleEntry(&e, why)
		if i := slices.IndexFunc(out, func(o Finding) bool { return o.key() == f.key() }); i >= 0 {
			out[i].Evidence = append(out[i].Evidence, f.Evidence...)
			continue
		}
		out = append(out, f)
	}
	return out
}

// gone says why a task cannot be there any more; empty where it may. An entry is
// withdrawn up to a minute after a task's end.
func (in *In) gone(e *entry) string {
	t := in.Wanted.Task(e.ID)
	owner := in.Node(e.Owner)
	switch {
	case e.ID == "": // a container of its own: the managers know nothing of it
		if !e.Task.HostIP.IsValid() || e.Owner != "" || in.isPeer(e.Net.ID, e.Task.HostIP) {
			return ""
		}
		return fmt.Sprintf("no node has its host address %s", e.Task.HostIP)
	case t != nil && (!t.Terminal() || t.Draining(in.Taken)):
		return ""
	case owner != nil && owner.Engine.TaskContainer(e.ID) != nil:
		return "" // it stops, and its engine knows
	case t != nil && (in.Taken.Sub(t.StateSince) < lingers || in.Taken.Sub(t.Updated) < lingers):
		in.Blind("%s ended less than a minute ago; its entry may go yet", e.Task.Name)
		return ""
	case t != nil:
		return fmt.Sprintf("it is %s for %s", t.State, in.since(t.StateSince))
	case owner == nil && e.Owner != "" && in.Taken.Sub(e.Service.Updated) < lingers:
		in.Blind("%s is not known to the managers, and may be stopping on %s, which was not looked at", e.Task.Name, in.NodeName(e.Owner))
		return ""
	case e.Owner == "":
		return "the managers do not know it, and no node has its host address"
	}
	return "the managers do not know it"
}

func (in *In) staleEntry(e *entry, why string) Finding {
	f := Finding{Certainty: Strong, Network: e.Net.ID, Subject: Subject{Kind: "network", ID: string(e.Net.ID), Name: e.Net.Name},
		Message: fmt.Sprintf("%s still %s of %s at %s on %s, but %s", listed(e.Holders), plural(len(e.Holders), "tells", "tell"), e.Task.Name, e.Task.IP, e.Net.Name, why)}
	if e.ID == "" {
		f.Certainty = Hint // a node with a data path address of its own may have it
	}
	if e.Service.ID != "" {
		f.Subject = ServiceSubject(&e.Service)
	}
	for _, n := range e.Lookers {
		ev := Evidence{fmt.Sprintf("%s: services of %s", n, e.Net.Name), "only tasks that run", "also " + e.Task.Name + ", " + e.Task.IP.String()}
		if !slices.Contains(e.Holders, n) {
			ev.Got = "only tasks that run" // so the entry is not everywhere
		}
		f.Evidence = append(f.Evidence, ev)
	}
	if len(e.Holders) == 1 && len(e.Lookers) > 1 && len(in.unlooked()) == 0 {
		f.Node, f.Impact = e.Holders[0], ImpactNode(e.Holders[0]) // the others know better
		f.Relief = restartEngine(f.Node)
	} else {
		if e.Owner != "" {
			f.Node = in.NodeName(e.Owner)
		}
		f.Relief, f.Impact = in.disown(e.Owner, e.Task.HostIP)
	}
	f.Confirm = fmt.Sprintf("on %s: docker network inspect -v %s | grep -A3 %s", e.Holders[0], quoted(e.Net.Name), quoted(e.Task.Name))
	return f
}
