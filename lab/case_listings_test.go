package lab_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fairway/internal/fact"
)

var hostRows = []row{
	{"S1", rules("filter", fact.RoleHost)},
	{"S2", rules("nat", fact.RoleHost)},
	{"S3", rules("mangle", fact.RoleHost)},
	{"S4", listing(links, []string{"ip", "-o", "link", "show"}, fact.RoleHost)},
	{"S5", listing(addresses, []string{"ip", "-o", "-4", "address", "show"}, fact.RoleHost)},
	{"S6", listing(routes, []string{"ip", "-4", "route", "show"}, fact.RoleHost)},
}

var overlayRoles = []fact.NSRole{fact.RoleOverlay, fact.RoleLB, fact.RoleIngress}

var spaceRows = []row{
	{"S10", listing(addresses, []string{"ip", "-o", "-4", "address", "show"}, overlayRoles...)},
	{"S11", listing(routes, []string{"ip", "-4", "route", "show"}, overlayRoles...)},
	{"S12", listing(neighbours, []string{"ip", "-4", "neigh", "show"}, overlayRoles...)},
	{"S13", listing(bridges, []string{"ip", "-j", "link", "show", "type", "bridge"}, fact.RoleOverlay)},
	{"S14", listing(forwarding, []string{"bridge", "fdb", "show", "br", "br0"}, fact.RoleOverlay)},
	{"S15", func(t *testing.T, k *kept) {
		for _, table := range []string{"filter", "nat", "mangle"} {
			rules(table, overlayRoles...)(t, k)
		}
	}},
	{"S16", listing(balancers, []string{"ipvsadm", "-l", "-n"}, overlayRoles...)},
	{"S19", listing(addresses, []string{"ip", "-o", "-4", "address", "show"}, fact.RoleContainer)},
	{"S20", listing(routes, []string{"ip", "-4", "route", "show"}, fact.RoleContainer)},
	{"S21", listing(anyNeighbours, []string{"ip", "-4", "neigh", "show"}, fact.RoleContainer)},
	{"S22", func(t *testing.T, k *kept) {
		for _, table := range []string{"nat", "mangle"} {
			rules(table, fact.RoleContainer)(t, k)
		}
	}},
	{"S23", noBalancers},
}

// listing runs a command in every namespace of these roles on every node, and
// holds each of its lines against the case. It wants some lines in all.
func listing(find func(*testing.T, *fact.NetNS, string) int, argv []string, roles ...fact.NSRole) func(*testing.T, *kept) {
	return func(t *testing.T, k *kept) {
		lines := 0
		for i := range k.s.Nodes {
			n := &k.s.Nodes[i]
			if n.Kernel == nil {
				t.Fatalf("the kernel of %s was not read", n.Name)
			}
			for j := range n.Kernel.Namespaces {
				ns := &n.Kernel.Namespaces[j]
				if !slices.Contains(roles, ns.Role) {
					continue
				}
				out, ok := k.in(t, n.Name, ns, argv...)
				if ok {
					before := t.Failed()
					lines += find(t, ns, out)
					if t.Failed() && !before {
						t.Logf("on %s in %s, %v:\n%s", n.Name, ns.Name, argv, out)
					}
				}
			}
		}
		if lines == 0 {
			t.Errorf("%v printed nothing anywhere", argv)
		}
	}
}

// in runs a command in a namespace; false: it is gone, as the agents' own are.
func (k *kept) in(t *testing.T, node string, ns *fact.NetNS, argv ...string) (string, bool) {
	t.Helper()
	if ns.Role == fact.RoleHost {
		return k.on(t, node, argv...), true
	}
	if _, err := k.l.Netns(node, ns.Name); err != nil {
		return "", false
	}
	if _, err := k.l.Exec(t.Context(), node, "test", "-e", "/var/run/docker/netns/"+ns.Name); err != nil {
		return "", false
	}
	out, err := k.l.InNS(t.Context(), node, ns.Name, argv...)
	if err != nil {
		t.Fatalf("%s, %s, %v: %v\n%s", node, ns.Name, argv, err, out)
	}
	return out, true
}

