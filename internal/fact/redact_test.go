package fact_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

var seed = []byte("a seed that everybody knows")

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRedactIsDeterministic(t *testing.T) {
	one, map1 := fact.Redact(facttest.Mesh(), seed)
	two, map2 := fact.Redact(facttest.Mesh(), seed)
	if asJSON(t, one) != asJSON(t, two) || asJSON(t, map1) != asJSON(t, map2) {
		t.Error("the same seed gives two redactions")
	}
	if other, _ := fact.Redact(facttest.Mesh(), []byte("another")); asJSON(t, one) == asJSON(t, other) {
		t.Error("two seeds give one redaction")
	}
}

func TestRedactLeavesTheOriginalAlone(t *testing.T) {
	s := facttest.Mesh()
	s.Earlier = facttest.Mesh()
	before := asJSON(t, s)
	fact.Redact(s, seed)
	if d := cmp.Diff(before, asJSON(t, s)); d != "" {
		t.Error(d)
	}
}

func TestRedactTwice(t *testing.T) {
	s := facttest.Mesh()
	once, _ := fact.Redact(s, seed)
	twice, _ := fact.Redact(once, []byte("another"))
	for _, w := range append(facttest.Redacted(s, once), facttest.Redacted(once, twice)...) {
		t.Error(w)
	}
}

func TestAliasesLeadBothWays(t *testing.T) {
	s, a := fact.Redact(facttest.Mesh(), seed)
	web := a.Alias["web"]
	if web == "" || a.Original[web] != "web" || s.Wanted.ServiceNamed(web) == nil {
		t.Errorf("web is %q, and that is %q", web, a.Original[web])
	}
	if len(a.Alias) != len(a.Original) {
		t.Errorf("%d aliases of %d originals", len(a.Original), len(a.Alias))
	}
	if got := a.Text("web.1 of app, 10.0.1.22"); got != fmt.Sprintf("%s.1 of %s, %s", web, a.Alias["app"], a.Alias["10.0.1.22"]) {
		t.Errorf("words from elsewhere: %s", got)
	}
}

// taken has names of all sorts, real in shape.
func taken() *fact.Snapshot {
	s := facttest.Mesh()
	w := s.Wanted
	w.Services[0].Name, w.Services[1].Name = "shop_payments", "shop_web"
	w.Services[0].Constraints = []string{"node.labels.rack == basement-7", "node.hostname!=db.corp.example"}
	for i := range w.Tasks {
		w.Tasks[i].Service = map[string]string{"api": "shop_payments", "web": "shop_web"}[w.Tasks[i].Service]
	}
	w.Nodes[0].Hostname, s.Nodes[0].Name = "db.corp.example", "db.corp.example"
	s.Nodes[0].Engine.ID = "0f3a8d2c-1b7e-4f60-9a55-c0ffee123456"
	s.Nodes[1].Engine.ID = "ABCD:EF23:ABCD:EF23:ABCD:EF23:ABCD:EF23:ABCD:EF23:ABCD:EF23"
	s.Question = fact.Question{From: "shop_web", To: "shop_payments.2", HTTP: &fact.HTTPQuestion{Host: "pay.corp.example", Path: "/private/cart?id=7"}}
	box := facttest.SandboxOf(s, 1, facttest.Api(1))
	box.Resolv = &fact.ResolvConf{Search: []string{"corp.example", "prod.corp.example"}, Options: []string{"ndots:0"}}
	return s
}

