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

func TestOneTableIsRead(t *testing.T) {
	at := fresh(t)
	inside(t, at, "*nat\nCOMMIT\n", "iptables-legacy-restore")
	tables, err := Read(at)
	if err != nil || len(tables) != 1 || tables[0].Name != "nat" || tables[0].Family != "ip" || tables[0].Backend != fact.Legacy {
		t.Fatalf("%v, %v", tables, err)
	}
	var got []string
	for _, c := range tables[0].Chains {
		got = append(got, fmt.Sprint(c.Name, " ", c.Hook, " ", c.Type, " ", c.Priority, " ", c.Policy, len(c.Rules)))
	}
	want := "PREROUTING prerouting nat -100 accept0, INPUT input nat 100 accept0, OUTPUT output nat -100 accept0, POSTROUTING postrouting nat 100 accept0"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if names := inside(t, at, "", "cat", "/proc/thread-self/net/ip_tables_names"); names != "nat\n" {
		t.Errorf("tables afterwards: %s", names)
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
