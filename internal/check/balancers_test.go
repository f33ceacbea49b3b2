package check_test

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// balancing are the checks of load balancers.
var balancing = []*check.Check{check.LBSandboxMissing, check.LBEndpointUnreachable, check.VIPDisagreement, check.LBVIPNotProgrammed, check.IngressMarkMissing,
	check.FWMarkRule, check.IPVSDestMissing, check.IPVSDestStale, check.IPVSWeightStuck, check.IPVSSNATMissing, check.DSRMisconfiguration}

// balanceSilent expects all of them to be content.
func balanceSilent(t *testing.T, s *fact.Snapshot) {
	t.Helper()
	r, err := check.Run(s, balancing, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Checks {
		if a.Answer != check.OK {
			t.Errorf("%s is %s: %s", a.ID, a.Answer, a.Reason)
		}
	}
}

// publishAlso adds a port to api, with the same mark as its others.
func publishAlso(s *fact.Snapshot, proto string, published, target uint16) {
	svc := s.Wanted.ServiceNamed("api")
	svc.Ports = append(svc.Ports, fact.Port{Proto: proto, Target: target, Published: published, Mode: "ingress"})
	for i := 1; i <= 3; i++ {
		mangled(facttest.IngressSandbox(s, i), first(fmt.Sprintf("-A PREROUTING -p %s -m %s --dport %d -j MARK --set-xmark %#x/0xffffffff", proto, proto, published, facttest.IngressMark(i))))
	}
}

func TestHealthyBalancersAreSilent(t *testing.T) {
	for name, f := range map[string]func(s *fact.Snapshot){
		"two ports":                   func(s *fact.Snapshot) { publishAlso(s, "tcp", 9090, 90) },
		"tcp and udp on one number":   func(s *fact.Snapshot) { publishAlso(s, "udp", 8080, 8080) },
		"rules of iptables-nft":       func(s *fact.Snapshot) { facttest.OnNFTables(s) },
		"direct server return":        facttest.DSR,
		"virtual IPs without traffic": func(s *fact.Snapshot) { s.Seen = fact.Seen{} },
		"a node without tasks": func(s *fact.Snapshot) {
			unbalanced(s, 3)
			n := facttest.NodeOf(s, 3)
			n.Engine.Containers = nil
			for i := range n.Engine.Networks {
				if net := &n.Engine.Networks[i]; net.ID == facttest.Ingress {
					net.Endpoints = net.Endpoints[:1]
				}
				if net := &n.Engine.Networks[i]; net.ID == facttest.App {
					net.Instantiated, net.Endpoints, net.Services, net.Peers = false, nil, nil, nil
				}
			}
			n.Kernel.Namespaces = slices.DeleteFunc(n.Kernel.Namespaces, func(ns fact.NetNS) bool { return ns.Network == facttest.App || ns.Role == fact.RoleContainer })
			for i := range s.Wanted.Tasks {
				if t := &s.Wanted.Tasks[i]; t.Node == n.ID {
					t.Node = facttest.Node(1)
				}
			}
		},
		"a port in host mode": func(s *fact.Snapshot) {
			svc := s.Wanted.ServiceNamed("web")
			svc.Ports = append(svc.Ports, fact.Port{Proto: "tcp", Target: 80, Published: 80, Mode: "host"})
		},
		"a kernel without IPVS is another's": func(s *fact.Snapshot) {
			k := facttest.NodeOf(s, 2).Kernel
			k.Features[0].Present = false
			unbalanced(s, 2)
			k.Namespaces = slices.DeleteFunc(k.Namespaces, func(ns fact.NetNS) bool { return ns.Role == fact.RoleIngress })
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []*fact.Snapshot{vipAsked("26.1.5"), meshAsked("26.1.5"), facttest.Whole(vipAsked("28.5.2"))} {
				f(s)
				if name == "a kernel without IPVS is another's" {
					s.Question.Published, s.Question.All = 0, false
					s.Question.From, s.Question.To = "web", "api"
				}
				balanceSilent(t, s)
			}
		})
	}
}

// TestBalancersNoPanic: nor may a case file with virtual IPs and a routing mesh
// break a check.
func TestBalancersNoPanic(t *testing.T) {
	for seed := range uint64(300) {
		s := vipAsked("26.1.5")
		if seed%2 == 0 {
			s = meshAsked("28.5.2")
		}
		if seed%3 == 0 {
			facttest.DSR(s)
			unmarked(s)
			unaliased(s)
		}
		if seed%5 == 0 {
			leftover(apiVirtual(s), "10.0.1.77")
			forget(ingressVirtual(s), 2)
		}
		facttest.Mangle(s, seed)
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("seed %d: %v\n%s", seed, r, debug.Stack())
				}
			}()
			_, _ = check.Run(s, check.All(), 0)
		}()
	}
}

// unled takes backends of node i's balancers away: node k's task of api.
func unled(s *fact.Snapshot, i, k int) {
	for _, v := range []*fact.VirtualService{virtualOf(facttest.Balancer(s, i), facttest.ApiMark(i)), virtualOf(facttest.IngressSandbox(s, i), facttest.IngressMark(i))} {
		v.Backends = slices.DeleteFunc(v.Backends, func(r fact.RealServer) bool {
			return r.Addr.Addr() == facttest.ApiIP(k) || r.Addr.Addr() == facttest.ApiIngressIP(k)
		})
	}
}

// TestBackendsFollowGossip: what gossip does not tell, IPVS cannot have. That is
// no fault of its own.
func TestBackendsFollowGossip(t *testing.T) {
	for id, f := range map[string]func(s *fact.Snapshot){
		"gossip-7946-blocked": func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			unled(s, 1, 3)
		},
		"underlay-peer-unreachable": func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			failPeer(s, 1, 3, "manager", fact.Timeout)
			unled(s, 1, 3)
		},
		"dockerd-hung": func(s *fact.Snapshot) {
			hang(s, 3)
			s.Wanted.Node(facttest.Node(3)).State = "ready"
			unled(s, 1, 3)
			unled(s, 2, 3)
		},
	} {
		for way, asked := range map[string]func(string) *fact.Snapshot{"virtual IP": vipAsked, "published port": meshAsked} {
			t.Run(id+" "+way, func(t *testing.T) {
				r := run(t, lookedTwice(func() *fact.Snapshot {
					s := asked("26.1.5")
					f(s)
					return s
				}))
				if len(r.Causes) != 1 || r.Causes[0].ID != id || !contains(strings.Join(r.Causes[0].Explains, "\n"), "ipvs-dest-missing") {
					t.Errorf("causes %s, elsewhere %s, explains %q", ids(r.Causes), ids(r.Elsewhere), r.Causes)
				}
			})
		}
	}
}