// TestRedactSentences is what becomes of words: what stands before ⇒ must not be
// readable afterwards, as far as it is in braces.
func TestRedactSentences(t *testing.T) {
	id := string(facttest.App)
	for _, line := range []string{
		`time="2026-11-23T10:00:00Z" level=warning msg="memberlist: Refuting a suspect message (from: {db}-{3f9ab0c1d2e4})"`,
		"task {shop_payments}.2.{api2000000000000000000000} on {db.corp.example}: exit 1",
		"dial tcp {10.77.0.12}:7946: connect: no route to host",
		"lookup {shop_web} on 127.0.0.11:53: no such host",
		"{shop_web}: \\n{shop_payments}\\t{10.0.1.22}\\u0026{shop_web} %2F{shop_payments}",
		"add {fd00:1234::10}/64 dev eth0, [{2001:db8:77::1}]:4789, {fe80::42:aff:fe00:103}%eth0, ::1, fe80::/64",
		"IN=eth0 MAC={02:42:0a:00:01:15}:{02:42:0a:00:01:16}:08:00 SRC={10.0.1.22} DST=224.0.0.1",
		"{22.1.0.10}.in-addr.arpa. PTR",
		"netns 1-{" + id[:10] + "}, lb_{" + id[:9] + "}, vx-001001-{" + id[:5] + "}, veth{3f9ab0c}, br-{4be1c2d3e4f5}",
		"container {4be1c2d3e4f54be1c2d3e4f54be1c2d3e4f54be1c2d3e4f54be1c2d3e4f54be1} died",
		"engine {0f3a8d2c-1b7e-4f60-9a55-c0ffee123456} and {ABCD:EF23:ABCD:EF23:ABCD:EF23:ABCD:EF23:ABCD:EF23:ABCD:EF23}",
		`level=error msg=gone net={gone-net} nid={j38kqcpvzpsk} network {j38kqcpvzpskewjs4ng2aq02a}`,
		`No such image: {registry.corp.test:5000/team/app}:1.2@sha256:{4be1c2d3e4f54be1c2d3e4f54be1c2d3e4f54be1c2d3e4f54be1c2d3e4f54be1}`,
		`Head "https://{mirror.test}/v2/{team/other}/manifests/1": dial tcp: lookup {mirror.test} on 127.0.0.53:53: no such host`,
		"see https://docs.docker.com/go/guides, subnet=x",
		"no suitable node (scheduling constraints not satisfied on 3 nodes)",
		"host-mode port already in use on 1 node",
		"Linux 6.18.0 at 10:00:00, 12:34:56.789, version 26.1.5, mark 0x1a2b3c4d, vni 4097, ports 4789/udp",
		"network docker_gwbridge of 0.0.0.0/0 and 255.255.255.255, ingress_sbox in chain DOCKER-INGRESS",
		"{shopkeeper}", // shop is a stack's name, this is nobody's
	} {
		s := taken()
		plain := strings.NewReplacer("{", "", "}", "").Replace(line)
		s.Wanted.Tasks[0].Err = plain
		redacted, _ := fact.Redact(s, seed)
		got := redacted.Wanted.Tasks[0].Err
		rest := line
		for {
			from, to := strings.IndexByte(rest, '{'), strings.IndexByte(rest, '}')
			if from < 0 {
				break
			}
			secret := rest[from+1 : to]
			if strings.Contains(got, secret) != (secret == "shopkeeper") {
				t.Errorf("%s\nbecame %s: what of %s", plain, got, secret)
			}
			rest = rest[to+1:]
		}
		if !strings.Contains(line, "{") && got != plain {
			t.Errorf("%s\nbecame %s; it names nobody", plain, got)
		}
		for _, w := range facttest.Redacted(s, redacted) {
			t.Error(w)
		}
	}
}

