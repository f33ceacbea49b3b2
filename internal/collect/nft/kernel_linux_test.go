package nft

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inOwnNamespace moves the test to a namespace of its own, on a thread that dies
// with it. The programs are what the test compares with.
func inOwnNamespace(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			lacks(t, name)
		}
	}
	runtime.LockOSThread() // and never unlock it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lacks(t, "root")
	}
}

// lacks skips the test, or fails it where REQUIRE promises the feature: the word
// before a colon.
func lacks(t *testing.T, feature string) {
	t.Helper()
	word, _, _ := strings.Cut(feature, ":")
	if strings.Contains(word, "iptables") || strings.Contains(word, "ip6tables") {
		word = "iptables"
	}
	if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), word) {
		t.Fatal("missing feature: " + feature)
	}
	t.Skip("missing feature: " + feature)
}

// loaded gives a file of rules to nft, and returns it. A kernel without one of its expressions lacks
// a feature.
func loaded(t *testing.T, file string) []byte {
	t.Helper()
	inOwnNamespace(t, "nft")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.CombinedOutput()
	switch {
	case bytes.Contains(out, []byte("Could not process rule")):
		lacks(t, "nft: "+string(out))
	case err != nil:
		t.Fatalf("nft: %v: %s", err, out)
	}
	return b
}

func run(t *testing.T, in, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// here reads the rules of this thread's namespace.
func here(t *testing.T) *Ruleset {
	t.Helper()
	set, _ := recorded(t)
	return set
}

// available is a file of rules without those whose extensions this kernel lacks.
func available(t *testing.T, file, command string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(command+"-legacy", "-S").CombinedOutput(); err != nil {
		lacks(t, "iptables: its legacy backend: "+string(out))
	}
	var have []string
	for _, list := range []string{"_matches", "_targets"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + strings.Replace(command, "tables", "_tables", 1) + list)
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, strings.Fields(string(b))...)
	}
	extension := regexp.MustCompile(`-[mj] ([^ \n]+)`)
	var out []string
	for line := range strings.Lines(string(b)) {
		// A rule may jump to a chain of the file.
		missing := slices.ContainsFunc(extension.FindAllStringSubmatch(line, -1), func(m []string) bool {
			chain := strings.Contains(string(b), "\n:"+m[1])
			return !slices.Contains(have, m[1]) && !slices.Contains([]string{"ACCEPT", "DROP", "RETURN"}, m[1]) && !chain
		})
		if missing {
			t.Logf("not on this kernel: %s", line)
			continue
		}
		if strings.HasPrefix(line, "-A") && command == "iptables" { // ip6tables-nft-restore 1.8.9 forgets them
			line = fmt.Sprintf("[%d:%d] %s", len(out), 100*len(out), line)
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}
