//go:build linux && (amd64 || arm64)

package check_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// save is a namespace of a lab's node n1, whose service api publishes 8080: what
// `iptables-nft-save -c` and `ip6tables-nft-save -c` printed there, its addresses
// and what `ipvsadm -Sn` printed. Engines of Debian 12 to 14, Linux 7.2.
type save struct {
	kind, ip4, ip6 string
	links          []fact.Link
	ipvs           string
}

// saves reads a file of them.
func saves(t *testing.T, path string) []save {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []save
	for _, part := range strings.Split(string(b), "#= ")[1:] {
		kind, rest, _ := strings.Cut(part, "\n")
		s := save{kind: kind}
		for line := range strings.Lines(rest) {
			switch f := strings.Fields(line); {
			case f[0] == "#addr":
				s.links = append(s.links, fact.Link{Index: len(s.links) + 1, Name: f[1], Addrs: []netip.Prefix{netip.MustParsePrefix(f[2])}})
			case f[0] == "#ipvs":
				s.ipvs += line
			}
		}
		s.ip4, s.ip6, _ = strings.Cut(rest, "#ip6\n")
		out = append(out, s)
	}
	if len(out) != 5 {
		t.Fatalf("%s has %d namespaces", path, len(out))
	}
	return out
}

var withoutIPVS = regexp.MustCompile(`(?m)^.* -m ipvs .*\n`)

// alike are the same rules as they were saved, and as decoded after they were
// restored through each backend.
func (s save) alike(t *testing.T) map[string]*fact.NetNS {
	t.Helper()
	saved := &fact.Netfilter{Tables: slices.Concat(facttest.Saved(fact.Legacy, "ip", s.ip4), facttest.Saved(fact.Legacy, "ip6", s.ip6))}
	countedTwice(saved)
	out := map[string]*fact.NetNS{"saved": {Name: s.kind, Links: s.links, Netfilter: saved}}
	for _, b := range backends {
		n := newTable(t, b)
		n.run(withoutIPVS.ReplaceAllString(s.ip4, ""), "iptables-restore", "-c")
		if s.ip6 != "" {
			n.run(s.ip6, "ip6tables-restore", "-c")
		}
		read := n.read()
		putBack(read, saved, b)
		out[string(b)] = &fact.NetNS{Name: s.kind, Links: s.links, Netfilter: read}
		if d := cmp.Diff(saved, read, same); d != "" {
			t.Errorf("%s, -saved +read:\n%s", b, d)
		}
	}
	return out
}

// TestSavedRulesRestored: what real engines wrote reads the same through either
// backend, and every packet that its rules could tell from another takes the same
// way through all three.
func TestSavedRulesRestored(t *testing.T) {
	files, err := filepath.Glob("testdata/saved/*.txt")
	if err != nil || len(files) != len(engineAges) {
		t.Fatal(files, err)
	}
	for _, file := range files {
		all := saves(t, file)
		for _, s := range all {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+" "+s.kind, func(t *testing.T) {
				spaces := s.alike(t)
				walks, dropped, translated := 0, 0, 0
				for hook, p := range packets(spaces["saved"]) {
					want := expect.Walk(spaces["saved"], hook, p)
					for _, b := range backends {
						if got := expect.Walk(spaces[string(b)], hook, p); told(got) != told(want) {
							t.Fatalf("%s %+v: %s %s, as saved %s", hook, p, b, told(got), told(want))
						}
					}
					walks++
					if want.Fate == expect.Dropped {
						dropped++
					}
					if len(want.Did) > 0 {
						translated++
					}
				}
				if walks < 1000 || translated == 0 {
					t.Errorf("%d walks, of them %d translated", walks, translated)
				}
				t.Logf("%d walks, %d dropped, %d marked or translated", walks, dropped, translated)
				for _, b := range backends {
					asKnown(t, all, spaces[string(b)])
				}
			})
		}
	}
}

// packets are all that the rules of a namespace could tell apart, roughly: every
// address, port and interface that a rule names or that is the namespace's own,
// and one of each that nobody knows. At most some ten thousand for a hook.
func packets(ns *fact.NetNS) func(yield func(string, expect.Packet) bool) {
	addrs, ports, links := []netip.Addr{netip.MustParseAddr("198.51.100.7")}, []uint16{9999}, []string{"eth9"}
	for _, l := range ns.Links {
		addrs, links = append(addrs, l.Addrs[0].Addr()), append(links, l.Name)
	}
	for _, table := range ns.Netfilter.Tables {
		for _, c := range table.Chains {
			for _, r := range c.Rules {
				for _, m := range r.Matches {
					for _, p := range m.Prefixes {
						addrs = append(addrs, p.Addr().Next(), p.Addr())
					}
					for _, p := range m.Ports {
						ports = append(ports, p.First)
					}
				}
			}
		}
	}
	addrs, ports, links = unique(addrs, netip.Addr.Compare), unique(ports, func(a, b uint16) int { return int(a) - int(b) }), unique(links, strings.Compare)
	return func(yield func(string, expect.Packet) bool) {
		for _, hook := range []string{"prerouting", "input", "forward", "output", "postrouting"} {
			for n := range len(addrs) * len(addrs) * len(ports) * len(links) {
				rest := n
				pick := func(of int) int { i := rest % of; rest /= of; return i }
				link, port, src, dst := links[pick(len(links))], ports[pick(len(ports))], addrs[pick(len(addrs))], addrs[pick(len(addrs))]
				dice := uint32(n) * 2654435761 // spreads what has few values over all others
				p := expect.Packet{Src: src, Dst: dst, Proto: []uint8{6, 17}[dice>>31], SrcPort: 40000, DstPort: port, Flags: 2, State: "NEW",
					IPVS: []expect.Tri{expect.Yes, expect.No}[dice>>30&1], IPsec: expect.No}
				if dice>>28&3 == 0 {
					p.SrcPort, p.DstPort, p.State, p.Flags = port, 40000, "ESTABLISHED", 0x12
				}
				p.In, p.Out = ends(hook, link, links[int(dice>>16&0xff)%len(links)])
				if src.Is4() == dst.Is4() && !yield(hook, p) {
					return
				}
			}
		}
	}
}

