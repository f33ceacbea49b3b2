package check_test

import (
	"fmt"
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// big is node 1 of a Swarm whose api has n more tasks on nodes 2 and 3, all well.
func big(n int) *fact.Snapshot {
	s := facttest.OneNode()
	e := facttest.NodeOf(s, 1).Engine
	net := e.Network(facttest.App)
	ns := facttest.Overlay(s, 1)
	for i := range n {
		ip := netip.AddrFrom4([4]byte{10, 0, byte(2 + i/200), byte(1 + i%200)})
		node := 2 + i%2
		id := fact.TaskID(fmt.Sprintf("bigapi%019d", i))
		s.Wanted.Tasks = append(s.Wanted.Tasks, fact.Task{ID: id, ServiceID: facttest.ApiService, Service: "api", Slot: 10 + i, Node: facttest.Node(node), Desired: "running", State: "running", Addresses: []fact.TaskAddress{{Network: facttest.App, Addr: netip.PrefixFrom(ip, 16)}}})
		net.Services[0].Tasks = append(net.Services[0].Tasks, fact.BelievedTask{Name: fmt.Sprintf("api.%d.%s", 10+i, id), Endpoint: fact.EndpointID(id), IP: ip, HostIP: facttest.VTEP(node)})
		ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: ip, MAC: fact.OverlayMAC(ip), Link: 10, State: fact.Permanent})
		ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: fact.OverlayMAC(ip), Link: 10, Dst: facttest.VTEP(node), Self: true, Permanent: true})
		s.Seen.TCP = append(s.Seen.TCP, fact.TCPProbe{From: facttest.Source(1), To: id, Network: facttest.App, Target: netip.AddrPortFrom(ip, 8080), Outcome: fact.Open})
	}
	return s
}

// BenchmarkRun judges what one node sees of up to a thousand backends.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{0, 200, 1000} {
		s := big(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := check.Run(s, check.All(), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
