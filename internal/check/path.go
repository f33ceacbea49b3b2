package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// Path is the way of a request to a published port on one node, hop by hop.
type Path struct {
	From string `json:"from"`
	To   string `json:"to"`
	Hops []Hop  `json:"hops"`
}

// Hop is one station of a path.
type Hop struct {
	Hop    string `json:"hop"`
	Node   string `json:"node"`
	Answer Answer `json:"answer"`
	// Why names what is wrong or not known.
	Why string `json:"why,omitempty"`
	// Counter is the kernel's count there, and how much it rose while we asked.
	Counter string `json:"counter,omitempty"`
}

// station is a hop and the checks that judge it.
type station struct {
	hop     string
	checks  []string
	counter func(n *fact.Node, p *expect.Published) string
}

// stations are the hops of the routing mesh in the order a packet meets them
// (reference: "Ingress path, hop by hop").
var stations = []station{
	{"published port of the host", []string{"ingress-network-unusable", "publish-mode-host-expectation", "ingress-port-conflict-host", "ingress-ipv6-blackhole"}, nil},
	{"published port in the rules of the host", []string{"daemon-iptables-disabled", "firewall-flush", "ingress-chain-missing", "ingress-port-rule-missing", "ingress-dnat-wrong-target"}, dnatCounter},
	{"PREROUTING and FORWARD", []string{"iptables-backend-split", "ingress-input-dropped", "ingress-forward-dropped", "conntrack-full"}, nil},
	{"gateway bridge", []string{"gwbridge-missing-or-conflict"}, nil},
	{"ingress_sbox", []string{"ingress-sbox-missing", "lb-endpoint-unreachable"}, nil},
	{"firewall mark in ingress_sbox", []string{"ingress-mark-or-lb-missing", "fwmark-rule-missing-or-conflicting"}, markCounter},
	{"IPVS in ingress_sbox", []string{"ipvs-kernel-missing", "ipvs-dest-missing", "ipvs-dest-stale", "ipvs-weight-stuck",
		"ipvs-idle-timeout-900", "ipvs-conn-reuse-delay", "ipvs-udp-sticky-blackhole"}, ipvsCounter},
	{"SNAT in ingress_sbox", []string{"ipvs-snat-or-vs-conntrack-missing"}, nil},
	{"overlay to the tasks' nodes", []string{"underlay-peer-unreachable", "underlay-vxlan-udp-blocked", "gossip-7946-blocked", "peer-not-programmed", "fdb-missing", "fdb-stale-vtep",
		"overlay-neigh-missing", "overlay-neigh-wrong-mac", "overlay-port-down-or-unenslaved"}, nil},
	{"REDIRECT in the task", []string{"ingress-redirect-missing"}, nil},
	{"firewall in the task", []string{"app-firewall-inside"}, nil},
	{application, []string{"task-not-running", "task-not-discoverable", "app-wrong-port", "app-bound-to-loopback", "app-bound-to-one-network", "app-accept-queue-overflow"}, nil},
}

// application is the last hop.
const application = "application"

// failsAtHome says how a published port's application answers on its own
// loopback, where nothing is in its way; empty where it does, or was not asked.
func (j *judge) failsAtHome(p *expect.Published) string {
	for i := range j.s.Seen.Published {
		q := &j.s.Seen.Published[i]
		if q.Stage != fact.StageTask || q.Service != p.Service || q.Published != p.Port.Published || !ailing(q) {
			continue
		}
		row := HostRow{Outcome: fact.Open}
		row.add(q)
		return fmt.Sprintf("%s, asked on its own loopback, answers: %s", j.name(q.To, ""), cmp.Or(row.Error, string(row.Outcome)))
	}
	return ""
}

// paths are the ways through the routing mesh, one a published port and node.
func (j *judge) paths() []Path {
	var out []Path
	for i := range j.sc.Mesh {
		p := &j.sc.Mesh[i]
		if p.Network == "" {
			continue
		}
		for _, id := range j.sc.Nodes {
			out = append(out, j.path(p, id))
		}
	}
	return out
}