// TestRedactHostsOfOrdinaryWords: a host may be called what a sentence says; its
// whole name is no word.
func TestRedactHostsOfOrdinaryWords(t *testing.T) {
	for _, host := range []string{"Do.1", "node.no", "manager.corp.example", "worker.2.lan"} {
		s := taken()
		s.Wanted.Nodes[0].Hostname = host
		s.Wanted.Tasks[0].Err = "do not ask the manager or worker " + host + ": no node"
		redacted, _ := fact.Redact(s, seed)
		for _, w := range facttest.Redacted(s, redacted) {
			t.Errorf("%s: %s", host, w)
		}
		want := "do not ask the manager or worker " + redacted.Wanted.Nodes[0].Hostname + ": no node"
		if got := redacted.Wanted.Tasks[0].Err; got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// TestRedactRandomMACs: engines 20.10 and 26.1 give a bridge 02:42 and four random bytes,
// which may look like an address that stays.
func TestRedactRandomMACs(t *testing.T) {
	s := taken()
	host := s.Nodes[0].Kernel.Host()
	var macs []fact.MAC
	for _, first := range []byte{0, 127, 224, 237, 240, 255, 10, 169} {
		m := fact.MAC{0x02, 0x42, first, 0xc1, 0x82, 0x19}
		macs = append(macs, m)
		host.Links = append(host.Links, fact.Link{Index: 500 + len(macs), Name: "docker0", Kind: "bridge", MAC: m})
	}
	// Of an overlay in such a range the engine makes them all the same.
	real := netip.MustParseAddr("240.1.2.3")
	host.Neighbours = append(host.Neighbours, fact.Neighbour{IP: real, MAC: fact.OverlayMAC(real)})
	redacted, _ := fact.Redact(s, seed)
	b, err := json.Marshal(redacted)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range macs {
		if strings.Contains(string(b), m.String()) {
			t.Errorf("%s can still be read", m)
		}
	}
	for _, w := range facttest.Redacted(s, redacted) {
		t.Error(w)
	}
}

func TestRedactKeepsRelations(t *testing.T) {
	s := taken()
	id := string(facttest.App)
	s.Gaps = append(s.Gaps, fact.Gap{Node: "n2", NetNS: "1-" + id[:10], Reason: "read FDB of 1-" + id[:10] + " (lb_" + id[:9] + ") on n2, of db-3f9ab0c1d2e4"})
	r, a := fact.Redact(s, seed)
	net := string(r.Wanted.Networks[0].ID)
	if n := r.Nodes[1].Kernel.Overlays(fact.NetworkID(net)); len(n) != 1 || n[0].Name != "1-"+net[:10] {
		t.Errorf("the namespace of %s: %+v", net, n)
	}
	g := r.Gaps[len(r.Gaps)-1]
	if g.NetNS != "1-"+net[:10] || !strings.Contains(g.Reason, "(lb_"+net[:9]+") on "+r.Nodes[1].Name+", of "+a.Alias["db"]+"-") {
		t.Errorf("gap %+v of %s on %s", g, net, r.Nodes[1].Name)
	}
	if h := r.Nodes[0].Name; h != a.Alias["db"]+"."+a.Alias["corp.example"] {
		t.Errorf("host %s", h)
	}
	if c := r.Wanted.Services[0].Constraints; len(c) != 2 || c[1] != "node.hostname!="+r.Nodes[0].Name || !strings.HasPrefix(c[0], "node.labels.label-") {
		t.Errorf("constraints %q", c)
	}
	if to := r.Question.To; to != a.Alias["shop_payments"]+".2" {
		t.Errorf("to %s", to)
	}
}

// FuzzRedactText: no words break it, and what it leaves it leaves again.
func FuzzRedactText(f *testing.F) {
	f.Add("web.1 at 10.0.1.22/24, fd00::1, 02:42:0a:00:01:15, 1-netapp0000 \\u00 %2 ::")
	_, a := fact.Redact(taken(), seed)
	f.Fuzz(func(t *testing.T, s string) {
		if got := a.Text(s); got == "" && s != "" {
			t.Errorf("%q is gone", s)
		}
	})
}

func TestRedactMangled(t *testing.T) {
	for n := range uint64(150) {
		s := facttest.Mesh()
		facttest.Mangle(s, n)
		fact.Redact(s, seed)
	}
}

// drawAddr draws addresses that are near each other, near the edges of their
// subnets, and special ones.
func drawAddr(t *rapid.T) netip.Addr {
	near := rapid.SampledFrom([]string{"10.0.0.0", "10.0.1.0", "10.255.255.255", "172.17.0.0", "172.18.0.1", "172.31.255.255", "192.168.0.0", "192.168.1.255",
		"100.64.1.1", "169.254.0.1", "203.0.113.0", "8.8.8.8", "52.1.2.3", "11.0.0.0", "127.0.0.11", "0.0.0.0", "255.255.255.255", "224.0.0.251",
		"fd00::", "fd00:1::1", "fe80::1", "fe80::42:aff:fe00:103", "2001:db8::", "2a00:1450::5", "::1", "::", "ff02::1", "::ffff:10.0.1.3"}).Draw(t, "near")
	b := netip.MustParseAddr(near).AsSlice()
	for range rapid.IntRange(0, 2).Draw(t, "changes") {
		b[len(b)-1-rapid.IntRange(0, 1).Draw(t, "byte")] = rapid.Byte().Draw(t, "value")
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func TestRedactAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &fact.Snapshot{Nodes: []fact.Node{{Kernel: &fact.Kernel{Namespaces: []fact.NetNS{{}}}}}}
		ns := &s.Nodes[0].Kernel.Namespaces[0]
		for range rapid.IntRange(1, 25).Draw(t, "addresses") {
			a := drawAddr(t)
			ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: a, MAC: fact.OverlayMAC(a)})
			bits := rapid.IntRange(0, a.BitLen()).Draw(t, "bits")
			if bits > 64 {
				bits = 128 // where addresses are made of MAC addresses, no subnet has more than 64
			}
			if !a.Is4In6() {
				p := netip.PrefixFrom(a, bits)
				ns.Routes = append(ns.Routes, fact.Route{Dst: p.Masked()})
				ns.Links = append(ns.Links, fact.Link{Addrs: []netip.Prefix{p}})
			}
		}
		redacted, _ := fact.Redact(s, seed)
		for _, w := range facttest.Redacted(s, redacted) {
			if !strings.Contains(w, "still be read") { // with prefixes of any length there may be no other address
				t.Error(w)
			}
		}
	})
}

