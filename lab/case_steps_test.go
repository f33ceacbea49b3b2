package lab_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

var containerRows = []row{{"S7", overlaysListed}, {"S8", overlaysInspected}, {"S9", answered("duplicate-ip-or-vip")}, {"S17", containersListed},
	{"S18", containersInspected}, {"S24", answered("vip-disagreement", "ipvs-dest-missing", "networkdb-stale-entries")}, {"S25", counted}}

var stepRows = []row{{"R1", namesLookedUp}, {"R2", connected}, {"R3", lookedUpAgain}, {"R4", hostOfFailed}, {"R5", tasksListed}, {"R6", tasksInspected},
	{"R7", logged}, {"R8", virtualIPs}, {"R9", requested}, {"R10", marked}, {"R11", listing(balancers, []string{"ipvsadm", "-l", "-n"}, fact.RoleIngress)}}

// decoded runs a command that prints JSON.
func decoded[T any](t *testing.T, k *kept, node string, argv ...string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(k.on(t, node, argv...)), &v); err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	return v
}

// overlaysOf are the IDs of the overlays that a node's engine lists.
func overlaysOf(t *testing.T, k *kept, node string) []string {
	t.Helper()
	return strings.Fields(k.on(t, node, "docker", "network", "ls", "--no-trunc", "--filter", "driver=overlay", "-q"))
}

func overlaysListed(t *testing.T, k *kept) {
	for i := range k.s.Nodes {
		n := &k.s.Nodes[i]
		list := overlaysOf(t, k, n.Name)
		if len(list) < 2 {
			t.Errorf("%s lists %v", n.Name, list)
		}
		for _, id := range list {
			if n.Engine.Network(fact.NetworkID(id)) == nil {
				lost(t, id)
			}
		}
	}
}

// inspected is what is compared of `docker network inspect --verbose`.
type inspected struct {
	Name, Id, Driver, Scope       string
	Internal, Attachable, Ingress bool
	IPAM                          struct {
		Config []struct{ Subnet, Gateway string }
	}
	Containers map[string]struct{ Name, EndpointID, MacAddress, IPv4Address string }
	Peers      []struct{ Name, IP string }
	Services   map[string]struct {
		VIP          string
		LocalLBIndex uint32
		Tasks        []struct {
			Name, EndpointID, EndpointIP string
			Info                         map[string]string
		}
	}
}

func overlaysInspected(t *testing.T, k *kept) {
	tasks := 0
	for i := range k.s.Nodes {
		n := &k.s.Nodes[i]
		for _, id := range overlaysOf(t, k, n.Name) {
			for _, in := range decoded[[]inspected](t, k, n.Name, "docker", "network", "inspect", "--verbose", id) {
				tasks += wantNetwork(t, n.Engine.Network(fact.NetworkID(id)), &in)
			}
		}
	}
	if tasks == 0 {
		t.Error("no engine tells of any task")
	}
}

func wantNetwork(t *testing.T, n *fact.EngineNetwork, in *inspected) (tasks int) {
	t.Helper()
	if n == nil || n.Name != in.Name || n.Driver != in.Driver || n.Scope != in.Scope || n.Ingress != in.Ingress || n.Internal != in.Internal || n.Attachable != in.Attachable {
		lost(t, in.Name)
		return 0
	}
	for _, c := range in.IPAM.Config {
		if !slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Prefix.String() == c.Subnet && s.Gateway.String() == c.Gateway }) {
			lost(t, in.Name+" "+c.Subnet)
		}
	}
	for _, p := range in.Peers {
		if !slices.ContainsFunc(n.Peers, func(q fact.Peer) bool { return q.Name == p.Name && q.IP.String() == p.IP }) {
			lost(t, in.Name+" peer "+p.Name)
		}
	}
	for key, c := range in.Containers {
		if !slices.ContainsFunc(n.Endpoints, func(e fact.Endpoint) bool {
			return e.Key == key && string(e.ID) == c.EndpointID && e.MAC.String() == c.MacAddress && e.Addr.String() == c.IPv4Address
		}) {
			lost(t, in.Name+" endpoint "+key)
		}
	}
	for name, s := range in.Services {
		vip, _ := netip.ParseAddr(s.VIP)
		i := slices.IndexFunc(n.Services, func(b fact.BelievedService) bool { return b.Name == name && b.VIP == vip && b.FWMark == s.LocalLBIndex })
		if i < 0 {
			lost(t, in.Name+" service "+name)
			continue
		}
		for _, task := range s.Tasks {
			tasks++
			if !slices.ContainsFunc(n.Services[i].Tasks, func(b fact.BelievedTask) bool {
				return b.Name == task.Name && string(b.Endpoint) == task.EndpointID && b.IP.String() == task.EndpointIP && b.HostIP.String() == task.Info["Host IP"]
			}) {
				lost(t, in.Name+" task "+task.Name)
			}
		}
	}
	return tasks
}