// on runs a command on a node.
func (k *kept) on(t *testing.T, node string, argv ...string) string {
	t.Helper()
	out, err := k.l.Exec(t.Context(), node, argv...)
	if err != nil {
		t.Fatalf("%s, %v: %v\n%s", node, argv, err, out)
	}
	return out
}

// lost notes a line that the case does not have.
func lost(t *testing.T, line string) {
	t.Helper()
	t.Errorf("not in the case: %s", strings.TrimSpace(line))
}

// inWords are the lines of an output in words.
func inWords(out string) [][]string {
	var rows [][]string
	for line := range strings.Lines(out) {
		if f := strings.Fields(strings.ReplaceAll(line, `\`, " ")); len(f) > 0 {
			rows = append(rows, f)
		}
	}
	return rows
}

// after is the word behind a word.
func after(f []string, word string) string {
	if i := slices.Index(f, word); i >= 0 && i+1 < len(f) {
		return f[i+1]
	}
	return ""
}

// short is an interface's name without what its other end is called.
func short(name string) string {
	name, _, _ = strings.Cut(strings.TrimSuffix(name, ":"), "@")
	return name
}

func links(t *testing.T, ns *fact.NetNS, out string) int {
	rows := inWords(out)
	for _, f := range rows {
		l, mtu := ns.LinkNamed(short(f[1])), 0
		if strings.Contains(short(f[1]), "veth") && l == nil {
			continue // an agent's, which is gone by then
		}
		mtu, _ = strconv.Atoi(after(f, "mtu"))
		queue, _ := strconv.Atoi(after(f, "qlen"))
		mac, _ := fact.ParseMAC(after(f, "link/ether"))
		if l == nil || strconv.Itoa(l.Index)+":" != f[0] || l.MTU != mtu || l.MAC != mac || !strings.EqualFold(l.State, after(f, "state")) || l.QueueLen != queue ||
			l.Up != strings.Contains(strings.ReplaceAll(f[2], "LOWER_UP", ""), "UP") || l.Carrier != strings.Contains(f[2], "LOWER_UP") || l.Promisc != strings.Contains(f[2], "PROMISC") {
			t.Errorf("got %+v", l)
			lost(t, strings.Join(f, " "))
		} else if m := ns.Link(l.Master); after(f, "master") != "" && (m == nil || m.Name != after(f, "master")) {
			lost(t, strings.Join(f, " "))
		}
	}
	return len(rows)
}

func addresses(t *testing.T, ns *fact.NetNS, out string) int {
	rows := inWords(out)
	for _, f := range rows {
		p, err := netip.ParsePrefix(after(f, "inet"))
		if l := ns.LinkNamed(f[1]); err != nil || l == nil || !slices.Contains(l.Addrs, p) {
			lost(t, strings.Join(f, " "))
		}
	}
	return len(rows)
}

func routes(t *testing.T, ns *fact.NetNS, out string) int {
	rows := inWords(out)
	for _, f := range rows {
		var want fact.Route
		if f[0] != "default" {
			want.Dst, _ = netip.ParsePrefix(f[0])
			if a, err := netip.ParseAddr(f[0]); err == nil {
				want.Dst = netip.PrefixFrom(a, a.BitLen())
			}
		}
		want.Gateway, _ = netip.ParseAddr(after(f, "via"))
		want.Src, _ = netip.ParseAddr(after(f, "src"))
		if !slices.ContainsFunc(ns.Routes, func(r fact.Route) bool {
			l := ns.Link(r.Link)
			return r.Table == 254 && r.Dst == want.Dst && r.Gateway == want.Gateway && r.Src == want.Src && l != nil && l.Name == after(f, "dev")
		}) {
			lost(t, strings.Join(f, " "))
		}
	}
	return len(rows)
}

// neighbours are those that somebody configured: others come and go.
func neighbours(t *testing.T, ns *fact.NetNS, out string) int {
	rows := slices.DeleteFunc(inWords(out), func(f []string) bool { return f[len(f)-1] != "PERMANENT" })
	for _, f := range rows {
		mac, _ := fact.ParseMAC(after(f, "lladdr"))
		if !slices.ContainsFunc(ns.Neighbours, func(n fact.Neighbour) bool {
			l := ns.Link(n.Link)
			return n.IP.String() == f[0] && n.MAC == mac && n.State == fact.Permanent && l != nil && l.Name == after(f, "dev")
		}) {
			lost(t, strings.Join(f, " "))
		}
	}
	return len(rows)
}

// anyNeighbours are learned ones: what is in both is the same.
func anyNeighbours(t *testing.T, ns *fact.NetNS, out string) int {
	known := 0
	for _, f := range inWords(out) {
		for _, n := range ns.Neighbours {
			l := ns.Link(n.Link)
			if n.IP.String() != f[0] || l == nil || l.Name != after(f, "dev") {
				continue
			}
			known++
			if mac := after(f, "lladdr"); mac != "" && !n.MAC.IsZero() && mac != n.MAC.String() {
				lost(t, strings.Join(f, " "))
			}
		}
	}
	return known
}

func bridges(t *testing.T, ns *fact.NetNS, out string) int {
	var list []struct{ Ifname string }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range list {
		if b.Ifname == "" {
			continue // ip prints empty objects for links of other kinds
		}
		n++
		if l := ns.LinkNamed(b.Ifname); l == nil || l.Kind != "bridge" {
			lost(t, b.Ifname)
		}
	}
	return n
}

// forwarding rows that somebody configured; others are learned and forgotten.
func forwarding(t *testing.T, ns *fact.NetNS, out string) int {
	rows := slices.DeleteFunc(inWords(out), func(f []string) bool {
		return f[len(f)-1] != "permanent" || strings.HasPrefix(f[0], "33:33") || strings.HasPrefix(f[0], "01:00:5e")
	})
	for _, f := range rows {
		dst, _ := netip.ParseAddr(after(f, "dst"))
		if !slices.ContainsFunc(ns.FDB, func(r fact.FDBEntry) bool {
			l := ns.Link(r.Link)
			return r.MAC.String() == f[0] && r.Dst == dst && r.Permanent && l != nil && l.Name == after(f, "dev")
		}) {
			lost(t, strings.Join(f, " "))
		}
	}
	return len(rows)
}

func balancers(t *testing.T, ns *fact.NetNS, out string) int {
	var at *fact.VirtualService
	n := 0
	for _, f := range inWords(out) {
		switch f[0] {
		case "FWM":
			mark, _ := strconv.ParseUint(f[1], 10, 32)
			if at = ns.IPVS.Service("ip", uint32(mark)); at == nil || at.Scheduler != f[2] {
				lost(t, strings.Join(f, " "))
			}
			n++
		case "->":
			a, err := netip.ParseAddrPort(f[1])
			if err != nil {
				continue // the head of the table
			}
			if r := at.Backend(a.Addr()); r == nil || strconv.Itoa(r.Weight) != f[3] || !strings.EqualFold(r.Forward, f[2]) {
				lost(t, strings.Join(f, " "))
			}
			n++
		}
	}
	return n
}

// noBalancers: since 18.06 no container has any, and the case says so.
func noBalancers(t *testing.T, k *kept) {
	listing(func(t *testing.T, ns *fact.NetNS, out string) int {
		if strings.Contains(out, "FWM") || ns.IPVS != nil && len(ns.IPVS.Services) > 0 {
			t.Errorf("%s: the tool printed\n%s\nthe case has %+v", ns.Name, out, ns.IPVS)
		}
		return 1
	}, []string{"ipvsadm", "-l", "-n"}, fact.RoleContainer)(t, k)
}
