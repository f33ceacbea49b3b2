// Package facttest is a healthy Swarm as a value, for tests to break with one
// typed mutation.
package facttest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// Taken is when every snapshot of this package was taken.
var Taken = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// App is the overlay both services are on.
var App = fact.NetworkID(id("netapp"))

// GwBridge is the gateway bridge, as node i (from 1) knows it.
func GwBridge(i int) fact.NetworkID { return fact.NetworkID(hex("gw", i)) }

// Node, Web and Api are the IDs of node i, and of the task with slot i, from 1.
// Task i runs on node i.
func Node(i int) fact.NodeID { return fact.NodeID(id(fmt.Sprint("node", i))) }
func Web(i int) fact.TaskID  { return fact.TaskID(id(fmt.Sprint("web", i))) }
func Api(i int) fact.TaskID  { return fact.TaskID(id(fmt.Sprint("api", i))) }

// Services of the snapshot.
var (
	WebService = fact.ServiceID(id("svcweb"))
	ApiService = fact.ServiceID(id("svcapi"))
)

// Container is the container of a task.
func Container(t fact.TaskID) fact.ContainerID { return fact.ContainerID(hex("c"+string(t), 0)) }

// id makes a Swarm ID: 25 characters of base 36.
func id(s string) string { return s + strings.Repeat("0", 25-len(s)) }

func hex(s string, i int) string {
	return strings.Map(func(r rune) rune {
		if r >= 'g' && r <= 'z' {
			return 'a' + r%6
		}
		return r
	}, fmt.Sprintf("%s%d%064d", s, i, 0)[:64])
}

// VTEP is the underlay address of node i; WebIP and ApiIP are the overlay
// addresses of the tasks with slot i.
func VTEP(i int) netip.Addr  { return netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + i)}) }
func WebIP(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 1, byte(10 + i)}) }
func ApiIP(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 1, byte(20 + i)}) }
func lbIP(i int) netip.Addr  { return netip.AddrFrom4([4]byte{10, 0, 1, byte(2 + i)}) }
func gwIP(i, k int) netip.Addr {
	return netip.AddrFrom4([4]byte{172, 18, 0, byte(2 + k)})
}

// Healthy is three nodes, all seen, with services web and api (dnsrr, one task
// on each node, api listening on 8080) on the overlay app, an hour old, and the
// question "web → api:8080" probed and answered well.
func Healthy() *fact.Snapshot {
	s := &fact.Snapshot{Format: fact.Format, Tool: "test", Taken: Taken, Here: Node(1),
		Question: fact.Question{From: "web", To: "api", Port: 8080, Proto: "tcp"}, Wanted: wanted()}
	for i := 1; i <= 3; i++ {
		s.Nodes = append(s.Nodes, node(i))
	}
	seen(s)
	return s
}

// OneNode is Healthy as it looks from node 1 alone: nodes 2 and 3 are gaps.
func OneNode() *fact.Snapshot {
	s := Healthy()
	s.Nodes = s.Nodes[:1]
	for i := 2; i <= 3; i++ {
		name := fmt.Sprint("n", i)
		s.Gaps = append(s.Gaps, fact.Gap{Node: name, Kind: fact.KindNode, Class: fact.ClassUnseen,
			Reason: name + " was not looked at"})
	}
	mine := func(src fact.Source) bool { return src.Node == "n1" }
	s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return !mine(p.From) })
	s.Seen.DNS = slices.DeleteFunc(s.Seen.DNS, func(p fact.DNSProbe) bool { return !mine(p.From) })
	s.Seen.MTU = slices.DeleteFunc(s.Seen.MTU, func(p fact.MTUProbe) bool { return !mine(p.From) })
	s.Seen.Peers = slices.DeleteFunc(s.Seen.Peers, func(p fact.PeerProbe) bool { return p.Node != "n1" })
	return s
}

var hourAgo = Taken.Add(-time.Hour)

func wanted() *fact.Wanted {
	w := &fact.Wanted{ClusterID: id("cluster"), DataPathPort: 4789, Networks: []fact.Network{app()}}
	for i := 1; i <= 3; i++ {
		w.Nodes = append(w.Nodes, fact.SwarmNode{ID: Node(i), Hostname: fmt.Sprint("n", i), Role: "manager", Availability: "active",
			State: "ready", Addr: VTEP(i), ManagerAddr: VTEP(i), Leader: i == 1, Reachability: "reachable", EngineVersion: "26.1.5", OS: "linux", Arch: "x86_64",
			Created: hourAgo, Updated: hourAgo})
	}
	svc := func(id fact.ServiceID, name string) fact.Service {
		return fact.Service{ID: id, Name: name, Mode: "replicated", Replicas: 3, EndpointMode: "dnsrr", MaxPerNode: 1,
			Attached: []fact.Attachment{{Network: App}}, Created: hourAgo, Updated: hourAgo}
	}
	api := svc(ApiService, "api")
	api.Ports = []fact.Port{{Proto: "tcp", Target: 8080, Published: 8080, Mode: "host"}}
	w.Services = []fact.Service{api, svc(WebService, "web")}
	for i := 1; i <= 3; i++ {
		w.Tasks = append(w.Tasks, task(Api(i), ApiService, "api", i, ApiIP(i)))
	}
	for i := 1; i <= 3; i++ {
		w.Tasks = append(w.Tasks, task(Web(i), WebService, "web", i, WebIP(i)))
	}
	return w
}

