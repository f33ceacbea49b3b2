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
	uses, services := in.balanced()
	if len(uses) == 0 {
		return nil
	}
	for _, node := range in.Sighted {
		f := node.Kernel.Feature("ip_vs")
		switch {
		case f == nil:
			in.Blind("%s: whether the kernel has IPVS is not known", node.Name)
		case !f.Present && !f.Loadable:
			out = append(out, in.noIPVS(node, uses, services))
		}
	}
	return out
}

func (in *In) noIPVS(node *fact.Node, uses []string, services []*fact.Service) Finding {
	f := Finding{
		Certainty: Proof, Structural: true, Node: node.Name, Subject: in.NodeSubject(node.ID),
		Message:  fmt.Sprintf("the kernel of %s has no IPVS, but %s", node.Name, strings.Join(uses, " and ")),
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: kernel %s", node.Name, node.Kernel.Release), Want: "ip_vs, for " + strings.Join(uses, " and "), Got: "neither built in nor a module"}},
		Confirm:  fmt.Sprintf("on %s: ls /proc/net/ip_vs; modinfo ip_vs", node.Name),
	}
	var names []string
	for _, s := range services {
		f.Services = append(f.Services, s.ID)
		names = append(names, "tasks."+s.Name)
	}
	f.Relief = "in the clients, use the name " + strings.Join(names, ", ")
	for _, s := range services {
		if c := hostModeCommand(s); c != "" {
			f.Relief, f.Impact = f.Relief+"\non a manager: "+c, ImpactTask
		}
	}
	return f
}

// balanced says what of the question's targets needs IPVS.
func (in *In) balanced() (uses []string, services []*fact.Service) {
	for _, id := range in.Scope.ToServices {
		s := in.Wanted.Service(id)
		if s == nil {
			continue
		}
		before := len(uses)
		for _, v := range s.VIPs {
			if s.EndpointMode == "vip" && slices.Contains(in.Scope.Networks, v.Network) {
				uses = append(uses, fmt.Sprintf("%s has the virtual IP %s on %s", s.Name, v.Addr.Addr(), in.NetworkName(v.Network)))
			}
		}
		for _, p := range s.Ports {
			if p.Mode == "ingress" && p.Published != 0 {
				uses = append(uses, fmt.Sprintf("%s publishes port %d through the routing mesh", s.Name, p.Published))
			}
		}
		if len(uses) > before {
			services = append(services, s)
		}
	}
	return uses, services
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
	return "docker service update" + args + " " + s.Name
}
