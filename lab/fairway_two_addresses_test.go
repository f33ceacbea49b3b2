package lab_test

import (
	"os"
	"testing"

	"fairway/lab"
)

// TestFairwayTwoAddresses has a Swarm whose nodes joined with --data-path-addr,
// and firewalls that let nothing but overlay packets in at those addresses:
// nothing is wrong with that. Then either port is closed between two nodes.
func TestFairwayTwoAddresses(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "apart", Nodes: 3, Engines: []string{"26.1", "28.5", "29"}, DataPathAddrs: true, Out: os.Stderr})
	on := func(node string, rule ...string) {
		t.Helper()
		if _, err := l.Exec(t.Context(), node, append([]string{"iptables"}, rule...)...); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range l.Nodes {
		on(n.Name, "-I", "INPUT", "-d", "10.88.0.0/24", "-j", "DROP")
		on(n.Name, "-I", "INPUT", "-d", "10.88.0.0/24", "-p", "udp", "--dport", "4789", "-j", "ACCEPT")
	}
	if err := l.DeployAgents(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{question, {"check", "-o", "json"}} {
		if a := fairway(t, l, "n1", args...); a.code != 0 || len(a.Causes) != 0 || len(a.hidden()) != 0 {
			t.Fatalf("healthy, %q: exit %d, causes %+v, gaps %+v (%s)", args, a.code, a.Causes, a.Gaps, a.stderr)
		}
	}
	for _, c := range []struct {
		name, node, id string
		rule           []string
	}{
		{"the data path", "n2", "underlay-vxlan-udp-blocked", []string{"INPUT", "-d", "10.88.0.12", "-p", "udp", "--dport", "4789", "-j", "DROP"}},
		{"gossip's port", "n3", "gossip-7946-blocked", []string{"INPUT", "-d", "10.77.0.13", "-p", "tcp", "--dport", "7946", "-j", "DROP"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			on(c.node, append([]string{"-I"}, c.rule...)...)
			a := fairway(t, l, "n1", question...)
			on(c.node, append([]string{"-D"}, c.rule...)...)
			if a.code != 3 || len(a.Causes) != 1 || a.Causes[0].ID != c.id || a.Causes[0].Node != c.node {
				t.Errorf("exit %d, causes %+v, gaps %+v; want %s on %s", a.code, a.Causes, a.Gaps, c.id, c.node)
			}
		})
	}
}
