//go:build linux && (amd64 || arm64)

package ipt

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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

// try runs a tool of the system in the namespace.
func try(at *netns.NS, stdin, tool string, args ...string) (out []byte, err error) {
	err = at.Do(func() (err error) {
		cmd := exec.Command(tool, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err = cmd.CombinedOutput()
		return err
	})
	return out, err
}

// inside runs a tool that must not fail.
func inside(t testing.TB, at *netns.NS, stdin, tool string, args ...string) string {
	t.Helper()
	out, err := try(at, stdin, tool, args...)
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
			for _, table := range tables {
				l := map[string]*layout{"ip": &ip4, "ip6": &ip6}[table.Family]
				capture(t, at, l, table.Name, filepath.Base(file)+"."+table.Name)
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
