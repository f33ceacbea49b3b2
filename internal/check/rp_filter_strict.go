package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// RPFilterStrict finds hosts that drop a peer's packets because they come in by
// another interface than the answer would take.
var RPFilterStrict = &Check{
	ID:    "rp-filter-strict",
	Title: "the host drops a peer's packets because the way back is another",
	Doc: Doc{
		Symptom: "On a host with two interfaces, some or all peers cannot reach it, overlay and gossip alike; packets are seen to come in and are not answered.",
		Cause: "With the reverse-path filter on strict (rp_filter=1, the greater of `all` and the interface counts) the kernel drops a packet if its route back to the sender leaves by another interface. " +
			"Peers send to this node's own address, on one interface; the route to them uses the other one.",
		ByHand: "`sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.ETH.rp_filter` for the interface with the node's address, `ip route get PEER` (another `dev`), and `nstat -az TcpExtIPReversePathFilter` grows.",
		Relief: "Make the filter loose on that interface; it is in force at once.",
		Fix:    "Make the routes symmetric, or keep rp_filter=2 in sysctl.d.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindRoutes, fact.KindSysctls, fact.KindCounters},
	Because: []string{"vtep-source-mismatch", "advertise-addr-wrong"},
	Run:     rpFilter,
}

func rpFilter(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		host := in.hostOf(node, fact.KindLinks, fact.KindRoutes, fact.KindSysctls, fact.KindCounters)
		if host == nil {
			continue
		}
		own, _ := in.ownVTEP(node)
		l := host.LinkWith(own)
		if l == nil || l.Name == "lo" || l.Kind == "dummy" {
			continue // packets to it come in by some other interface, nobody knows which
		}
		key, strict := filterOn(host, l.Name)
		count := host.Counter("", "TcpExt.IPReversePathFilter")
		if !strict {
			continue
		}
		f := Finding{Certainty: Strong, Structural: true, Node: node.Name, Subject: in.NodeSubject(node.ID)}
		var peers []string
		var dev *fact.Link
		for _, peer := range expect.Peers(in.Snapshot, in.Scope, node) {
			look := wayBack(host, peer.Addr)
			if look == nil || look.Link == l.Index || host.Link(look.Link) == nil {
				continue
			}
			dev = host.Link(look.Link)
			peers = append(peers, peer.Name)
			f.Nodes = append(f.Nodes, peer.ID)
			f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: way to %s (%s)", node.Name, peer.Name, peer.Addr),
				Want: "out of " + l.Name + ", where its packets come in", Got: "out of " + dev.Name})
		}
		switch {
		case dev == nil:
			continue
		case count == nil || !count.Twice:
			in.Blind("%s: IPReversePathFilter was not sampled twice", node.Name)
			continue
		case count.Delta() == 0:
			continue
		}
		f.Evidence = append(f.Evidence, Evidence{Where: node.Name + ": " + l.Name, Want: "rp_filter 0 or 2", Got: key + " = 1"},
			Evidence{Where: node.Name + ": IPReversePathFilter", Want: "0 during the probes", Got: fmt.Sprintf("%d packets dropped", count.Delta())})
		f.Peer = onlyPeer(peers)
		f.Message = fmt.Sprintf("%s drops packets of %s that come in by %s, because it would answer by %s (rp_filter is strict)", node.Name, listed(peers), l.Name, dev.Name)
		f.Confirm = fmt.Sprintf("on %s: sysctl %s; nstat -az TcpExtIPReversePathFilter", node.Name, quoted(key))
		f.Relief = fmt.Sprintf("on %s: sysctl -w %s", node.Name, quoted("net.ipv4.conf."+dotted(l.Name)+".rp_filter=2"))
		out = append(out, f)
	}
	return out
}

// filterOn says which setting makes the reverse-path filter of an interface
// strict: the greater of its own and that for all counts, and 2 is loose.
func filterOn(host *fact.NetNS, link string) (key string, strict bool) {
	keys := []string{"net.ipv4.conf.all.rp_filter", "net.ipv4.conf." + dotted(link) + ".rp_filter"}
	values := make([]string, len(keys))
	for i, k := range keys {
		values[i], _ = host.Sysctl(k)
	}
	i := slices.Index(values, "1")
	if i < 0 || slices.Contains(values, "2") {
		return "", false
	}
	return keys[i], true
}

// dotted writes an interface's name as sysctl keys do: a dot in it is a slash.
func dotted(link string) string { return strings.ReplaceAll(link, ".", "/") }
