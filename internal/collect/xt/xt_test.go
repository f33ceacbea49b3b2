package xt

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fairway/internal/fact"
)

// sample is one extension as Linux 6.18 on x86-64 handed it out for a rule that
// iptables 1.8.9 had made, and how it is spelled.
type sample struct {
	kind, family, name string
	rev                uint8
	data               []byte
	want               string
}

// samples reads testdata: kind, family, name, revision, length, bytes without the
// zeros at their end, and a tab before the spelling.
func samples(t testing.TB) (out []sample) {
	t.Helper()
	b, err := os.ReadFile("testdata/extensions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		head, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		f := strings.Split(head, " ")
		rev, _ := strconv.ParseUint(f[3], 10, 8)
		length, _ := strconv.Atoi(f[4])
		data, err := hex.DecodeString(f[5] + strings.Repeat("0", 2*length-len(f[5])))
		if err != nil {
			t.Fatalf("%s: %v", head, err)
		}
		out = append(out, sample{f[0], f[1], f[2], uint8(rev), data, want})
	}
	return out
}

// spelled is what is understood, in iptables' words.
func spelled(kind, family, name string, rev uint8, data []byte) string {
	if kind == "target" {
		return Target(family, name, rev, data).String()
	}
	var out []string
	for _, m := range Match(family, name, rev, data) {
		out = append(out, m.String())
	}
	return strings.Join(out, " ")
}

func TestWhatTheKernelHandsOut(t *testing.T) {
	all := samples(t)
	if len(all) < 100 {
		t.Fatalf("only %d samples", len(all))
	}
	for _, s := range all {
		if got := spelled(s.kind, s.family, s.name, s.rev, s.data); got != s.want {
			t.Errorf("%s %s %s revision %d: got %q, want %q", s.kind, s.family, s.name, s.rev, got, s.want)
		}
	}
}

// TestOtherShapesAreOpaque: another size, an unknown revision or another family
// is never taken for what we know.
func TestOtherShapesAreOpaque(t *testing.T) {
	for _, s := range samples(t) {
		want := "[opaque " + s.name + "]"
		if s.kind == "target" {
			want = "-j [" + s.name + "]"
		}
		for what, got := range map[string]string{
			"longer":           spelled(s.kind, s.family, s.name, s.rev, append(slices.Clip(s.data), make([]byte, 8)...)),
			"shorter":          spelled(s.kind, s.family, s.name, s.rev, s.data[:max(0, len(s.data)-8)]),
			"one byte more":    spelled(s.kind, s.family, s.name, s.rev, append(slices.Clip(s.data), 0)),
			"another revision": spelled(s.kind, s.family, s.name, 99, s.data),
			"another name":     spelled(s.kind, s.family, s.name+" ", s.rev, s.data),
			"another family":   spelled(s.kind, "bridge", s.name, s.rev, s.data),
		} {
			if what == "another name" {
				got = strings.Replace(got, s.name+" ", s.name, 1)
			}
			if got != want && len(s.data) > 0 {
				t.Errorf("%s %s revision %d, %s: got %q, want %q", s.kind, s.name, s.rev, what, got, want)
			}
		}
	}
}

// n16, n32 and b16 append numbers in the kernel's and in the network's order.
func n16(b []byte, all ...uint16) []byte {
	for _, n := range all {
		b = binary.NativeEndian.AppendUint16(b, n)
	}
	return b
}

