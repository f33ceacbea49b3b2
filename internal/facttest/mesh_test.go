package facttest_test

import (
	"net/netip"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

var engines = []string{"20.10.24", "26.1.5", "28.5.2", "29.0.0", "29.0.0-beta.24"}

// TestMeshIsSilent: nothing is wrong with a healthy routing mesh.
func TestMeshIsSilent(t *testing.T) {
	for _, engine := range engines {
		s := facttest.MeshOn(engine)
		r, err := check.Run(s, check.All(), time.Second)
		other, err2 := check.Run(facttest.OnNFTables(facttest.MeshOn(engine)), check.All(), time.Second)
		if err2 != nil || other.Verdict != check.VerdictOK {
			t.Errorf("%s on nf_tables: %v, %s: %+v", engine, err2, other.Summary, other.Causes)
		}
		if err != nil || r.Verdict != check.VerdictOK || len(r.Causes)+len(r.Settling) > 0 {
			t.Errorf("%s: %v, %s: %+v", engine, err, r.Summary, r.Causes)
		}
	}
}

// TestMeshLetsPacketsThrough walks a connection from another node to node 1's
// published port through every namespace on its way.
func TestMeshLetsPacketsThrough(t *testing.T) {
	for _, engine := range engines {
		s := facttest.MeshOn(engine)
		host, sbox := facttest.NodeOf(s, 1).Kernel.Host(), facttest.IngressSandbox(s, 1)
		p := expect.Packet{Src: facttest.VTEP(2), Dst: facttest.VTEP(1), Proto: 6, SrcPort: 40000, DstPort: 8080, Flags: 2, In: "eth0", State: "NEW"}
		pass := func(ns *fact.NetNS, hook string) {
			t.Helper()
			w := expect.Walk(ns, hook, p)
			if w.Fate != expect.Accepted {
				t.Errorf("%s: %s %s: %v by %v: %v", engine, ns.Name, hook, w.Fate, w.By, w.Why)
			}
			p = w.Packet
		}
		pass(host, "prerouting")
		if p.Dst != facttest.SandboxGwIP {
			t.Errorf("%s: sent to %v", engine, p.Dst)
		}
		p.Out = "docker_gwbridge"
		pass(host, "forward")
		p.In, p.Out = "eth1", ""
		pass(sbox, "prerouting")
		if p.Mark != facttest.IngressMark(1) || sbox.IPVS.Service("ip", p.Mark) == nil {
			t.Errorf("%s: mark %#x", engine, p.Mark)
		}
		p.Src, p.Dst, p.In, p.Mark = facttest.IngressLBIP(1), facttest.ApiIngressIP(2), "eth2", 0
		task := facttest.SandboxOf(s, 2, facttest.Api(2))
		pass(task, "prerouting")
		pass(task, "input")
		vip := expect.Walk(facttest.Balancer(s, 1), "input", expect.Packet{Src: facttest.WebIP(1), Dst: facttest.ApiVIP, Proto: 6, DstPort: 8080, In: "eth0", State: "NEW"})
		if vip.Packet.Mark != facttest.ApiMark(1) {
			t.Errorf("%s: a packet to the virtual IP has mark %#x", engine, vip.Packet.Mark)
		}
	}
}

// TestSavedSaysWhatItDoesNotKnow: no rule is half read.
func TestSavedSaysWhatItDoesNotKnow(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("read a rule with an option nobody knows")
		}
	}()
	facttest.Saved(fact.Legacy, "ip", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT --frobnicate -j DROP\n")
}

func TestSaved(t *testing.T) {
	list := facttest.Saved(fact.Legacy, "ip", `*nat
:PREROUTING ACCEPT [5:300]
:X - [0:0]
[7:420] -A PREROUTING ! -i eth0 -p tcp -m tcp --dport 80:81 -m comment --comment "a b" -j DNAT --to-destination 10.0.0.2:8080
-A X -s 10.0.0.0/8 -m conntrack --ctstate RELATED,ESTABLISHED -g PREROUTING
COMMIT
`)
	c := list[0].Chain("PREROUTING")
	r := c.Rules[0]
	if len(list) != 1 || c.Hook != "prerouting" || c.Priority != -100 || c.Hits.Packets != 5 || r.Hits.Bytes != 420 || len(r.Matches) != 4 {
		t.Fatalf("%+v", list)
	}
	in, port, text := r.Matches[0], r.Matches[2], r.Matches[3]
	if !in.Not || in.Iface != "eth0" || port.Ports[0] != (fact.PortRange{First: 80, Last: 81}) || text.Text != "a b" ||
		r.Target.To.First != netip.MustParseAddr("10.0.0.2") || r.Target.Ports.First != 8080 {
		t.Errorf("%+v", r)
	}
	if x := list[0].Chain("X").Rules[0]; x.Target.Kind != fact.TargetGoto || x.Target.Chain != "PREROUTING" || x.Matches[1].States[0] != "RELATED" || x.Hits.Counted {
		t.Errorf("%+v", x)
	}
}
