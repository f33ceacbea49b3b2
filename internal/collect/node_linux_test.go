package collect

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

// TestThisNode compares, on a real Swarm node, every namespace's rules, virtual
// services and conntrack numbers with what the system's own tools say of it. It
// runs inside a node of a lab (lab/fairway_rules_test.go); FAIRWAY_TEST_ENGINE is
// the engine's address there, and FAIRWAY_TEST_WANT the facts that must be found.
func TestThisNode(t *testing.T) {
	address := os.Getenv("FAIRWAY_TEST_ENGINE")
	need(t, "engine (FAIRWAY_TEST_ENGINE)", address != "")
	e, err := Dial(t.Context(), Where{Host: address, Getenv: func(string) string { return "" }, Limit: time.Minute, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	engine, gaps := e.Believed(t.Context())
	if engine == nil {
		t.Fatal(gaps)
	}
	req := KernelRequest{Node: engine.Name, Engine: engine}
	k := kernelOf(t, req)
	for i := range k.Namespaces {
		ns := &k.Namespaces[i]
		at := path.Join(req.dir(), ns.Name)
		if ns.Role == fact.RoleHost {
			at = "/proc/self/ns/net"
		}
		t.Run(ns.Name, func(t *testing.T) {
			compareRules(t, at, ns.Netfilter, k.Feature("nf_tables"))
			compareIPVS(t, at, ns.IPVS)
			compareConntrack(t, at, ns)
		})
	}
	found := foundIn(k)
	for _, want := range strings.Fields(os.Getenv("FAIRWAY_TEST_WANT")) {
		if !found[want] {
			t.Errorf("no namespace here has %s; there are %v", want, found)
		}
	}
}

// foundIn names what the comparison was made with, so that it cannot have been
// made with nothing.
func foundIn(k *fact.Kernel) map[string]bool {
	found := make(map[string]bool)
	for _, ns := range k.Namespaces {
		for _, t := range ns.Netfilter.Tables {
			for _, c := range t.Chains {
				if len(c.Rules) > 0 {
					found[fmt.Sprintf("%s:%s", ns.Role, t.Backend)] = true
				}
			}
		}
		if ns.IPVS != nil && len(ns.IPVS.Services) > 0 {
			found[string(ns.Role)+":ipvs"] = true
		}
	}
	return found
}

// in runs a tool in a namespace and returns what it prints.
func in(t *testing.T, at string, tool ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "nsenter", append([]string{"--net=" + at}, tool...)...).Output()
	if err != nil {
		t.Fatalf("%v: %v", tool, err)
	}
	return string(out)
}

func compareRules(t *testing.T, at string, n *fact.Netfilter, nft *fact.Feature) {
	t.Helper()
	for _, family := range []string{"ip", "ip6"} {
		tool := map[string]string{"ip": "iptables", "ip6": "ip6tables"}[family]
		// A kernel without the legacy tables has no such file.
		names := in(t, at, "sh", "-c", "cat /proc/self/net/"+family+"_tables_names 2>/dev/null || true")
		if strings.TrimSpace(names) != "" {
			compare(t, tool+"-legacy-save", rulesByTool(in(t, at, tool+"-legacy-save")), rulesOf(n, fact.Legacy, family))
		}
		if nft != nil && nft.Present {
			got := rulesOf(n, fact.NFTables, family)
			// The tool also prints base chains that the kernel does not have.
			want := slices.DeleteFunc(rulesByTool(in(t, at, tool+"-nft-save")), func(line string) bool {
				return strings.HasSuffix(line, " ACCEPT") && strings.Contains(line, " :") && !slices.Contains(got, line)
			})
			compare(t, tool+"-nft-save", want, got)
		}
	}
}

// oldState is what 20.10 wrote; it means the same.
var oldState = strings.NewReplacer("-m state --state", "-m conntrack --ctstate")

// rulesByTool lists rules and policies with their tables, without counters.
func rulesByTool(text string) []string {
	var out []string
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			out = append(out, table+" "+strings.Join(strings.Fields(line)[:2], " "))
		case strings.HasPrefix(line, "-A"):
			out = append(out, table+" "+oldState.Replace(line))
		}
	}
	return out
}

func rulesOf(n *fact.Netfilter, backend fact.Backend, family string) []string {
	var out []string
	for _, table := range n.Tables {
		if table.Backend != backend || table.Family != family || !slices.Contains(xtables, table.Name) {
			continue
		}
		for _, c := range table.Chains {
			policy := "-"
			if c.Hook != "" {
				policy = strings.ToUpper(c.Policy)
			}
			out = append(out, fmt.Sprintf("%s :%s %s", table.Name, c.Name, policy))
			for _, r := range c.Rules {
				out = append(out, table.Name+" "+r.Line(c.Name))
			}
		}
	}
	return out
}

// xtables are the tables that iptables-nft-save prints; others are nft's own.
var xtables = []string{"filter", "mangle", "nat", "raw", "security"}

func compareIPVS(t *testing.T, at string, v *fact.IPVS) {
	t.Helper()
	if v == nil {
		return
	}
	got := []string{}
	for _, s := range v.Services {
		got = append(got, fmt.Sprintf("-A -f %d -s %s", s.Mark, s.Scheduler))
		for _, r := range s.Backends {
			got = append(got, fmt.Sprintf("-a -f %d -r %v -m -w %d", s.Mark, r.Addr, r.Weight))
		}
	}
	compare(t, "ipvsadm -Sn", strings.FieldsFunc(in(t, at, "ipvsadm", "-Sn"), func(r rune) bool { return r == '\n' }), got)
}

// compareConntrack adds up what `conntrack -S` prints for each processor. What
// may rise between the two readings must not have fallen.
func compareConntrack(t *testing.T, at string, ns *fact.NetNS) {
	t.Helper()
	if ns.Counter("", "nf_conntrack.drop") == nil {
		return
	}
	text := in(t, at, "conntrack", "-S")
	for _, name := range []string{"insert_failed", "drop", "early_drop", "invalid"} {
		var sum uint64
		for _, m := range regexp.MustCompile(`\b`+name+`=(\d+)`).FindAllStringSubmatch(text, -1) {
			n, _ := strconv.ParseUint(m[1], 10, 64)
			sum += n
		}
		if c := ns.Counter("", "nf_conntrack."+name); sum < c.Before || name != "invalid" && sum != c.Before {
			t.Errorf("%s: %d, conntrack -S says %d", name, c.Before, sum)
		}
	}
}