// TestRedactHostsBesideSubnets: a host of a wide subnet does not become its first
// address, even where subnets within let its bits turn.
func TestRedactHostsBesideSubnets(t *testing.T) {
	for _, list := range [][]string{
		{"172.17.0.0/15", "172.17.0.0/16"},
		{"172.19.0.0/15", "172.19.0.1/16"},
		{"172.20.0.0/13", "172.20.0.0/16"},
		{"10.1.0.0/15", "10.1.0.0/16"},
	} {
		ns := fact.NetNS{Links: []fact.Link{{}}}
		for _, p := range list {
			ns.Links[0].Addrs = append(ns.Links[0].Addrs, netip.MustParsePrefix(p))
		}
		s := &fact.Snapshot{Nodes: []fact.Node{{Kernel: &fact.Kernel{Namespaces: []fact.NetNS{ns}}}}}
		redacted, _ := fact.Redact(s, seed)
		for _, w := range facttest.Redacted(s, redacted) {
			t.Errorf("%s: %s", list, w)
		}
	}
}

// TestRedactPlacesOfURLs: the name of a URL's host got a final dot, and questions
// for it have none; both stay the same name.
func TestRedactPlacesOfURLs(t *testing.T) {
	for _, name := range []string{facttest.DB, "intranet"} {
		s := facttest.Outside(facttest.Mesh())
		s.Question.To = name + "."
		for k := range s.Seen.DNS {
			if d := &s.Seen.DNS[k]; d.Name == facttest.DB {
				d.Name = name
			}
		}
		h, a := fact.Redact(s, seed)
		if asked := a.Alias[name] + "."; h.Question.To != asked || strings.Contains(asJSON(t, h), name) {
			t.Errorf("%s is %q, and the question is about %q", name, asked, h.Question.To)
		}
	}
}

func TestRedactNames(t *testing.T) {
	name := rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9]{1,7}([-_.][a-z0-9]{1,6}){0,2}`).
		Filter(func(s string) bool { return !fact.Ordinary(s) }) // which nobody can tell from the word
	rapid.Check(t, func(t *rapid.T) {
		s := facttest.Mesh()
		names := rapid.SliceOfNDistinct(name, 5, 5, rapid.ID).Draw(t, "names")
		w := s.Wanted
		w.Services[0].Name, w.Services[1].Name, w.Networks[0].Name, w.Networks[1].Name, w.Nodes[0].Hostname = names[0], names[1], names[2], names[3], names[4]
		gap := rapid.SampledFrom([]string{" ", ": ", `"`, "(", "/", "=", "@", `\n`, "\\\"", "[", ","})
		text := ""
		for _, n := range names {
			text += gap.Draw(t, "gap") + n
		}
		w.Tasks[0].Err = text
		redacted, _ := fact.Redact(s, seed)
		for _, c := range facttest.Redacted(s, redacted) {
			t.Errorf("%q: %s", names, c)
		}
	})
}
