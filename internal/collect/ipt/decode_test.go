package ipt

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fairway/internal/fact"
)

// captured are the answers of Linux 6.18 on x86-64: struct ipt_getinfo, then the
// entries. The name is that of the rules' file and the table.
func captured(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/captured/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	out := make(map[string][]byte)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = b
	}
	return out
}

// family tells the layout by the name of a file.
func family(name string) *layout {
	if strings.Contains(name, ".rules6") {
		return &ip6
	}
	return &ip4
}

func TestCapturedTables(t *testing.T) {
	for name, b := range captured(t) {
		t.Run(name, func(t *testing.T) {
			rules, table := strings.TrimSuffix(name, filepath.Ext(name)), filepath.Ext(name)[1:]
			saved, err := os.ReadFile("testdata/" + rules)
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := decode(family(name), table, readInfo(b), b[infoSize:])
			if err != nil {
				t.Fatal(err)
			}
			got := asRead([]fact.RuleTable{decoded})
			want := slices.DeleteFunc(asSaved(string(saved)), func(line string) bool { return !strings.HasPrefix(line, table+" ") })
			slices.Sort(got)
			slices.Sort(want)
			differ(t, got, want)
		})
	}
}

// TestBrokenTables changes one number of a good table, and expects an error, not
// a wrong table.
func TestBrokenTables(t *testing.T) {
	good := captured(t)["host-29.rules.filter"]
	for name, c := range map[string]struct {
		at    int
		value uint32
		says  string
	}{
		"fewer entries":          {32 + 44, 3, "entries where 3 were promised"},
		"another size":           {32 + 48, 8, "bytes of entries where 8 were promised"},
		"a hook between entries": {32 + 4 + 4, 8, "stands in no chain"},
		"no underflow":           {32 + 24 + 4, 12, "chain INPUT has no policy"},
		"two hooks at one place": {32 + 4 + 8, binary.NativeEndian.Uint32(good[32+4+4:]), "base chains where 3 hooks are"},
		"an entry without end":   {infoSize + 88, 0xffff0070, "ends at 65535"},
		"a target of no size":    {infoSize + 112 + 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := slices.Clone(good)
			binary.NativeEndian.PutUint32(b[c.at:], c.value)
			got, err := decode(&ip4, "filter", readInfo(b), b[infoSize:])
			if c.says == "" {
				return // only that it does not panic
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v; want an error that says %q", got, err, c.says)
			}
		})
	}
}

// TestEndOfAChain: only a RETURN without condition is the one that iptables puts
// behind the rules.
func TestEndOfAChain(t *testing.T) {
	b := captured(t)["shapes.rules.filter"]
	in := readInfo(b)
	rows, err := split(&ip4, in, b[infoSize:])
	if err != nil {
		t.Fatal(err)
	}
	found, err := group(&ip4, in, rows)
	if err != nil {
		t.Fatal(err)
	}
	rules := found[slices.IndexFunc(found, func(c chain) bool { return c.name == "f2b-sshd" })].rules
	if len(rules) != 3 || rules[1].verdict(&ip4).Kind != fact.TargetReturn || len(ended(&ip4, rules[:2])) != 2 {
		t.Errorf("%d rules; a RETURN for tcp was taken for the end", len(rules))
	}
}

func FuzzDecode(f *testing.F) {
	for name, b := range captured(f) {
		f.Add(b, family(name) == &ip6)
	}
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		if len(b) < infoSize {
			return
		}
		l := &ip4
		if six {
			l = &ip6
		}
		in := readInfo(b)
		in.size = uint32(len(b) - infoSize) // as the kernel has checked it
		table, err := decode(l, "filter", in, b[infoSize:])
		rules := 0
		for _, c := range table.Chains {
			for _, r := range c.Rules {
				rules++
				_ = r.Line(c.Name)
			}
		}
		if err == nil && rules > int(in.entries) {
			t.Errorf("%d rules of %d entries", rules, in.entries)
		}
	})
}
