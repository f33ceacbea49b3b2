//go:build linux && (amd64 || arm64)

package ipt

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// freshSets makes a namespace with sets and one rule in X for each, in the order
// of their names.
func freshSets(t *testing.T, commands string) (*netns.NS, map[string]fact.Match) {
	t.Helper()
	_, err := exec.LookPath("ipset")
	need(t, "ipset", err == nil)
	at := fresh(t)
	out, err := try(at, "", "ipset", "create", "x", "hash:ip")
	need(t, "ip_set", err == nil || !strings.Contains(string(out), "Kernel error"))
	inside(t, at, commands, "ipset", "restore")

	found := make(map[string]fact.Match)
	for v, tool := range []string{"iptables-legacy-restore", "ip6tables-legacy-restore"} {
		var rules strings.Builder
		for name := range strings.Lines(inside(t, at, "", "ipset", "list", "-n")) {
			name = strings.TrimSpace(name)
			if strings.HasSuffix(name, "6") == (v == 1) {
				fmt.Fprintf(&rules, "-A INPUT -m set --match-set %s src -j DROP\n", name)
			}
		}
		if rules.Len() > 0 {
			inside(t, at, "*filter\n"+rules.String()+"COMMIT\n", tool)
		}
	}
	tables, err := Read(at)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for _, r := range table.Chain("INPUT").Rules {
			name, _, _ := strings.Cut(r.Matches[0].Text, " ")
			found[name] = r.Matches[0]
		}
	}
	return at, found
}

// added are the members of a set as ipset saves them, sorted.
func added(t *testing.T, at *netns.NS, name string) (out []string) {
	for line := range strings.Lines(inside(t, at, "", "ipset", "save", name)) {
		if f := strings.Fields(line); f[0] == "add" {
			out = append(out, f[2])
		}
	}
	slices.Sort(out)
	return out
}

func TestMembersAsIpsetSavesThem(t *testing.T) {
	at, found := freshSets(t, `create addrs hash:ip timeout 300 counters comment
add addrs 192.0.2.1 comment "one of them"
add addrs 192.0.2.2 timeout 9
add addrs 192.0.2.3
create nets hash:net
add nets 10.0.0.0/8
add nets 192.0.2.7
add nets 198.51.100.0/25
create nets6 hash:net family inet6
add nets6 2001:db8::/32
add nets6 ::1
create range bitmap:ip range 10.0.0.0/24
add range 10.0.0.5
create empty hash:net
create marked hash:ip skbinfo
add marked 192.0.2.9 skbmark 0x5
`)
	for _, name := range []string{"addrs", "nets", "nets6", "range", "empty", "marked"} {
		m, ok := found[name]
		if !ok || !m.Whole {
			t.Errorf("%s: %+v, want the whole set", name, m)
			continue
		}
		var got []string
		for _, p := range m.Members {
			s := p.String()
			if p.IsSingleIP() {
				s = p.Addr().String()
			}
			got = append(got, s)
		}
		slices.Sort(got)
		if want := added(t, at, name); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestNetmaskOfASet(t *testing.T) {
	_, found := freshSets(t, "create masked hash:ip netmask 24\nadd masked 192.0.2.77\n")
	if m := found["masked"]; !m.Whole || fmt.Sprint(m.Members) != "[192.0.2.0/24]" {
		t.Errorf("%+v", m)
	}
}

// TestOtherSetsHaveANameOnly: nothing is said of the members where a look-up is
// more than "is the address among them".
func TestOtherSetsHaveANameOnly(t *testing.T) {
	var big strings.Builder
	big.WriteString("create big hash:ip\n")
	for i := range maxMembers + 1 {
		fmt.Fprintf(&big, "add big 10.0.%d.%d\n", i>>8, i&0xff)
	}
	_, found := freshSets(t, big.String()+`create but hash:net
add but 10.0.0.0/8
add but 10.1.0.0/16 nomatch
create inner hash:ip
create outer list:set
add outer inner
create macs bitmap:ip,mac range 10.0.0.0/24
create pairs hash:ip,port
create links hash:net,iface
`)
	for _, name := range []string{"big", "but", "outer", "macs", "pairs", "links"} {
		if m, ok := found[name]; !ok || m.Whole || len(m.Members) > 0 {
			t.Errorf("%s: there %v, whole %v, %d members", name, ok, m.Whole, len(m.Members))
		}
	}
}

func TestMemberNumbersOfALargeSet(t *testing.T) {
	var large strings.Builder
	large.WriteString("create large hash:net\n")
	for i := range maxMembers {
		fmt.Fprintf(&large, "add large 10.%d.%d.0/24\n", i>>8, i&0xff)
	}
	at, found := freshSets(t, large.String())
	if m := found["large"]; !m.Whole || len(m.Members) != maxMembers || len(added(t, at, "large")) != maxMembers {
		t.Errorf("whole %v, %d members", m.Whole, len(m.Members))
	}
}

func TestNoSuchSet(t *testing.T) {
	at := fresh(t)
	table := fact.RuleTable{Chains: []fact.Chain{{Rules: []fact.Rule{{Matches: []fact.Match{{Kind: fact.MatchSet, Text: "#77 src"}}}}}}}
	err := FillSets(at, []fact.RuleTable{table})
	need(t, "ip_set", !errors.Is(err, unix.ENOPROTOOPT))
	if m := table.Chains[0].Rules[0].Matches[0]; err != nil || m.Text != "#77 src" || m.Whole {
		t.Errorf("%+v, %v", m, err)
	}
}
