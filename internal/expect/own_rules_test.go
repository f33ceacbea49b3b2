package expect_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestHostOwnRules(t *testing.T) {
	for _, engine := range []string{"20.10.24", "26.1.5", "28.5.2", "29.0.0", "29.0.0-beta.24"} {
		n := facttest.NodeOf(facttest.MeshOn(engine), 1)
		if r := expect.HostOwnRules(n); r.Expected != 4 || len(r.Missing) != 0 || !r.Chains || r.Backend != fact.Legacy || r.Inside == 0 || r.Inside > r.Of {
			t.Errorf("%s: %+v", engine, r)
		}
		n.Kernel.Host().Netfilter = &fact.Netfilter{}
		if r := expect.HostOwnRules(n); r.Expected != 4 || len(r.Missing) != 4 || r.Chains || r.Backend != fact.Legacy {
			t.Errorf("%s, emptied: %+v", engine, r)
		}
	}
}

func TestMasqueraded(t *testing.T) {
	sub := fact.Subnet{Prefix: netip.MustParsePrefix("172.18.0.0/16")}
	for rule, want := range map[string]expect.Tri{
		"-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE":                      expect.Yes,
		"-A POSTROUTING -s 172.16.0.0/12 -j MASQUERADE":                                           expect.Yes,
		"-A POSTROUTING -o eth0 -j SNAT --to-source 192.0.2.1":                                    expect.Yes,
		"-A POSTROUTING -s 172.18.0.4/32 -d 172.18.0.4/32 -p tcp -m tcp --dport 80 -j MASQUERADE": expect.No,
		"-A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE":            expect.No,
		"-A POSTROUTING ! -s 172.18.0.0/16 -j MASQUERADE":                                         expect.No,
		"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE":                              expect.No,
	} {
		host := &fact.NetNS{Netfilter: &fact.Netfilter{Tables: facttest.Saved(fact.NFTables, "ip", "*nat\n:POSTROUTING ACCEPT [0:0]\n"+rule+"\nCOMMIT\n")}}
		if got := expect.Masqueraded(host, sub); got != want {
			t.Errorf("%s: %v, want %v", rule, got, want)
		}
	}
	if c := expect.Masquerade(sub); c != "-t nat -A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE" {
		t.Error(c)
	}
}

func TestLegs(t *testing.T) {
	n := facttest.NodeOf(facttest.Mesh(), 1)
	legs := expect.Legs(n, expect.GatewayNetwork(n))
	if len(legs) != 3 {
		t.Fatalf("%d legs, want those of api, web and the ingress sandbox", len(legs))
	}
	for _, l := range legs {
		if l.Veth == nil || !strings.HasPrefix(l.Veth.Name, "vethgw") || expect.DefaultRoute(l.NS) == nil {
			t.Errorf("%s: %+v", l.NS.Name, l)
		}
	}
	if !expect.NeedsGateway(n) || expect.GatewayAddr(expect.GatewayNetwork(n)) != netip.MustParsePrefix("172.18.0.1/16") {
		t.Error("the gateway bridge is not as it should be")
	}
}

func TestDepartAndAsk(t *testing.T) {
	s := facttest.Mesh()
	n := facttest.NodeOf(s, 1)
	if w, why := expect.Depart(s, n); why != "" || w.Fate != expect.Accepted {
		t.Errorf("%s %+v", why, w)
	}
	for _, proto := range []string{"tcp", "udp"} {
		want := map[string]uint16{"tcp": 40001, "udp": 40002}[proto]
		if w := expect.AskResolver(facttest.SandboxOf(s, 1, facttest.Web(1)), proto); w.Packet.DstPort != want || w.Packet.Dst != expect.ResolverAddr {
			t.Errorf("%s: %+v", proto, w)
		}
	}
	if w, ok := expect.Let(s, n, expect.Carried{Peer: facttest.VTEP(2), Proto: "udp", Port: 4789}, true); !ok || w.Stopped() {
		t.Errorf("%v %+v", ok, w)
	}
	if _, ok := expect.Let(s, n, expect.Carried{Proto: "udp", Port: 4789}, true); ok {
		t.Error("a packet from nowhere was walked")
	}
}
