package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// DNSNameCollision finds names that two have on one network.
var DNSNameCollision = &Check{
	ID:    "dns-name-collision",
	Title: "two have the same name on one network",
	Doc: Doc{
		Symptom: "A service answers with another one's content now and then, or every so many connections are refused; the name lists more addresses than the service has tasks.",
		Cause: "On one network a name leads to all who have it: a service's name, the aliases that stack files and `--network-alias` give, and the name of a container started by hand. " +
			"Two stacks on a shared network that both call something `db` is the usual way.",
		ByHand: "`dig @127.0.0.11 NAME` in a container's namespace, then `dig -x` for each address: each must name a task of the one service. " +
			"Aliases: `docker service inspect --format '{{json .Spec.TaskTemplate.Networks}}' SERVICE`, `docker inspect` of containers (Aliases).",
		Relief: "Ask for `tasks.SERVICE` where only a container has the name, or take the name away from the one that is not meant.",
		Fix:    "On networks that stacks share, use the full name STACK_SERVICE, and give no alias that another could have.",
	},
	Needs:  []fact.Kind{fact.KindSwarm, fact.KindDNS, fact.KindNetworks, fact.KindContainers},
	Side:   FromSide,
	Claims: anyFailure,
	Run:    nameCollisions,
}

func nameCollisions(in *In) []Finding {
	var out []Finding
	askers := in.askers()
	for _, t := range in.targets() {
		answers := map[string][]netip.Addr{}
		for _, a := range askers {
			if got, ok := in.answer(&a, t.Names[0]); ok {
				answers[t.Names[0]] = append(answers[t.Names[0]], got...)
			}
		}
		for _, net := range in.Scope.Networks {
			t, ok := in.known(t, net)
			if !ok {
				continue
			}
			found, certainty := Finding{}, Hint
			for _, r := range in.rivals(&t, net, answers[t.Names[0]]) {
				hit := slices.ContainsFunc(answers[r.Name], func(a netip.Addr) bool { return slices.Contains(r.Addrs, a) })
				if _, asked := answers[r.Name]; asked && !hit {
					continue // it has the name and nothing to lead to
				}
				if hit {
					certainty = Proof
				}
				in.addRival(&found, &t, &r, net, answers[r.Name])
			}
			if len(found.Evidence) > 0 && !in.told(out, &found) {
				found.Certainty, found.Probed, found.Confirm = certainty, certainty == Proof, "docker network inspect -v "+quoted(in.NetworkName(net))
				if len(askers) > 0 {
					found.Confirm = askers[0].ask(in.netns(&askers[0]), "@127.0.0.11", t.Names[0])
				}
				out = append(out, found)
			}
		}
	}
	return out
}

// addRival adds a rival to the finding about a target.
func (in *In) addRival(f *Finding, t *target, r *rival, net fact.NetworkID, got []netip.Addr) {
	name := in.NetworkName(net)
	slices.SortFunc(got, netip.Addr.Compare)
	e := Evidence{Where: fmt.Sprintf("who has the name %s on %s", r.Name, name), Want: t.What + " only", Got: t.What + " and " + r.What}
	if got = slices.Compact(got); len(got) > 0 {
		e.Got += fmt.Sprintf("; the name leads to %s, of which %s has %s", addrList(got), r.What, addrList(r.Addrs))
	}
	if f.Evidence == nil {
		f.Network, f.Subject, f.Structural, f.Impact = net, t.Subject, true, r.Impact
		f.Message = fmt.Sprintf("the name %s leads on %s to %s and to %s", r.Name, name, t.What, r.What)
	} else {
		f.Message += " and to " + r.What
	}
	f.Evidence = append(f.Evidence, e)
	for _, id := range []fact.ServiceID{t.Service, r.Service} {
		if id != "" && !slices.Contains(f.Services, id) {
			f.Services = append(f.Services, id)
		}
	}
	f.Relief = strings.Trim(f.Relief+"\n"+r.Relief, "\n")
}
