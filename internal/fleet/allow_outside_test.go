package fleet

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

// outsideEngine has one container, on an overlay.
func outsideEngine() *fact.Engine {
	return &fact.Engine{Containers: []fact.Container{{ID: "c1", SandboxKey: "/var/run/docker/netns/abc"}, {ID: "c2", NetworkMode: "host", SandboxKey: "/var/run/docker/netns/default"}},
		Networks: []fact.EngineNetwork{
			{Network: fact.Network{Driver: "overlay", Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("10.0.1.0/24")}}}},
			{Network: fact.Network{Driver: "bridge", Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("172.18.0.0/16")}}}}}}
}

// toPlaces asks for connections to those places, each from a task and its host.
func toPlaces(to ...string) *ProbeRequest {
	r := &ProbeRequest{Limit: 2, Spaces: []Space{{Name: "abc"}, {Name: "default", Role: fact.RoleHost}}}
	for _, t := range to {
		at := netip.MustParseAddrPort(t)
		r.Probes.TCP = append(r.Probes.TCP, fact.TCPProbe{From: fact.Source{Container: "c1", NetNS: "abc"}, Target: at})
		r.Probes.Peers = append(r.Probes.Peers, fact.PeerProbe{What: fact.WhatOutside, Target: at})
	}
	return r
}

func TestAllowOutside(t *testing.T) {
	for _, c := range []struct {
		name, to string
		change   func(*ProbeRequest)
		ok       bool
	}{
		{"a database", "203.0.113.5:5432", nil, true},
		{"a private address", "192.168.7.5:5432", nil, true},
		{"IPv6", "[2001:db8::5]:443", nil, true},
		{"no port", "203.0.113.5:0", nil, false},
		{"loopback", "127.0.0.1:2375", nil, false},
		{"cloud metadata", "169.254.169.254:80", nil, false},
		{"multicast", "224.0.0.5:80", nil, false},
		{"a container on a bridge", "172.18.0.3:80", nil, false},
		{"a container on a bridge, as IPv6", "[::ffff:172.18.0.3]:80", nil, false},
		{"a place on an overlay, as IPv6", "[::ffff:10.0.1.7]:80", nil, false},
		{"from nobody", "203.0.113.5:5432", func(r *ProbeRequest) { r.Probes.TCP[0].From.Container = "c9" }, false},
		{"from the host's namespace by a container's name", "203.0.113.5:5432", func(r *ProbeRequest) { r.Probes.TCP[0].From = fact.Source{Container: "c2", NetNS: "default"} }, false},
		{"by the host as gossip", "203.0.113.5:5432", func(r *ProbeRequest) { r.Probes.Peers[0].What = "gossip" }, false},
	} {
		r := toPlaces(c.to)
		if c.change != nil {
			c.change(r)
		}
		if err := Allow(outsideEngine(), r); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	var many []string
	for i := range placesAtOnce + 1 {
		many = append(many, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 443).String())
	}
	if err := Allow(outsideEngine(), toPlaces(many[:placesAtOnce]...)); err != nil {
		t.Errorf("%d places: %v", placesAtOnce, err)
	}
	if err := Allow(outsideEngine(), toPlaces(many...)); err == nil || !strings.Contains(err.Error(), "9 places") {
		t.Errorf("a scan of %d places: %v", len(many), err)
	}
}

// TestPlacesAnHour: an agent forgets after an hour, and the same place again costs nothing.
func TestPlacesAnHour(t *testing.T) {
	var p Places
	now := time.Unix(1e9, 0)
	ask := func(i int) error {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 443)
		return p.Allow(outsideEngine(), toPlaces(to.String()), now)
	}
	for i := range placesAnHour {
		if err := ask(i); err != nil {
			t.Fatalf("place %d: %v", i, err)
		}
	}
	if err := ask(placesAnHour); err == nil || !strings.Contains(err.Error(), "32 different places") {
		t.Errorf("one more: %v", err)
	}
	if err := ask(3); err != nil {
		t.Errorf("a known one: %v", err)
	}
	if err := p.Allow(outsideEngine(), toPlaces("10.0.1.7:80"), now); err == nil {
		t.Error("a peer probe into an overlay is a place, too")
	}
	now = now.Add(time.Hour + time.Second)
	if err := ask(placesAnHour); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}