func n32(b []byte, all ...uint32) []byte {
	for _, n := range all {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return b
}

func b16(b []byte, all ...uint16) []byte {
	for _, n := range all {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

// padded brings a structure to its length.
func padded(b []byte, length int) []byte { return append(b, make([]byte, length-len(b))...) }

// TestOtherRevisions are those that iptables 1.8.9 did not choose on that kernel,
// or that it lacks (IPVS), built by the headers.
func TestOtherRevisions(t *testing.T) {
	ipvs := func(not, asked byte) []byte { return append(make([]byte, 38), not, asked) }
	conntrack := func(flags, not uint16, state ...byte) []byte {
		return padded(append(n16(make([]byte, 146), flags, not), state...), 160)
	}
	range0 := func(n, flags uint32) []byte {
		return padded(b16(append(n32(nil, n, flags), 10, 0, 0, 1, 10, 0, 0, 9), 80, 90), 24)
	}
	range1 := func(flags uint32, length int) []byte {
		b := append(padded(append(n32(nil, flags), 10, 0, 0, 1), 20), 10, 0, 0, 1)
		return padded(b16(padded(b, 36), 80, 80), length)
	}
	set := func(number uint16, dim, flags byte) []byte { return padded(append(n16(nil, number), dim, flags), 8) }
	program := func(vni uint32) []byte {
		b := n16(nil, uint16(len(pickVNI)), 0)
		for i, in := range pickVNI {
			if i == vniAt {
				in.k = vni
			}
			b = n32(append(n16(b, in.code), in.jt, in.jf), in.k)
		}
		return padded(b, 528)
	}
	for _, s := range []sample{
		{"match", "ip", "ipvs", 0, ipvs(0, 1), "--ipvs"},
		{"match", "ip6", "ipvs", 0, ipvs(1, 1), "! --ipvs"},
		{"match", "ip", "ipvs", 0, ipvs(0, 5), "[opaque ipvs]"},
		{"match", "ip", "conntrack", 1, conntrack(1, 1, 0x0e)[:152], "! --ctstate NEW,RELATED,ESTABLISHED"},
		{"match", "ip", "conntrack", 2, conntrack(1, 0, n16(nil, 1<<8|1)...), "--ctstate INVALID,UNTRACKED"},
		{"match", "ip", "conntrack", 2, conntrack(1, 0, n16(nil, 1<<9|1)...), "[opaque conntrack]"},
		{"match", "ip", "conntrack", 2, conntrack(0, 0, 0, 0), "[opaque conntrack]"},
		{"match", "ip", "state", 0, padded(n32(nil, 1<<6|2), 8), "--ctstate ESTABLISHED,UNTRACKED"},
		{"match", "ip", "state", 0, padded(n32(nil, 1<<7|2), 8), "[opaque state]"},
		{"match", "ip", "addrtype", 0, padded(n32(n16(nil, 0, 4), 0, 1), 16), "! --dst-type LOCAL"},
		{"match", "ip", "addrtype", 0, padded(n32(n16(nil, 0, 1<<13), 0, 1), 16), "[opaque addrtype]"},
		{"match", "ip", "addrtype", 1, n32(n16(nil, 4, 0), 4|8), "[opaque addrtype]"},
		{"match", "ip", "multiport", 0, padded(n16([]byte{1, 2}, 80, 443), 32), "--dports 80,443"},
		{"match", "ip", "multiport", 0, padded(n16([]byte{1, 16}, 80, 443), 32), "[opaque multiport]"},
		{"match", "ip", "multiport", 0, padded(n16([]byte{3, 1}, 80), 32), "[opaque multiport]"},
		{"match", "ip", "multiport", 1, padded(append(padded(n16([]byte{1, 1}, 80), 32), 1), 48), "[opaque multiport]"},
		{"match", "ip", "set", 2, set(3, 2, 2), "--match-set #3 src,dst"},
		{"match", "ip", "set", 1, set(3, 1, 1), "! --match-set #3 dst"},
		{"match", "ip", "set", 2, set(3, 1, 0x80), "[opaque set]"},
		{"match", "ip", "set", 1, set(3, 7, 0), "[opaque set]"},
		{"match", "ip", "set", 4, padded(n32(padded(set(3, 1, 2), 40), 1<<3), 48), "--match-set #3 src"},
		{"match", "ip", "set", 4, padded(n32(padded(set(3, 1, 2), 40), 1<<7), 48), "[opaque set]"},
		{"match", "ip", "set", 3, padded(append(set(3, 1, 2), 1), 48), "[opaque set]"},
		{"match", "ip", "bpf", 0, program(4097), "[vni 4097]"},
		{"match", "ip", "bpf", 0, program(1 << 24), "[opaque bpf]"},
		{"match", "ip", "limit", 0, padded(n32(nil, 0, 5), 40), "[opaque limit]"},
		{"match", "ip", "comment", 0, []byte(strings.Repeat("a", 256)), "[opaque comment]"},
		{"match", "ip", "mark", 1, padded(append(n32(nil, 1, 1), 2), 16), "[opaque mark]"},
		{"match", "ip6", "icmp", 0, make([]byte, 8), "[opaque icmp]"},
		{"target", "ip", "DNAT", 0, range0(1, 3), "-j DNAT --to-destination 10.0.0.1-10.0.0.9:80-90"},
		{"target", "ip", "DNAT", 0, range0(2, 3), "-j [DNAT]"},
		{"target", "ip6", "DNAT", 0, range0(1, 3), "-j [DNAT]"},
		{"target", "ip", "SNAT", 1, range1(1, 40), "-j SNAT --to-source 10.0.0.1"},
		{"target", "ip", "SNAT", 2, range1(3, 48), "-j SNAT --to-source 10.0.0.1:80"},
		{"target", "ip", "SNAT", 2, range1(0x40|1, 48), "-j [SNAT]"},
		{"target", "ip", "CONNMARK", 1, padded(append(n32(nil, 5, 15, 15), 0), 16), "-j CONNMARK --set-xmark 0x5/0xf"},
		{"target", "ip", "CONNMARK", 2, padded(append(n32(nil, 5, 15, 15), 1, 0, 0), 16), "-j CONNMARK --set-xmark 0x5/0xf"},
		{"target", "ip", "CONNMARK", 2, padded(append(n32(nil, 5, 15, 15), 0, 4, 0), 16), "-j [CONNMARK]"},
		{"target", "ip", "NOTRACK", 0, nil, "-j NOTRACK"},
		{"target", "ip", "CT", 0, padded(n16(nil, 1), 40), "-j NOTRACK"},
		{"target", "ip", "CT", 1, padded(n16(nil, 1, 7), 72), "-j [CT]"},
		{"target", "ip", "NFQUEUE", 0, padded(n16(nil, 7), 8), "-j NFQUEUE --queue-num 7"},
		{"target", "ip", "REJECT", 0, padded(n32(nil, 4), 8), "-j [REJECT]"},
		{"target", "ip", "", 0, padded(n32(nil, ^uint32(0)), 8), "-j DROP"},
		{"target", "ip", "", 0, padded(n32(nil, ^uint32(1)), 8), "-j ACCEPT"},
		{"target", "ip", "", 0, padded(n32(nil, ^uint32(4)), 8), "-j RETURN"},
		{"target", "ip", "", 0, padded(n32(nil, 112), 8), "-j [standard]"},
	} {
		if got := spelled(s.kind, s.family, s.name, s.rev, s.data); got != s.want {
			t.Errorf("%s %s revision %d %x: got %q, want %q", s.kind, s.name, s.rev, s.data, got, s.want)
		}
	}
}

func TestIface(t *testing.T) {
	full := func(n int) []byte { return padded(slices.Repeat([]byte{0xff}, n), 16) }
	for _, c := range []struct {
		name string
		mask []byte
		want string
		ok   bool
	}{
		{"eth0", full(5), "eth0", true},
		{"eth", full(3), "eth+", true},
		{"", full(0), "+", true},
		{"longest-name-15", full(16), "longest-name-15", true},
		{"longest-name-has", full(16), "longest-name-has+", true},
		{"eth+", full(5), "", false},
		{"eth0", full(6), "", false},
		{"", full(1), "", false},
		{"eth0", append(make([]byte, 15), 0xff), "", false},
	} {
		if got, ok := Iface(padded([]byte(c.name), 16), c.mask); got != c.want || ok != c.ok {
			t.Errorf("%q %x: %q %v, want %q %v", c.name, c.mask, got, ok, c.want, c.ok)
		}
	}
}

func TestFillSets(t *testing.T) {
	table := fact.RuleTable{Chains: []fact.Chain{{Rules: []fact.Rule{{Matches: []fact.Match{
		{Kind: fact.MatchSet, Text: "#3 src,dst"}, {Kind: fact.MatchSet, Text: "#4 src"}, {Kind: fact.MatchComment, Text: "#3 src"},
		{Kind: fact.MatchSet, Text: "named src"},
	}}}}}}
	one := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	FillSets(&table, func(n uint16) Set { return map[uint16]Set{3: {"ufw", one, true}}[n] })
	var got []string
	for _, m := range table.Chains[0].Rules[0].Matches {
		got = append(got, m.Text)
	}
	if s := fmt.Sprintf("%q", got); s != `["ufw src,dst" "#4 src" "#3 src" "named src"]` {
		t.Error(s)
	}
	if first := table.Chains[0].Rules[0].Matches[0]; !first.Whole || !slices.Equal(first.Members, one) {
		t.Errorf("%+v", first)
	}
}

func FuzzMatch(f *testing.F) {
	fuzzed(f, "match", func(t *testing.T, family, name string, rev uint8, data []byte) {
		all := Match(family, name, rev, data)
		for _, m := range all {
			_ = m.String()
			if m.Kind == "" || len(m.Ports) > multiPorts || len(m.States) > 16 || len(m.Text) > len(data)+64+len(name) {
				t.Errorf("%+v", m)
			}
		}
		if len(all) > 4 {
			t.Errorf("%d matches", len(all))
		}
	})
}

func FuzzTarget(f *testing.F) {
	fuzzed(f, "target", func(t *testing.T, family, name string, rev uint8, data []byte) {
		if got := Target(family, name, rev, data); got.Kind == fact.TargetNone || got.String() == "" {
			t.Errorf("%+v", got)
		}
	})
}

func fuzzed(f *testing.F, kind string, check func(t *testing.T, family, name string, rev uint8, data []byte)) {
	for _, s := range samples(f) {
		if s.kind == kind {
			f.Add(s.family, s.name, s.rev, s.data)
		}
	}
	f.Add("ip", "ipvs", uint8(0), padded([]byte(nil), 40))
	f.Add("ip", "", uint8(0), make([]byte, 8))
	f.Fuzz(check)
}
