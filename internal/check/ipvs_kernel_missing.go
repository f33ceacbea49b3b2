package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// IPVSKernelMissing finds nodes whose kernel cannot serve the virtual addresses
// and ingress ports of the question's target.
var IPVSKernelMissing = &Check{
	ID:    "ipvs-kernel-missing",
	Title: "the kernel has no IPVS, which virtual IPs and ingress ports need",
	Doc: Doc{
		Symptom: "The service runs and its tasks answer, `tasks.NAME` resolves to them; the virtual IP that NAME resolves to never answers, and neither does the published port.",
		Cause:   "The engine balances a virtual IP and an ingress port with the kernel's IPVS. Minimal, cloud and custom kernels are built without; the engine logs \"Could not get ipvs family information\" once and carries on.",
		ByHand:  "`ls /proc/net/ip_vs`; `modinfo ip_vs`; `grep IP_VS /boot/config-$(uname -r)`.",
		Relief:  "Let clients use the name tasks.NAME, which gives the addresses of the tasks themselves.",
		Fix:     "Run a kernel with CONFIG_IP_VS, IP_VS_RR, IP_VS_NFCT and NETFILTER_XT_MATCH_IPVS; or use endpoint mode dnsrr and publish ports in host mode.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindKernel},
	Run:   ipvsKernel,
}

func ipvsKernel(in *In) []Finding {
	var out []Finding
	var without []*fact.Node
	asked := false
	for _, id := range in.Scope.ToServices {
		s := in.Wanted.Service(id)
		if s == nil {
			continue
		}
		uses := in.balanced(s)
		if len(uses) > 0 && !asked {
			without, asked = in.noIPVS(), true
		}
		if len(uses) > 0 && len(without) > 0 {
			out = append(out, in.unbalanced(s, uses, without))
		}
	}
	return out
}

// noIPVS lists the nodes whose kernel has none, by name.
func (in *In) noIPVS() []*fact.Node {
	var out []*fact.Node
	for _, node := range in.Sighted {
		f := node.Kernel.Feature("ip_vs")
		switch {
		case f == nil:
			in.Blind("%s: whether the kernel has IPVS is not known", node.Name)
		case !f.Present && !f.Loadable:
			out = append(out, node)
		}
	}
	slices.SortFunc(out, func(a, b *fact.Node) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// unbalanced is one finding a service, whichever nodes cannot serve it.
func (in *In) unbalanced(s *fact.Service, uses []string, without []*fact.Node) Finding {
	f := Finding{Certainty: Proof, Structural: true, Node: without[0].Name, Subject: ServiceSubject(s), Services: []fact.ServiceID{s.ID}}
	f.Message = fmt.Sprintf("the %s of %s %s no IPVS, but %s", plural(len(without), "kernel", "kernels"), listed(hostNames(without)), plural(len(without), "has", "have"), strings.Join(uses, " and "))
	var confirm []string
	for _, node := range without {
		f.Nodes = append(f.Nodes, node.ID)
		f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: kernel %s", node.Name, node.Kernel.Release), Want: "ip_vs, for " + strings.Join(uses, " and "), Got: "neither built in nor a module"})
		confirm = append(confirm, fmt.Sprintf("on %s: ls /proc/net/ip_vs", node.Name))
	}
	f.Confirm = strings.Join(confirm, "\n")
	f.Relief = "in the clients, use the name tasks." + s.Name
	if c := hostModeCommand(s); c != "" {
		f.Relief, f.Impact = f.Relief+"\non a manager: "+c, ImpactTask
	}
	return f
}

// balanced says what of a service needs IPVS.
func (in *In) balanced(s *fact.Service) (uses []string) {
	for _, v := range s.VIPs {
		if s.EndpointMode == "vip" && slices.Contains(in.Scope.Networks, v.Network) {
			uses = append(uses, fmt.Sprintf("%s has the virtual IP %s on %s", s.Name, v.Addr.Addr(), in.NetworkName(v.Network)))
		}
	}
	apart := in.Question.From != "" && len(in.Scope.Networks) == 0 && len(in.Scope.Mesh) == 0
	for _, p := range s.Ports {
		// Between two that share no network, a published port is not in question.
		if p.Mode == "ingress" && p.Published != 0 && !apart {
			uses = append(uses, fmt.Sprintf("%s publishes port %d through the routing mesh", s.Name, p.Published))
		}
	}
	return uses
}

// hostModeCommand publishes the ingress ports on the tasks' own hosts instead,
// restarting the tasks one after the other; empty when there are none.
func hostModeCommand(s *fact.Service) string {
	var args string
	for _, p := range s.Ports {
		if p.Mode == "ingress" && p.Published != 0 {
			args += fmt.Sprintf(" --publish-rm %d/%s --publish-add mode=host,target=%d,published=%d,protocol=%s", p.Target, p.Proto, p.Target, p.Published, p.Proto)
		}
	}
	if args == "" {
		return ""
	}
	return "docker service update" + args + " " + quoted(s.Name)
}