func app() fact.Network {
	return fact.Network{ID: App, Name: "app", Driver: "overlay", Scope: "swarm", Attachable: true, VNIs: []uint32{4097}, Created: hourAgo,
		Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("10.0.1.0/24"), Gateway: netip.MustParseAddr("10.0.1.1")}}}
}

func task(t fact.TaskID, svc fact.ServiceID, name string, i int, ip netip.Addr) fact.Task {
	return fact.Task{ID: t, ServiceID: svc, Service: name, Slot: i, Node: Node(i), Desired: "running", State: "running",
		Message: "started", Container: Container(t), Addresses: []fact.TaskAddress{{Network: App, Addr: netip.PrefixFrom(ip, 24)}},
		Created: hourAgo, Updated: hourAgo, StateSince: hourAgo}
}

func node(i int) fact.Node {
	n := fact.Node{ID: Node(i), Name: fmt.Sprint("n", i)}
	n.Engine = engine(i)
	n.Kernel = kernel(i)
	n.Said = said(i)
	return n
}

func endpoint(t fact.TaskID) fact.EndpointID { return fact.EndpointID(hex("e"+string(t), 0)) }

func engine(i int) *fact.Engine {
	e := &fact.Engine{ID: fmt.Sprint("engine", i), Version: "26.1.5", APIVersion: "1.45", KernelVersion: "6.18.0", OS: "linux", Arch: "x86_64",
		RootDir: "/var/lib/docker", Started: hourAgo, SystemTime: Taken,
		Swarm: fact.EngineSwarm{NodeID: Node(i), NodeAddr: VTEP(i), State: "active", Manager: true, DataPathPort: 4789}}
	net := fact.EngineNetwork{Network: app(), Instantiated: true}
	for k := 1; k <= 3; k++ {
		net.Peers = append(net.Peers, fact.Peer{Name: PeerName(k), IP: VTEP(k)})
	}
	net.Endpoints = []fact.Endpoint{{Key: "lb-app", Name: "app-endpoint", ID: fact.EndpointID(hex("lb", i)), MAC: fact.OverlayMAC(lbIP(i)), Addr: netip.PrefixFrom(lbIP(i), 24)}}
	for _, svc := range []string{"api", "web"} {
		b := fact.BelievedService{Name: svc}
		for k := 1; k <= 3; k++ {
			t, ip := Web(k), WebIP(k)
			if svc == "api" {
				t, ip = Api(k), ApiIP(k)
			}
			full := fmt.Sprintf("%s.%d.%s", svc, k, t)
			b.Tasks = append(b.Tasks, fact.BelievedTask{Name: full, Endpoint: endpoint(t), IP: ip, HostIP: VTEP(k)})
			if k == i {
				net.Endpoints = append(net.Endpoints, fact.Endpoint{Key: string(Container(t)), Name: full, ID: endpoint(t), MAC: fact.OverlayMAC(ip), Addr: netip.PrefixFrom(ip, 24)})
				e.Containers = append(e.Containers, container(t, svc, full, ip, i))
			}
		}
		net.Services = append(net.Services, b)
	}
	gw := fact.EngineNetwork{Instantiated: true, Network: fact.Network{ID: GwBridge(i), Name: "docker_gwbridge", Driver: "bridge", Scope: "local",
		Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("172.18.0.0/16"), Gateway: netip.MustParseAddr("172.18.0.1")}}, Created: hourAgo}}
	e.Networks = []fact.EngineNetwork{gw, net}
	return e
}

func container(t fact.TaskID, svc, full string, ip netip.Addr, i int) fact.Container {
	c := Container(t)
	service := WebService
	if svc == "api" {
		service = ApiService
	}
	return fact.Container{ID: c, Name: full, ServiceID: service, ServiceName: svc, TaskID: t, TaskName: full, State: "running", Pid: 1000 + i,
		SandboxKey: "/var/run/docker/netns/" + Sandbox(t), ResolvConfPath: "/var/lib/docker/containers/" + string(c) + "/resolv.conf",
		NetworkMode: string(App), Created: hourAgo, Started: hourAgo,
		Endpoints: []fact.ContainerEndpoint{{Network: App, NetworkName: "app", Endpoint: endpoint(t), Addr: netip.PrefixFrom(ip, 24), MAC: fact.OverlayMAC(ip)}}}
}

// Sandbox is the name of a task's namespace.
func Sandbox(t fact.TaskID) string { return hex("5"+string(t), 0)[:12] }

// OverlayNS is the name of the overlay's namespace on every node.
func OverlayNS() string { return "1-" + string(App[:10]) }