// answered wants that the case answers by these checks.
func answered(ids ...string) func(*testing.T, *kept) {
	return func(t *testing.T, k *kept) {
		out := run(t, k.l, "n1", "check", "-o", "json", "--case", "/lab/case.fairway")
		var r struct {
			Checks []struct{ ID, Answer string }
		}
		if err := json.Unmarshal([]byte(out.out), &r); err != nil {
			t.Fatalf("%v: %s%s", err, out.out, out.err)
		}
		for _, id := range ids {
			i := slices.IndexFunc(r.Checks, func(c struct{ ID, Answer string }) bool { return c.ID == id })
			if i < 0 || r.Checks[i].Answer != "ok" {
				t.Errorf("%s is not answered ok: %+v", id, r.Checks)
			}
		}
	}
}

func containersListed(t *testing.T, k *kept) {
	states := map[string]int{}
	for i := range k.s.Nodes {
		n := &k.s.Nodes[i]
		for _, f := range inWords(k.on(t, n.Name, "docker", "container", "ls", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}} {{.Names}}")) {
			if strings.HasPrefix(f[2], "fairway-agent") {
				continue // it ended with the case
			}
			states[f[1]]++
			running := n.Engine.Container(fact.ContainerID(f[0]))
			rests := slices.ContainsFunc(n.Engine.AtRest, func(c fact.RestingContainer) bool {
				return string(c.ID) == f[0] && c.State == f[1] && c.Name == f[2] && c.Status != ""
			})
			if running != nil && running.State == f[1] == rests {
				lost(t, strings.Join(f, " "))
			}
		}
	}
	if states["running"] < 6 || states["created"] != 1 {
		t.Errorf("listed %v", states)
	}
}

func containersInspected(t *testing.T, k *kept) {
	for i := range k.s.Nodes {
		n := &k.s.Nodes[i]
		for _, id := range strings.Fields(k.on(t, n.Name, "docker", "container", "ls", "--no-trunc", "-q")) {
			in := decoded[[]struct {
				Name            string
				RestartCount    int
				State           struct{ Status, StartedAt string }
				Config          struct{ Labels map[string]string }
				NetworkSettings struct {
					SandboxKey string
					Networks   map[string]struct{ NetworkID, EndpointID, IPAddress, MacAddress string }
				}
			}](t, k, n.Name, "docker", "container", "inspect", id)[0]
			if strings.HasPrefix(in.Name, "/fairway-agent") {
				continue
			}
			c := n.Engine.Container(fact.ContainerID(id))
			started, _ := time.Parse(time.RFC3339Nano, in.State.StartedAt)
			if c == nil || "/"+c.Name != in.Name || c.Restarts != in.RestartCount || c.State != in.State.Status || !c.Started.Equal(started) ||
				c.SandboxKey != in.NetworkSettings.SandboxKey || string(c.TaskID) != in.Config.Labels["com.docker.swarm.task.id"] {
				lost(t, in.Name)
				continue
			}
			for name, e := range in.NetworkSettings.Networks {
				at := c.On(fact.NetworkID(e.NetworkID))
				if at == nil || string(at.Endpoint) != e.EndpointID || at.Addr.Addr().String() != e.IPAddress || at.MAC.String() != e.MacAddress {
					lost(t, in.Name+" on "+name)
				}
			}
		}
	}
}