// ends are the interfaces a packet has at a hook.
func ends(hook, one, other string) (in, out string) {
	switch hook {
	case "prerouting", "input":
		return one, ""
	case "forward":
		return one, other
	}
	return "", one
}

func unique[T comparable](list []T, order func(a, b T) int) []T {
	slices.SortFunc(list, order)
	return slices.Compact(list)
}

// asKnown walks the packets whose way is known from what else was saved on that
// node: addresses, and virtual services.
func asKnown(t *testing.T, all []save, ns *fact.NetNS) {
	t.Helper()
	of := func(kind string) save { return all[slices.IndexFunc(all, func(s save) bool { return s.kind == kind })] }
	stranger := netip.MustParseAddr("10.77.0.12")
	sandbox := of("ingress_sbox")
	mesh, gateway := sandbox.at("10.0.0."), sandbox.at("172.18.")
	tcp := func(hook string, dst netip.Addr, port uint16, in string) expect.Walked {
		return expect.Walk(ns, hook, expect.Packet{Src: stranger, Dst: dst, Proto: 6, SrcPort: 40000, DstPort: port, Flags: 2, In: in, State: "NEW", IPVS: expect.No, IPsec: expect.No})
	}
	expected := func(ok bool, what string, w expect.Walked) {
		t.Helper()
		if !ok {
			t.Errorf("%s: %s", what, told(w))
		}
	}
	switch ns.Name {
	case "host":
		w := tcp("prerouting", of("host").at("10.77."), 8080, "eth0")
		expected(w.Fate == expect.Accepted && w.Packet.Dst == gateway && w.Packet.DstPort == 8080, "a request goes to the sandbox", w)
		p := w.Packet
		p.Out = "docker_gwbridge"
		w = expect.Walk(ns, "forward", p)
		expected(w.Fate == expect.Accepted, "it passes FORWARD", w)
		w = tcp("prerouting", of("host").at("10.77."), 9999, "eth0")
		expected(w.Fate == expect.Accepted && len(w.Did) == 0, "a port that nobody publishes is left alone", w)
	case "ingress_sbox":
		w := tcp("prerouting", gateway, 8080, "eth1")
		expected(strings.Contains(sandbox.ipvs, fmt.Sprintf("-A -f %d ", w.Packet.Mark)), "a request has a virtual service's mark", w)
		p := w.Packet
		p.Dst, p.IPVS, p.In, p.Out = mesh.Next().Next().Next().Next(), expect.Yes, "", "eth0"
		w = expect.Walk(ns, "postrouting", p)
		expected(w.Packet.Src == mesh, "a balanced one has the sandbox's address", w)
	case "lb":
		for _, l := range ns.Links {
			if l.Name == "eth0" && l.Addrs[0].IsSingleIP() {
				w := tcp("input", l.Addrs[0].Addr(), 80, "eth0")
				expected(strings.Contains(of("lb").ipvs, fmt.Sprintf("-A -f %d ", w.Packet.Mark)), "a virtual IP's mark is a virtual service's", w)
			}
		}
	case "task":
		own := of("task").at("10.0.0.")
		w := tcp("prerouting", own, 8080, "eth1")
		expected(w.Fate == expect.Accepted && len(w.Did) == 1 && w.Did[0].Rule.Target.Kind == fact.TargetRedirect, "a published port is redirected", w)
		w = tcp("input", own, 8080, "eth1")
		expected(w.Fate == expect.Accepted, "and let in", w)
		w = tcp("input", own, 9999, "eth1")
		expected(w.Fate == expect.Dropped, "others are not", w)
	}
}

// at is the namespace's own address that begins so and has a subnet.
func (s save) at(begins string) netip.Addr {
	for _, l := range s.links {
		if a := l.Addrs[0]; !a.IsSingleIP() && strings.HasPrefix(a.String(), begins) {
			return a.Addr()
		}
	}
	return netip.Addr{}
}
