package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// EndpointModeMismatch finds services whose name does not follow their endpoint
// mode, as it happens when the mode is changed under running tasks.
var EndpointModeMismatch = &Check{
	ID:    "endpoint-mode-mismatch",
	Title: "the service's name does not follow its endpoint mode",
	Doc: Doc{
		Symptom: "After `docker service update --endpoint-mode` the service's name leads to an address that nobody has, beside the right ones, or is not found at all; `tasks.NAME` is right all the while.",
		Cause: "In mode vip a name leads to one virtual address, in mode dnsrr to the tasks. Engines keep the record of the old mode: from vip to dnsrr the old virtual address stays in the name for good, even when the service is removed and made anew; " +
			"from dnsrr to vip the name is lost as soon as the last old task goes (both seen on 20.10, 26.1 and 29). A paused update leaves tasks of both modes.",
		ByHand: "In a client's namespace `dig @127.0.0.11 NAME` and `dig @127.0.0.11 tasks.NAME`, against `docker service inspect --format '{{json .Endpoint}}' NAME`.",
		Relief: "Let clients use `tasks.NAME`. From dnsrr to vip: scale the service to 0 and back, which writes the name anew. From vip to dnsrr: restart the engine on each node whose answer is wrong, one after the other.",
		Fix:    "Do not change the mode of a living service: remove it, wait ten seconds, and make it with the new mode.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindDNS},
	Side:    FromSide,
	Because: []string{"dns-resolver-dead", "vip-disagreement"},
	Claims:  anyFailure,
	Run:     endpointMode,
}

func endpointMode(in *In) []Finding {
	var out []Finding
	for _, id := range in.Scope.ToServices {
		svc := in.Wanted.Service(id)
		if svc == nil {
			continue
		}
		f := Finding{Certainty: Proof, Subject: ServiceSubject(svc), Probed: true}
		var ghosts []netip.Addr
		var nodes []string
		for _, a := range in.askers() {
			plain, tasks := in.heard(&a, svc.Name), in.heard(&a, "tasks."+svc.Name)
			want, odd := in.oddName(svc, plain, tasks)
			if want == "" {
				continue
			}
			ghosts = append(ghosts, odd...)
			f.Confirm = a.ask(in.netns(&a), "@127.0.0.11", svc.Name)
			if !slices.Contains(nodes, a.Node.Name) {
				nodes = append(nodes, a.Node.Name)
				f.Evidence = append(f.Evidence, Evidence{Where: a.Node.Name + ": name " + svc.Name, Want: want, Got: addrList(plain)},
					Evidence{Where: a.Node.Name + ": name tasks." + svc.Name, Want: "the tasks", Got: addrList(tasks)})
			}
		}
		switch moving := svc.UpdateState == "updating" || svc.UpdateState == "rollback_started"; {
		case len(nodes) == 0:
		case moving:
			in.Blind("%s is being updated; its name changes with its tasks", svc.Name)
		default:
			in.modeMessage(&f, svc, ghosts, nodes)
			out = append(out, f)
		}
	}
	return out
}

// heard is every address an asker's resolver gave for a name; none for an error
// and for silence, which is how 20.10 answers for names it cannot look up.
func (in *In) heard(a *asker, name string) []netip.Addr {
	var out []netip.Addr
	for _, p := range in.questions(a, name) {
		out = append(out, p.Addrs...)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// oddName judges a service's own name by that of its tasks: want is empty when
// it is well, or when the tasks have no names either, which is another fault.
func (in *In) oddName(svc *fact.Service, plain, tasks []netip.Addr) (want string, odd []netip.Addr) {
	if len(tasks) == 0 {
		return "", nil
	}
	if svc.EndpointMode == "dnsrr" {
		for _, a := range plain {
			if net := in.networkWith(a); !slices.Contains(tasks, a) && net != nil && in.nobodys(net.ID, a) {
				want, odd = "the tasks only (dnsrr)", append(odd, a)
			}
		}
		return want, odd
	}
	for _, v := range svc.VIPs {
		if slices.Contains(plain, v.Addr.Addr()) {
			return "", nil
		}
		if slices.Contains(in.Scope.Networks, v.Network) {
			want = fmt.Sprintf("%s (vip)", v.Addr.Addr())
		}
	}
	return want, nil
}

func (in *In) modeMessage(f *Finding, svc *fact.Service, ghosts []netip.Addr, nodes []string) {
	slices.Sort(nodes)
	slices.SortFunc(ghosts, netip.Addr.Compare)
	slices.SortFunc(f.Evidence, func(a, b Evidence) int { return strings.Compare(a.Where+a.Got, b.Where+b.Got) })
	if len(ghosts) > 0 {
		f.Message = fmt.Sprintf("%s is in mode dnsrr, but its name still leads to its old virtual address %s, which nobody has", svc.Name, addrList(slices.Compact(ghosts)))
		f.Relief = fmt.Sprintf("let clients use tasks.%s; on %s, one after the other: systemctl restart docker", svc.Name, strings.Join(nodes, ", "))
		f.Impact = "all tasks on " + strings.Join(nodes, ", ")
		if strings.Contains(svc.UpdateState, "paused") {
			f.Relief = fmt.Sprintf("docker service update --force %s; %s", quoted(svc.Name), f.Relief)
		}
		return
	}
	f.Message = fmt.Sprintf("%s is in mode vip, but its name does not lead to its virtual address", svc.Name)
	f.Relief = fmt.Sprintf("let clients use tasks.%s; or docker service scale %s=0 && sleep 5 && docker service scale %s=%d", svc.Name, quoted(svc.Name), quoted(svc.Name), max(1, svc.Replicas))
	f.Impact = impactService(svc)
}
