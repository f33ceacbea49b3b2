//go:build linux && (amd64 || arm64)

package check_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/check"
	"fairway/internal/collect/ipt"
	"fairway/internal/collect/nft"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/netns"
)

// lacks skips the test, or fails it where REQUIRE promises the feature.
func lacks(t *testing.T, feature, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), feature) {
		t.Fatalf("REQUIRE promises %s, and it is missing: %s", feature, why)
	}
	t.Skipf("missing feature: %s: %s", feature, why)
}

// table is a namespace of the test's own, where one backend's tools write rules.
type table struct {
	t       *testing.T
	at      *netns.NS
	backend fact.Backend
}

func newTable(t *testing.T, b fact.Backend) *table {
	t.Helper()
	if os.Geteuid() != 0 {
		lacks(t, "root", "namespaces need it")
	}
	for tool, feature := range map[string]string{"iptables-legacy-restore": "iptables", "iptables-nft-restore": "iptables", "nft": "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks(t, feature, err.Error())
		}
	}
	self, err := netns.Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	n := &table{t: t, backend: b}
	err = self.Do(func() (err error) { // on a thread that dies afterwards
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			n.at, err = netns.Self()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.at.Close() })
	return n
}

// run runs a tool inside; "iptables" is that of the backend.
func (n *table) run(stdin string, argv ...string) {
	n.t.Helper()
	half := map[fact.Backend]string{fact.Legacy: "legacy", fact.NFTables: "nft"}[n.backend]
	if family, rest, ok := strings.Cut(argv[0], "tables"); ok {
		argv[0] = family + "tables-" + half + rest
	}
	var out []byte
	err := n.at.Do(func() (err error) {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err = cmd.CombinedOutput()
		return err
	})
	if err != nil {
		n.t.Fatalf("%v: %v: %s\n%s", argv, err, out, stdin)
	}
}

