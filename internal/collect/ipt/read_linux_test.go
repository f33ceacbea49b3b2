//go:build linux && (amd64 || arm64)

package ipt

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

func TestNothingIsMadeByLooking(t *testing.T) {
	at := fresh(t)
	tables, err := Read(at)
	if err != nil || len(tables) != 0 {
		t.Errorf("%v, %v", tables, err)
	}
	if names := inside(t, at, "", "cat", "/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"); names != "" {
		t.Errorf("tables afterwards: %s", names)
	}
}

// shape is what a table's chains are, beside their rules.
func shape(tables []fact.RuleTable) string {
	var out []string
	for _, t := range tables {
		for _, c := range t.Chains {
			out = append(out, fmt.Sprintf("%s %s %s %s: %s %s %d %s", t.Backend, t.Family, t.Name, c.Name, c.Hook, c.Type, c.Priority, c.Policy))
		}
	}
	return strings.Join(out, "\n")
}

func TestOneTableIsRead(t *testing.T) {
	at := fresh(t)
	inside(t, at, "*nat\nCOMMIT\n", "iptables-legacy-restore")
	tables, err := Read(at)
	if err != nil {
		t.Fatal(err)
	}
	want := `legacy ip nat PREROUTING: prerouting nat -100 accept
legacy ip nat INPUT: input nat 100 accept
legacy ip nat OUTPUT: output nat -100 accept
legacy ip nat POSTROUTING: postrouting nat 100 accept`
	if got := shape(tables); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if names := inside(t, at, "", "cat", "/proc/thread-self/net/ip_tables_names"); names != "nat\n" {
		t.Errorf("tables afterwards: %s", names)
	}
}

