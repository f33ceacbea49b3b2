package ipt

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// need skips a test whose feature is missing, unless REQUIRE promises it.
func need(t testing.TB, feature string, there bool) {
	t.Helper()
	if there {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), feature) {
		t.Fatalf("REQUIRE promises %s, and it is missing", feature)
	}
	t.Skip("missing feature: " + feature)
}

// fresh makes a namespace of the test's own and opens it.
func fresh(t testing.TB) *netns.NS {
	t.Helper()
	need(t, "root", os.Geteuid() == 0)
	for _, tool := range []string{"iptables-legacy-restore", "iptables-legacy-save", "ip6tables-legacy-restore", "ip6tables-legacy-save"} {
		_, err := exec.LookPath(tool)
		need(t, "iptables", err == nil)
	}
	self, err := netns.Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	var made *netns.NS
	err = self.Do(func() (err error) { // on a thread that dies afterwards
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			made, err = netns.Self()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	return made
}

// inside runs a tool of the system in the namespace.
func inside(t testing.TB, at *netns.NS, stdin, tool string, args ...string) string {
	t.Helper()
	var out []byte
	err := at.Do(func() (err error) {
		cmd := exec.Command(tool, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err = cmd.CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, out)
	}
	return string(out)
}

// load puts a saved set of rules into the namespace; its name's end says the family.
func load(t testing.TB, at *netns.NS, path string) (tool string) {
	t.Helper()
	rules, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tool = "iptables-legacy"
	if strings.HasSuffix(path, "6") {
		tool = "ip6tables-legacy"
	}
	inside(t, at, string(rules), tool+"-restore", "-c")
	return tool
}

// notUnderstood are the extensions the test expects to be told as opaque, each
// with all its options.
var notUnderstood = map[string]bool{
	"mac": true, "owner": true, "length": true, "hashlimit": true, "recent": true, "statistic": true, "pkttype": true,
	"string": true, "cgroup": true, "rpfilter": true, "rt": true, "hl": true, "frag": true,
}

// opaqueTargets are the targets it expects to be told as opaque.
var opaqueTargets = map[string]bool{"NETMAP": true, "TPROXY": true, "CHECKSUM": true, "DSCP": true, "CLASSIFY": true, "TRACE": true}

// partly are options that are told as opaque, while others of their extension
// are understood.
var partly = map[string]string{
	"--tcp-option": "tcp-option", "--chunk-types": "sctp-chunk", "--ctorigdstport": "conntrack", "--ctdir": "conntrack",
	"--ctstatus": "conntrack", "--physdev-is-bridged": "physdev",
}

func TestLegacyTablesAsIptablesSavePrintsThem(t *testing.T) {
	files, err := filepath.Glob("testdata/*.rules*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			at := fresh(t)
			tool := load(t, at, file)
			named := inside(t, at, "", "cat", "/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names")
			tables, err := Read(at)
			if err != nil {
				t.Fatal(err)
			}
			after := inside(t, at, "", "cat", "/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names")
			if after != named {
				t.Errorf("tables before looking:\n%safter:\n%s", named, after)
			}
			want := asSaved(inside(t, at, "", tool+"-save", "-c"))
			got := asRead(tables)
			slices.Sort(want)
			slices.Sort(got)
			differ(t, got, want)
			if len(want) < 10 {
				t.Errorf("only %d lines were compared", len(want))
			}
		})
	}
}

// differ tells the lines of one side only. Both are sorted.
func differ(t *testing.T, got, want []string) {
	t.Helper()
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(got) > 0 && got[0] < want[0]:
			t.Errorf("read, not saved:  %s", got[0])
			got = got[1:]
		case len(got) == 0 || want[0] < got[0]:
			t.Errorf("saved, not read:  %s", want[0])
			want = want[1:]
		default:
			got, want = got[1:], want[1:]
		}
	}
}

// asRead spells tables line by line: table, chain or rule number, counters, normal
// rule.
func asRead(tables []fact.RuleTable) (out []string) {
	for _, table := range tables {
		for _, c := range table.Chains {
			policy := cmp.Or(strings.ToUpper(c.Policy), "-")
			out = append(out, fmt.Sprintf("%s chain %s %s [%d:%d]", table.Name, c.Name, policy, c.Hits.Packets, c.Hits.Bytes))
			for _, r := range c.Rules {
				out = append(out, fmt.Sprintf("%s %s %03d [%d:%d] %s", table.Name, c.Name, r.Number, r.Hits.Packets, r.Hits.Bytes, normal(r.Line(c.Name))))
			}
		}
	}
	return out
}

// asSaved spells what iptables-save -c printed in the same way.
func asSaved(text string) (out []string) {
	table, numbers := "", make(map[string]int)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "*"):
			table, numbers = line[1:], make(map[string]int)
		case strings.HasPrefix(line, ":"):
			out = append(out, table+" chain "+line[1:])
		case strings.HasPrefix(line, "["):
			hits, rule, _ := strings.Cut(line, " ")
			chain := strings.Fields(rule)[1]
			numbers[chain]++
			out = append(out, fmt.Sprintf("%s %s %03d %s %s", table, chain, numbers[chain], hits, normal(rule)))
		}
	}
	return out
}