// read is what our decoders say of both backends, every counter read twice.
func (n *table) read() *fact.Netfilter {
	n.t.Helper()
	tables, err := ipt.Read(n.at)
	if err != nil {
		n.t.Fatal(err)
	}
	var c *netlink.Conn
	if err := n.at.Do(func() (err error) { c, err = nft.Dial(10 * time.Second); return err }); err != nil {
		n.t.Fatal(err)
	}
	defer c.Close()
	set, err := nft.Read(c, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	out := &fact.Netfilter{Generation: set.Generation, Tables: slices.Concat(tables, set.Tables)}
	countedTwice(out)
	return out
}

// countedTwice has every counter read again, with nothing in between.
func countedTwice(n *fact.Netfilter) {
	for i := range n.Tables {
		for j := range n.Tables[i].Chains {
			for k := range n.Tables[i].Chains[j].Rules {
				h := &n.Tables[i].Chains[j].Rules[k].Hits
				h.After, h.Twice = h.Packets, true
			}
		}
	}
}

// text is what iptables-save prints of rules, apart from those of IPVS, which a
// kernel without it cannot hold.
func text(n *fact.Netfilter) string {
	var b strings.Builder
	for _, t := range n.Tables {
		fmt.Fprintf(&b, "*%s\n", t.Name)
		for _, c := range t.Chains {
			policy := strings.ToUpper(c.Policy)
			if c.Hook == "" {
				policy = "-"
			}
			fmt.Fprintf(&b, ":%s %s [%d:%d]\n", c.Name, policy, c.Hits.Packets, c.Hits.Bytes)
		}
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if !ipvs(r) {
					fmt.Fprintf(&b, "[%d:%d] %s\n", r.Hits.Packets, r.Hits.Bytes, r.Line(c.Name))
				}
			}
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}

func ipvs(r fact.Rule) bool {
	return slices.ContainsFunc(r.Matches, func(m fact.Match) bool { return m.Kind == fact.MatchIPVS })
}

// restored is a namespace's rules after they were restored by the backend's own
// tool, changed by commands, and read; the rules of IPVS are put back.
func restored(t *testing.T, b fact.Backend, was *fact.Netfilter, commands ...string) *fact.Netfilter {
	t.Helper()
	n := newTable(t, b)
	n.run(text(was), "iptables-restore", "-c")
	for _, c := range commands {
		n.run("", strings.Fields(c)...)
	}
	out := n.read()
	putBack(out, was, b)
	return out
}

// putBack gives the rules of IPVS their places again.
func putBack(out, was *fact.Netfilter, b fact.Backend) {
	for _, w := range was.Tables {
		for _, c := range w.Chains {
			for i, r := range c.Rules {
				if !ipvs(r) {
					continue
				}
				to := out.Table(b, "ip", w.Name).Chain(c.Name)
				to.Rules = slices.Insert(to.Rules, i, r)
				for k := range to.Rules {
					to.Rules[k].Number = k + 1
				}
			}
		}
	}
}

// same compares two decodes of the same rules: backend, handles and the counters
// of policies (iptables-nft has none) apart, in any order of chains.
var same = cmp.Options{
	cmpopts.IgnoreFields(fact.RuleTable{}, "Backend"), cmpopts.IgnoreFields(fact.Rule{}, "Handle"), cmpopts.IgnoreFields(fact.Netfilter{}, "Generation"),
	cmpopts.IgnoreFields(fact.Chain{}, "Hits"), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.SortSlices(func(a, b fact.Chain) bool { return a.Name < b.Name }),
	cmpopts.SortSlices(func(a, b fact.RuleTable) bool { return a.Name < b.Name }),
}

var (
	backends   = []fact.Backend{fact.Legacy, fact.NFTables}
	engineAges = []string{"20.10.24", "26.1.5", "28.5.2", "29.0.0-beta.24"}
)

// TestRestoredRulesDecodeTheSame: what an engine wrote, restored through either
// backend, reads as it was saved.
func TestRestoredRulesDecodeTheSame(t *testing.T) {
	for _, engine := range engineAges {
		s := facttest.MeshOn(engine)
		for _, ns := range facttest.NodeOf(s, 2).Kernel.Namespaces {
			if ns.Netfilter == nil || len(ns.Netfilter.Tables) == 0 {
				continue
			}
			for _, b := range backends {
				t.Run(fmt.Sprintf("%s %s %s", engine, ns.Name, b), func(t *testing.T) {
					if d := cmp.Diff(ns.Netfilter, restored(t, b, ns.Netfilter), same); d != "" {
						t.Errorf("-saved +read:\n%s", d)
					}
				})
			}
		}
	}
}

// moved is a mesh that was asked, where every namespace of node 2 has what the
// kernel holds after its rules were restored through one backend; commands change
// those of the host.
func moved(t *testing.T, engine string, b fact.Backend, commands ...string) *fact.Snapshot {
	t.Helper()
	s := meshAsked(engine)
	k := facttest.NodeOf(s, 2).Kernel
	for i := range k.Namespaces {
		ns := &k.Namespaces[i]
		if ns.Netfilter == nil || len(ns.Netfilter.Tables) == 0 {
			continue
		}
		var then []string
		if ns.Role == fact.RoleHost {
			then = commands
		}
		ns.Netfilter = restored(t, b, ns.Netfilter, then...)
	}
	return s
}

// TestRestoredMeshIsSilent: no check takes either backend for a fault.
func TestRestoredMeshIsSilent(t *testing.T) {
	for _, engine := range engineAges {
		for _, b := range backends {
			s := moved(t, engine, b)
			r, err := check.Run(s, check.All(), 0)
			if err != nil || r.Verdict != check.VerdictOK || len(r.Causes)+len(r.Elsewhere)+len(r.Settling) > 0 {
				t.Errorf("%s %s: %v, %s: %+v", engine, b, err, r.Summary, r.Causes)
			}
		}
	}
}

// told is what a walk found, without the backend.
func told(w expect.Walked) string {
	var by string
	if w.By != nil {
		by = w.By.Table + " " + w.By.Chain
		if w.By.Rule != nil {
			by += " " + w.By.Rule.Line(w.By.Chain)
		}
	}
	var did []string
	for _, d := range w.Did {
		did = append(did, d.Table+" "+d.Rule.Line(d.Chain))
	}
	return fmt.Sprintf("%s [%s] why %q: %+v, did %q", w.Fate, by, w.Why, w.Packet, did)
}

// steps are packets and the way each must go; its hooks are walked one after the
// other, each with what the one before made of the packet.
type steps struct {
	name   string
	ns     *fact.NetNS
	packet expect.Packet
	hooks  []string
	out    string // interface at the second hook
	// ends is where it goes and how: fate, destination, source's address and mark.
	ends string
}

func ways(s *fact.Snapshot) []steps {
	host, sbox, task := facttest.NodeOf(s, 2).Kernel.Host(), facttest.IngressSandbox(s, 2), facttest.SandboxOf(s, 2, facttest.Api(2))
	tcp := func(from, to netip.Addr, port uint16, in, out string) expect.Packet {
		return expect.Packet{Src: from, Dst: to, Proto: 6, SrcPort: 40000, DstPort: port, Flags: 2, In: in, Out: out, State: "NEW", IPVS: expect.No, IPsec: expect.No}
	}
	answer := expect.Packet{Src: facttest.SandboxGwIP, Dst: facttest.VTEP(3), Proto: 6, SrcPort: 8080, DstPort: 40000, Flags: 0x12, In: "docker_gwbridge", Out: "eth0",
		State: "ESTABLISHED", IPVS: expect.No, IPsec: expect.No}
	balanced := tcp(facttest.VTEP(3), facttest.ApiIngressIP(1), 8080, "", "eth0")
	balanced.IPVS = expect.Yes
	v3, v2, sb := facttest.VTEP(3), facttest.VTEP(2), facttest.SandboxGwIP
	return []steps{
		{"request", host, tcp(v3, v2, 8080, "eth0", ""), []string{"prerouting", "forward"}, "docker_gwbridge", fmt.Sprintf("accepted %v:8080 from %v mark 0x0", sb, v3)},
		{"own request", host, tcp(v2, v2, 8080, "", "lo"), []string{"output"}, "", fmt.Sprintf("accepted %v:8080 from %v mark 0x0", sb, v2)},
		{"answer", host, answer, []string{"forward"}, "", fmt.Sprintf("accepted %v:40000 from %v mark 0x0", v3, sb)},
		{"unpublished", host, tcp(v3, v2, 9999, "eth0", ""), []string{"prerouting", "input"}, "", fmt.Sprintf("accepted %v:9999 from %v mark 0x0", v2, v3)},
		{"in the sandbox", sbox, tcp(v3, sb, 8080, "eth1", ""), []string{"prerouting"}, "", fmt.Sprintf("accepted %v:8080 from %v mark %#x", sb, v3, facttest.IngressMark(2))},
		{"unpublished in the sandbox", sbox, tcp(v3, sb, 9999, "eth1", ""), []string{"prerouting"}, "", fmt.Sprintf("accepted %v:9999 from %v mark 0x0", sb, v3)},
		{"balanced", sbox, balanced, []string{"postrouting"}, "", fmt.Sprintf("accepted %v:8080 from %v mark 0x0", facttest.ApiIngressIP(1), facttest.IngressLBIP(2))},
		{"to a virtual IP", facttest.Balancer(s, 2), tcp(facttest.WebIP(2), facttest.ApiVIP, 8080, "eth0", ""), []string{"input"}, "",
			fmt.Sprintf("accepted %v:8080 from %v mark %#x", facttest.ApiVIP, facttest.WebIP(2), facttest.ApiMark(2))},
		{"in the task", task, tcp(facttest.IngressLBIP(1), facttest.ApiIngressIP(2), 8080, "eth2", ""), []string{"prerouting", "input"}, "",
			fmt.Sprintf("accepted %v:8080 from %v mark 0x0", facttest.ApiIngressIP(2), facttest.IngressLBIP(1))},
		{"unpublished in the task", task, tcp(facttest.IngressLBIP(1), facttest.ApiIngressIP(2), 9999, "eth2", ""), []string{"prerouting", "input"}, "",
			fmt.Sprintf("dropped %v:9999 from %v mark 0x0", facttest.ApiIngressIP(2), facttest.IngressLBIP(1))},
	}
}

// walk says where it ends, and every rule that had a part in it.
func (w steps) walk() (ends, all string) {
	p := w.packet
	for _, hook := range w.hooks {
		got := expect.Walk(w.ns, hook, p)
		p = got.Packet
		if hook == "forward" || hook == "prerouting" {
			p.Out = w.out
		}
		all += told(got) + "\n"
		ends = fmt.Sprintf("%s %v:%d from %v mark %#x", got.Fate, p.Dst, p.DstPort, p.Src, p.Mark)
		if got.Fate != expect.Accepted {
			break
		}
	}
	return ends, all
}

// TestRestoredRulesWalkTheSame: the walks over what was saved, and over either
// backend's decode of it, meet the same rules and end as they must.
func TestRestoredRulesWalkTheSame(t *testing.T) {
	for _, engine := range engineAges {
		saved := ways(meshAsked(engine))
		for _, b := range backends {
			for i, w := range ways(moved(t, engine, b)) {
				ends, all := w.walk()
				if ends != w.ends {
					t.Errorf("%s %s, %s: %s, want %s\n%s", engine, b, w.name, ends, w.ends, all)
				}
				if _, want := saved[i].walk(); all != want {
					t.Errorf("%s %s, %s:\n%s, as saved:\n%s", engine, b, w.name, all, want)
				}
			}
		}
	}
}

// TestRestoredFaults breaks the host of node 2 by the tools that operators use,
// in either backend, and has the port time out there.
func TestRestoredFaults(t *testing.T) {
	own := func(hook string) []string {
		return []string{"nft add table inet own", "nft add chain inet own c { type filter hook " + hook + " priority -10 ; }", "nft add rule inet own c tcp dport 8080 counter drop"}
	}
	for _, f := range []struct {
		name, engine string
		commands     []string
		want, says   string
	}{
		{"chain flushed", "26.1.5", []string{"iptables -t nat -F DOCKER-INGRESS"}, "ingress-chain-missing", "--to-destination 172.18.0.9:8080"},
		{"jump gone", "20.10.24", []string{"iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS"}, "ingress-chain-missing", "-I PREROUTING"},
		{"forward jump gone", "28.5.2", []string{"iptables -D DOCKER-FORWARD -j DOCKER-INGRESS", "iptables -P FORWARD DROP"}, "ingress-chain-missing", "DOCKER-FORWARD"},
		{"port rule gone", "28.5.2", []string{"iptables -t nat -D DOCKER-INGRESS -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.9:8080"}, "ingress-port-rule-missing", "-t nat -I DOCKER-INGRESS -p tcp -m tcp --dport 8080"},
		{"wrong target", "26.1.5", []string{"iptables -t nat -R DOCKER-INGRESS 1 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.77:8080"}, "ingress-dnat-wrong-target", "-t nat -R DOCKER-INGRESS 1"},
		{"DOCKER-USER drops", "28.5.2", []string{"iptables -I DOCKER-USER -o docker_gwbridge -p tcp --dport 8080 -j DROP"}, "ingress-forward-dropped", "--dport 8080 -j ACCEPT"},
		{"answers dropped", "26.1.5", []string{"iptables -I DOCKER-USER -i docker_gwbridge -p tcp --sport 8080 -j DROP"}, "ingress-forward-dropped", "--sport 8080"},
		{"own table in forward", "26.1.5", own("forward"), "ingress-input-dropped", "nft"},
		{"own table in prerouting", "28.5.2", own("prerouting"), "ingress-input-dropped", "nft"},
		{"raw drops", "26.1.5", []string{"iptables -t raw -A PREROUTING -p tcp --dport 8080 -j DROP"}, "ingress-input-dropped", "-t raw"},
	} {
		for _, b := range backends {
			t.Run(f.name+" "+string(b), func(t *testing.T) {
				s := moved(t, f.engine, b, f.commands...)
				closed(s, 2, fact.Timeout)
				portFault(t, s, f.want, f.says)
			})
		}
	}
}
