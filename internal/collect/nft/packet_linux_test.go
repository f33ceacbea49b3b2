package nft

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// TestPackets has the kernel judge. Random rules that only count stand in one
// chain, packets are sent, and a walk through each rule as it was read must say of
// each packet what the rule's counter says.
func TestPackets(t *testing.T) {
	inOwnNamespace(t, "nft", "ip")
	run(t, "", "ip", "link", "set", "lo", "up")
	r := rand.New(rand.NewPCG(4, 4))
	var rules []string
	for range 250 {
		rules = append(rules, randomRule(r)+" counter")
	}
	rules = accepted(t, rules)
	judge(t, r, rules, func(set *Ruleset) *fact.Chain { return &set.Tables[0].Chains[0] })
}

// TestPacketsOfIptables is the same for rules of iptables-nft.
func TestPacketsOfIptables(t *testing.T) {
	inOwnNamespace(t, "iptables-nft-restore", "ip")
	run(t, "", "ip", "link", "set", "lo", "up")
	r := rand.New(rand.NewPCG(4, 4))
	var rules []string
	for range 250 {
		rules = append(rules, randomIptables(r))
	}
	cmd := exec.Command("iptables-nft-restore")
	cmd.Stdin = strings.NewReader("*filter\n:INPUT DROP\n:OUTPUT ACCEPT\n" + strings.Join(rules, "\n") + "\nCOMMIT\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		lacks(t, "iptables: an extension: "+string(out))
	}
	judge(t, r, rules, func(set *Ruleset) *fact.Chain {
		nf := fact.Netfilter{Tables: set.Tables}
		return nf.Table(fact.NFTables, "ip", "filter").Chain("OUTPUT")
	})
}

// judge sends packets and compares what the rules of a chain counted with what a
// walk says.
func judge(t *testing.T, r *rand.Rand, rules []string, chain func(*Ruleset) *fact.Chain) {
	t.Helper()
	judged, unknown := 0, 0
	sent := make(map[[2]netip.AddrPort]bool)
	for range 25 {
		p := randomPacket(r)
		there, back := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
		if sent[[2]netip.AddrPort{back, there}] { // conntrack saw both directions
			p.State = "ESTABLISHED"
		}
		sent[[2]netip.AddrPort{there, back}] = true
		before := counts(chain(here(t)))
		send(t, p)
		c := chain(here(t))
		after := counts(c)
		for i, text := range rules {
			hit := after[i+1] != before[i+1]
			switch got := walk(c, i+1, p); {
			case got == expect.FateUnknown:
				unknown++
			case (got == expect.Dropped) != hit:
				t.Errorf("%s: %+v: the kernel says %v, fairway %s", text, p, hit, got)
			default:
				judged++
			}
		}
	}
	t.Logf("%d judged, %d unknown", judged, unknown)
	if judged < 10*unknown {
		t.Error("too much is unknown")
	}
}

// accepted loads the rules into one chain, without those that nft refuses because
// they contradict themselves.
func accepted(t *testing.T, rules []string) []string {
	t.Helper()
	complaint := regexp.MustCompile(`stdin:(\d+):`)
	// Nothing comes in, so that nothing is answered.
	const tail = "\n}\nchain i { type filter hook input priority 0; policy drop; }\n}\n"
	const head = "table inet t {\nchain c {\ntype filter hook output priority 0;\n"
	for range 10 {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(head + strings.Join(rules, "\n") + tail)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return rules
		}
		bad := make(map[int]bool)
		for _, m := range complaint.FindAllSubmatch(out, -1) {
			line, _ := strconv.Atoi(string(m[1]))
			bad[line-1-strings.Count(head, "\n")] = true
		}
		var good []string
		for i, rule := range rules {
			if !bad[i] {
				good = append(good, rule)
			}
		}
		if len(good) == len(rules) {
			t.Fatalf("nft: %v: %s", err, out)
		}
		rules = good
	}
	t.Fatal("nft refuses ever more rules")
	return nil
}

// walk lets a packet meet all that one rule became, each dropping it.
func walk(from *fact.Chain, number int, p expect.Packet) expect.Fate {
	c, rules := *from, []fact.Rule(nil)
	for _, rule := range c.Rules {
		if rule.Number == number {
			rule.Target = fact.Target{Kind: fact.TargetDrop}
			rules = append(rules, rule)
		}
	}
	c.Rules = rules
	table := fact.RuleTable{Backend: fact.NFTables, Family: "inet", Name: "t", Chains: []fact.Chain{c}}
	ns := fact.NetNS{Links: []fact.Link{{Index: 1, Name: "lo"}}, Netfilter: &fact.Netfilter{Tables: []fact.RuleTable{table}}}
	return expect.Walk(&ns, "output", p).Fate
}

func counts(c *fact.Chain) map[int]uint64 {
	out := make(map[int]uint64)
	for _, rule := range c.Rules {
		out[rule.Number] = rule.Hits.Packets
	}
	return out
}