func (j *judge) path(p *expect.Published, id fact.NodeID) Path {
	node := expect.NodeName(j.s, id)
	out := Path{From: fmt.Sprintf("%s:%d", node, p.Port.Published), To: p.Name}
	n := j.s.Node(id)
	for _, st := range stations {
		h := Hop{Hop: st.hop, Node: node, Answer: OK}
		switch why := j.found(&st, node, p); {
		case why != "":
			h.Answer, h.Why = Failed, why
		case st.hop == application && j.failsAtHome(p) != "":
			h.Answer, h.Why = Failed, j.failsAtHome(p)
		case n == nil || n.Kernel == nil:
			h.Answer, h.Why = Unknown, node+" was not looked at"
		default:
			if why := j.unjudged(&st, node); why != "" {
				h.Answer, h.Why = Unknown, why
			} else if st.counter != nil {
				h.Counter = st.counter(n, p)
			}
		}
		out.Hops = append(out.Hops, h)
	}
	return out
}

// found is what a station's checks found for this node, a cause or a consequence.
func (j *judge) found(st *station, node string, p *expect.Published) string {
	for _, list := range [][]*located{j.causes, j.elsewhere} {
		for _, root := range list {
			for _, f := range append([]*located{root}, flatten(root)...) {
				if slices.Contains(st.checks, f.check.ID) && f.concerns(j.s, node, p) {
					return f.check.ID + ": " + f.Message
				}
			}
		}
	}
	return ""
}

// concerns: it is about this node, or about what stands behind the port on any.
func (f *located) concerns(s *fact.Snapshot, node string, p *expect.Published) bool {
	if f.Network != "" && f.Network != p.Network {
		return false
	}
	if f.Node == node || f.Peer == node && f.Peer != "" {
		return true
	}
	return slices.Contains([]string{"firewall in the task", application, "REDIRECT in the task"}, hopOf(f.check.ID)) && touchesService(s, &f.Finding, p.Service) ||
		f.Node == "" && (f.Subject.Kind != "service" || touchesService(s, &f.Finding, p.Service))
}

func hopOf(id string) string {
	for _, st := range stations {
		if slices.Contains(st.checks, id) {
			return st.hop
		}
	}
	return ""
}

// unjudged says why a station could not be judged on a node; empty when it was.
func (j *judge) unjudged(st *station, node string) string {
	for _, r := range j.ran {
		if !slices.Contains(st.checks, r.check.ID) {
			continue
		}
		for _, b := range r.blind {
			who, _, about := strings.Cut(b, ": ")
			if !about || who == node || j.s.NodeNamed(who) == nil && !strings.HasPrefix(b, "not looked at") {
				return b
			}
		}
	}
	return ""
}

// rose is a counter in words.
func rose(h fact.Hits, of string) string {
	if !h.Counted {
		return ""
	}
	s := fmt.Sprintf("%s %d %s", of, h.Packets, plural(int(min(h.Packets, 2)), "packet", "packets"))
	if h.Twice {
		s += fmt.Sprintf(", %d more while asked", h.Delta())
	}
	return s
}

func dnatCounter(n *fact.Node, p *expect.Published) string {
	r := expect.IngressDNAT(n, p)
	if r == nil {
		return ""
	}
	return rose(r.Hits, "DNAT")
}

func markCounter(n *fact.Node, p *expect.Published) string {
	r := expect.IngressMark(n, p)
	if r == nil {
		return ""
	}
	return rose(r.Hits, fmt.Sprintf("MARK %#x", r.Target.Value))
}

func ipvsCounter(n *fact.Node, p *expect.Published) string {
	v := expect.IngressVirtual(n, p)
	if v == nil {
		return ""
	}
	s := fmt.Sprintf("%d backends, %d connections", len(v.Backends), v.Stats.Conns)
	if v.Stats.Twice && v.Stats.After >= v.Stats.Conns {
		s += fmt.Sprintf(", %d more while asked", v.Stats.After-v.Stats.Conns)
	}
	return s
}