func counted(t *testing.T, k *kept) {
	for i := range k.s.Nodes {
		n := &k.s.Nodes[i]
		overlays := 0
		for j := range n.Engine.Networks {
			if n.Engine.Networks[j].Driver == "overlay" {
				overlays++
			}
		}
		if want := len(overlaysOf(t, k, n.Name)); overlays != want {
			t.Errorf("%s: %d overlays, want %d", n.Name, overlays, want)
		}
		running := len(strings.Fields(k.on(t, n.Name, "docker", "container", "ls", "-q")))
		if got := len(n.Engine.Containers); got < running {
			t.Errorf("%s: %d containers, want at least %d", n.Name, got, running)
		}
	}
}

func namesLookedUp(t *testing.T, k *kept) {
	n := 0
	for _, p := range k.s.Seen.DNS {
		if p.Type != "A" || p.From.NetNS == "" || p.Outcome != fact.Open || !strings.HasPrefix(p.Name, "tasks.") {
			continue
		}
		out, err := k.l.InNS(t.Context(), p.From.Node, p.From.NetNS, "dig", "+short", "@"+p.Server.Addr().String(), "-p", strconv.Itoa(int(p.Server.Port())), p.Name)
		if err != nil {
			t.Fatal(err, out)
		}
		for _, a := range strings.Fields(out) {
			n++
			if ip, _ := netip.ParseAddr(a); !slices.Contains(p.Addrs, ip) {
				lost(t, p.Name+" "+a)
			}
		}
	}
	if n == 0 {
		t.Error("no name of tasks was looked up")
	}
}

func connected(t *testing.T, k *kept) {
	outcomes := map[bool]int{}
	for _, p := range k.s.Seen.TCP {
		if p.From.Node != "n1" || len(outcomes) == 2 && outcomes[true] > 3 {
			continue
		}
		_, err := k.l.InNS(t.Context(), p.From.Node, p.From.NetNS, "nc", "-z", "-w", "2", p.Target.Addr().String(), strconv.Itoa(int(p.Target.Port())))
		outcomes[err == nil]++
		if (p.Outcome == fact.Open) != (err == nil) {
			t.Errorf("%s to %s: the case has %s, nc %v", p.From.NetNS, p.Target, p.Outcome, err)
		}
	}
	if len(outcomes) != 2 {
		t.Errorf("connections that stand and that fail: %v", outcomes)
	}
}

func lookedUpAgain(t *testing.T, k *kept) {
	n := 0
	for _, p := range k.s.Seen.DNS {
		if p.Type != "PTR" || p.Outcome != fact.Open {
			continue
		}
		out, err := k.l.InNS(t.Context(), p.From.Node, p.From.NetNS, "dig", "+short", "@"+p.Server.Addr().String(), "-x", p.Name)
		if err != nil {
			t.Fatal(err, out)
		}
		for _, name := range strings.Fields(out) {
			n++
			if !slices.Contains(p.Names, strings.TrimSuffix(name, ".")) {
				lost(t, p.Name+" "+name)
			}
		}
	}
	if n == 0 {
		t.Error("no address was looked up")
	}
}

func hostOfFailed(t *testing.T, k *kept) {
	i := slices.IndexFunc(k.s.Seen.TCP, func(p fact.TCPProbe) bool { return p.Outcome != fact.Open && p.To != "" })
	if i < 0 {
		t.Fatal("no connection failed")
	}
	p := &k.s.Seen.TCP[i]
	host := k.s.Wanted.Node(k.s.Wanted.Task(p.To).Node)
	told := k.s.NodeNamed(p.From.Node).Engine.Network(p.Network)
	for _, s := range told.Services {
		for _, task := range s.Tasks {
			if task.IP == p.Target.Addr() && task.HostIP == host.Addr {
				return
			}
		}
	}
	t.Errorf("gossip's host of %s is not in the case: %+v", p.Target, told.Services)
}