func TestBaseChains(t *testing.T) {
	at := fresh(t)
	inside(t, at, "*mangle\n:FORWARD DROP\n:X -\nCOMMIT\n*raw\nCOMMIT\n*security\nCOMMIT\n", "iptables-legacy-restore")
	inside(t, at, "*filter\nCOMMIT\n", "ip6tables-legacy-restore")
	tables, err := Read(at)
	if err != nil {
		t.Fatal(err)
	}
	want := `legacy ip mangle PREROUTING: prerouting filter -150 accept
legacy ip mangle INPUT: input filter -150 accept
legacy ip mangle FORWARD: forward filter -150 drop
legacy ip mangle OUTPUT: output route -150 accept
legacy ip mangle POSTROUTING: postrouting filter -150 accept
legacy ip mangle X:   0 
legacy ip raw PREROUTING: prerouting filter -300 accept
legacy ip raw OUTPUT: output filter -300 accept
legacy ip security INPUT: input filter 50 accept
legacy ip security FORWARD: forward filter 50 accept
legacy ip security OUTPUT: output filter 50 accept
legacy ip6 filter INPUT: input filter 0 accept
legacy ip6 filter FORWARD: forward filter 0 accept
legacy ip6 filter OUTPUT: output filter 0 accept`
	if got := shape(tables); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSetsHaveTheirNames(t *testing.T) {
	at := fresh(t)
	err := at.Do(func() error {
		for _, name := range []string{"other", "banned"} {
			if err := netlink.IpsetCreate(name, "hash:ip", netlink.IpsetCreateOptions{}); err != nil {
				return err
			}
		}
		if err := netlink.IpsetCreate("pairs", "hash:ip,port", netlink.IpsetCreateOptions{}); err != nil {
			return err
		}
		return netlink.IpsetAdd("banned", &netlink.IPSetEntry{IP: net.IPv4(192, 0, 2, 1).To4()})
	})
	need(t, "ip_set", !errors.Is(err, unix.EPROTONOSUPPORT) && !errors.Is(err, unix.EINVAL))
	if err != nil {
		t.Fatal(err)
	}
	rules := []string{
		"-A INPUT -m set --match-set banned src -j DROP",
		"-A INPUT -m set ! --match-set banned dst -j DROP",
		"-A INPUT -m set --match-set pairs src,dst -j DROP",
		"-A INPUT -m set --match-set other src -m set --match-set banned src -j DROP",
	}
	counting := "-A INPUT -m set --match-set banned src --packets-gt 5 -j DROP"
	inside(t, at, "*filter\n"+strings.Join(rules, "\n")+"\n"+counting+"\n-A OUTPUT -j SET --add-set banned dst\nCOMMIT\n", "iptables-legacy-restore")
	tables, err := Read(at)
	if err != nil || len(tables) != 1 {
		t.Fatal(tables, err)
	}
	input := tables[0].Chain("INPUT")
	for i, want := range rules {
		if got := input.Rules[i].Line("INPUT"); got != strings.Replace(want, "other src -m set", "other src", 1) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for got, want := range map[string]string{
		input.Rules[len(rules)].Line("INPUT"):              "-A INPUT [opaque set] -j DROP",
		tables[0].Chain("OUTPUT").Rules[0].Target.String(): "-j [SET]",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestWhileRulesChange replaces a table again and again with two sets of rules,
// of equal and of different size; what is read is one of them.
func TestWhileRulesChange(t *testing.T) {
	at := fresh(t)
	const head, tail = "*filter\n:INPUT ACCEPT [0:0]\n:X - [0:0]\n", "COMMIT\n"
	sets := []string{
		head + strings.Repeat("-A X -s 10.0.0.1/32 -j DROP\n", 50) + tail,
		head + strings.Repeat("-A INPUT -s 10.0.0.1/32 -j DROP\n", 50) + tail,
		head + strings.Repeat("-A X -p tcp -m tcp --dport 80 -j ACCEPT\n", 30) + tail,
	}
	inside(t, at, sets[0], "iptables-legacy-restore")
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			if out, err := try(at, sets[i%len(sets)], "iptables-legacy-restore"); err != nil {
				t.Errorf("%v: %s", err, out)
				return
			}
		}
	}()
	whole, torn := 0, 0
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
		tables, err := Read(at)
		switch {
		case errors.Is(err, ErrTorn):
			torn++
		case err != nil || len(tables) != 1:
			t.Fatal(tables, err)
		default:
			whole++
			if n, x := len(tables[0].Chain("INPUT").Rules), len(tables[0].Chain("X").Rules); n+x != 50 && n+x != 30 || n*x != 0 {
				t.Errorf("%d and %d rules", n, x)
			}
		}
	}
	stop.Store(true)
	<-done
	if whole == 0 {
		t.Errorf("never read whole, %d times torn", torn)
	}
}

func TestWithoutRights(t *testing.T) {
	at := fresh(t)
	inside(t, at, "*filter\nCOMMIT\n", "iptables-legacy-restore")
	s := source{layout: &ip4, names: "ip_tables_names", domain: unix.AF_INET, level: unix.SOL_IP}
	err := at.Do(func() error {
		if err := s.open(); err != nil {
			return err
		}
		defer s.close()
		none := [2]unix.CapUserData{}
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			return err
		}
		_, err := s.read("filter")
		return err
	})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// TestManyRules: the tables of a large node are read in a moment.
func TestManyRules(t *testing.T) {
	at := fresh(t)
	var b strings.Builder
	b.WriteString("*nat\n")
	const n = 20_000
	for i := range n {
		fmt.Fprintf(&b, "-A PREROUTING -d 10.%d.%d.%d/32 -p tcp -m comment --comment service-%d -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80\n",
			i>>16, i>>8&0xff, i&0xff, i)
	}
	b.WriteString("COMMIT\n")
	inside(t, at, b.String(), "iptables-legacy-restore")
	start := time.Now()
	tables, err := Read(at)
	if err != nil || len(tables) != 1 || len(tables[0].Chain("PREROUTING").Rules) != n {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("%d rules in %v", n, took)
	if took > 5*time.Second {
		t.Errorf("%d rules took %v", n, took)
	}
}

// capture writes what the kernel hands out of a table, for testdata, when
// FAIRWAY_CAPTURE names a folder.
func capture(t *testing.T, at *netns.NS, l *layout, name, file string) {
	dir := os.Getenv("FAIRWAY_CAPTURE")
	if dir == "" {
		return
	}
	s := source{layout: l, names: "ip_tables_names", domain: unix.AF_INET, level: unix.SOL_IP}
	if l == &ip6 {
		s = source{layout: l, names: "ip6_tables_names", domain: unix.AF_INET6, level: unix.SOL_IPV6}
	}
	if err := at.Do(s.open); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	head, blob, err := s.fetch(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+file, append(head, blob...), 0o644); err != nil {
		t.Fatal(err)
	}
}