// The values from which rules and packets are made: few, so that they meet.
var (
	someAddrs = []string{"127.0.0.1", "127.0.0.2", "127.0.1.1", "127.1.0.5"}
	somePorts = []uint16{1024, 1025, 4789, 8080, 9000}
	someMarks = []uint32{0, 1, 2, 0x10, 0xd0c4e3}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// randomRule is one to three random conditions.
func randomRule(r *rand.Rand) string {
	var out []string
	for range 1 + r.IntN(3) {
		out = append(out, randomMatch(r))
	}
	return strings.Join(out, " ")
}

func randomMatch(r *rand.Rand) string {
	not := pick(r, []string{"", "", "!= "})
	side := pick(r, []string{"s", "d"})
	switch r.IntN(12) {
	case 0, 1:
		return "ip " + side + "addr " + not + randomAddrs(r)
	case 2, 3, 4:
		return "udp " + side + "port " + randomPorts(r, not)
	case 5:
		return "meta mark " + not + pick(r, []string{"1", "0x10", "0xd0c4e3", "{ 1, 2 }", "{ 0, 0x10 }"})
	case 6:
		return fmt.Sprintf("meta mark & %#x %s %#x", pick(r, []uint32{1, 3, 0xff, 0xfff0}), pick(r, []string{"==", "!="}), pick(r, []uint32{0, 1, 0x10}))
	case 7:
		return "oifname " + not + pick(r, []string{`"lo"`, `"l*"`, `"eth0"`, `{ "lo", "eth0" }`, `{ "eth0", "eth1" }`})
	case 8:
		return "ct state " + pick(r, []string{"new", "established", "!= new", "{ new, established }", "established,related", "& (new|invalid) == 0"})
	case 9:
		return "meta l4proto " + not + pick(r, []string{"tcp", "udp", "{ tcp, udp }", "{ icmp, sctp }"})
	case 10:
		return pick(r, []string{"fib daddr type local", "fib saddr type != local", "fib daddr type { unicast, multicast }", "oif lo", "meta nfproto ipv4",
			"meta nfproto ipv6", "ip frag-off & 0x1fff != 0", "ip protocol udp", "ip6 saddr ::1", "@th,96,24 5", "udp dport 4789 @th,96,24 0x1001"})
	}
	return fmt.Sprintf("ip %saddr . udp dport { %s . %d, %s . %d }", side, someAddrs[0], pick(r, somePorts), someAddrs[1], pick(r, somePorts))
}

func randomAddrs(r *rand.Rand) string {
	a := pick(r, someAddrs)
	return pick(r, []string{a, a + "/31", a + "/24", a + "/12", "127.0.0.1-127.0.0.9", "127.0.0.2-127.0.1.1", "{ " + a + ", 127.0.1.0/24 }",
		"{ 127.0.0.0-127.0.0.1, 127.1.0.0/16 }"})
}

func randomPorts(r *rand.Rand, not string) string {
	n := pick(r, somePorts)
	return pick(r, []string{not + fmt.Sprint(n), not + fmt.Sprintf("%d-%d", n, n+10), not + fmt.Sprintf("{ %d, 9000-9100 }", n),
		fmt.Sprintf("< %d", n), fmt.Sprintf("<= %d", n), fmt.Sprintf("> %d", n), fmt.Sprintf(">= %d", n)})
}

// randomIptables is a random rule of iptables about UDP.
func randomIptables(r *rand.Rand) string {
	out := "-A OUTPUT"
	for range r.IntN(2) {
		out += pick(r, []string{"", " !"}) + pick(r, []string{" -s ", " -d "}) + pick(r, someAddrs) + pick(r, []string{"", "/31", "/24", "/12"})
	}
	if r.IntN(3) == 0 {
		out += pick(r, []string{"", " !"}) + " -o " + pick(r, []string{"lo", "l+", "eth0"})
	}
	out += pick(r, []string{" -p udp", " -p udp", " -p udp", " ! -p udp", " ! -p tcp", " -p tcp"})
	inUDP := strings.HasSuffix(out, " -p udp") && !strings.HasSuffix(out, " ! -p udp")
	not := pick(r, []string{"", "! "})
	a, b := pick(r, somePorts), pick(r, somePorts)
	if inUDP {
		out += pick(r, []string{"", fmt.Sprintf(" -m udp %s--dport %d", not, a), fmt.Sprintf(" -m udp %s--sport %d:%d", not, min(a, b), max(a, b)),
			fmt.Sprintf(" -m udp --sport %d %s--dport %d", a, not, b), fmt.Sprintf(" -m multiport %s--dports %d,%d", not, a, b),
			fmt.Sprintf(" -m multiport %s--ports %d,9000:9100", not, a),
			` -m udp --dport 4789 -m u32 --u32 "0>>22&0x3C@12&0xFFFFFF00=0x100100"`})
	}
	return out + " " + pick(r, []string{"", "", "-m mark " + not + "--mark " + pick(r, []string{"1", "0x10/0xff", "0/1", "0xd0c4e3"}),
		"-m conntrack " + not + "--ctstate " + pick(r, []string{"NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "NEW,INVALID"}),
		"-m addrtype " + not + "--dst-type " + pick(r, []string{"LOCAL", "UNICAST,MULTICAST"}),
		"-m iprange " + not + "--src-range 127.0.0.2-127.0.1.1", "-m comment --comment x"})
}

func randomPacket(r *rand.Rand) expect.Packet {
	return expect.Packet{Src: netip.MustParseAddr(pick(r, someAddrs)), Dst: netip.MustParseAddr(pick(r, someAddrs)), Proto: udp,
		SrcPort: pick(r, somePorts), DstPort: pick(r, somePorts), Out: "lo", Mark: pick(r, someMarks), State: "NEW", VNI: 0x1001 * uint32(r.IntN(2))}
}

// send sends the packet; its payload is a VXLAN header where it has a network.
func send(t *testing.T, p expect.Packet) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	payload := []byte{8, 0, 0, 0, byte(p.VNI >> 16), byte(p.VNI >> 8), byte(p.VNI), 0}
	for _, err := range []error{
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(p.Mark)),
		unix.Bind(fd, &unix.SockaddrInet4{Port: int(p.SrcPort), Addr: p.Src.As4()}),
		unix.Sendto(fd, payload, 0, &unix.SockaddrInet4{Port: int(p.DstPort), Addr: p.Dst.As4()}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
