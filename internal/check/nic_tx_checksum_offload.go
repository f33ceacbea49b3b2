package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// NICTxChecksumOffload finds nodes whose network card spoils the checksums of
// what is inside overlay packets, so that the other end drops them.
var NICTxChecksumOffload = &Check{
	ID:    "nic-tx-checksum-offload",
	Title: "a network card spoils the checksums of overlay packets",
	Doc: Doc{
		Symptom: "Ping between containers on different nodes works, TCP between them never gets a connection, or is extremely slow. On one node all is well. Often on VMware (vmxnet3), after an upgrade of the kernel or the hypervisor.",
		Cause:   "The card, or the hypervisor's, is told to compute the checksum of the packet inside the VXLAN packet (tx-checksum-ip-generic, tx-udp_tnl-segmentation) and does it wrong. The receiver drops what does not add up.",
		ByHand:  "On the receiver `tcpdump -vni any tcp port PORT` in the container's namespace says \"cksum … (incorrect)\"; `nstat -az TcpInCsumErrors UdpInCsumErrors` there rises. On the sender `ethtool -k ETH | grep checksum`, `ethtool -i ETH`.",
		Relief:  "Switch the offload off on the sender's card: `ethtool -K ETH tx-checksum-ip-generic off`.",
		Fix:     "Keep it off across boots (systemd-networkd .link file, udev rule), until hypervisor, card and driver are upgraded.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindContainers, fact.KindLinks, fact.KindRoutes, fact.KindOffload, fact.KindCounters, fact.KindTCP, fact.KindMTU},
	Because: []string{"underlay-peer-unreachable"},
	Run:     checksumOffload,
}

func checksumOffload(in *In) []Finding {
	var bad, good []pair
	for _, m := range in.Seen.MTU {
		from := in.NodeNamed(m.From.Node)
		i := slices.Index(in.Sighted, from)
		if from == nil || i < 0 || m.Passed == 0 {
			continue
		}
		peer, ok := in.peerAt(from, m.Network, m.Target)
		if !ok {
			continue
		}
		there := pair{Node: from, Peer: peer, Tasks: []fact.TaskID{m.From.Task, m.To}}
		tried, open := in.answeredAt(&m)
		switch {
		case tried == 0:
		case open:
			good = append(good, there)
		default:
			bad = append(bad, in.spoilers(&m, &there)...)
		}
	}
	var out []Finding
	for _, f := range in.blame(bad, good) {
		p := &f.Pairs[0]
		link, _ := wayTo(p.Node, p.Peer.Addr)
		f.Probed = true
		f.Node, f.Subject = p.Node.Name, Subject{Kind: "link", Name: link}
		f.Message = fmt.Sprintf("TCP packets that %s of %s sends over the overlay come with wrong checksums: pings pass, no connection does", link, p.Node.Name)
		f.Confirm = fmt.Sprintf("on %s: ethtool -k %s | grep -E 'tx-checksum|udp_tnl'; on %s: nstat -az | grep Csum", p.Node.Name, quoted(link), p.Peer.Name)
		f.Relief = fmt.Sprintf("on %s: ethtool -K %s tx-checksum-ip-generic off", p.Node.Name, quoted(link))
		out = append(out, f.Finding)
	}
	return out
}

// answeredAt says how many connections were tried where a ladder was climbed,
// and whether any packet of theirs was answered. Those that an ICMP error ended
// or that were never sent say nothing.
func (in *In) answeredAt(m *fact.MTUProbe) (tried int, answer bool) {
	for _, t := range in.triedFrom(m.From.Node, m.Network) {
		if t.Target.Addr() != m.Target || t.Outcome == fact.ProbeError || t.ICMP != nil || t.Unsent {
			continue
		}
		tried++
		answer = answer || t.Outcome == fact.Open || t.Outcome == fact.Refused
	}
	return tried, answer
}

// spoilers are the directions of a pair in which checksums go wrong: the card is
// the sender's, the counters that rise are the receiver's.
func (in *In) spoilers(m *fact.MTUProbe, there *pair) []pair {
	var out []pair
	to := in.Node(there.Peer.ID)
	if in.miscounted(to, m.To, there) && offloads(there) {
		out = append(out, *there)
	}
	if to != nil {
		back := pair{Node: to, Peer: in.peerOfNode(there.Node, to), Tasks: there.Tasks}
		if in.miscounted(there.Node, m.From.Task, &back) && offloads(&back) {
			out = append(out, back)
		}
	}
	return out
}

// offloads notes which checksum offloads are on at a sender.
func offloads(p *pair) bool {
	link, _ := wayTo(p.Node, p.Peer.Addr)
	host := p.Node.Kernel.Host()
	if link == "" || host == nil {
		return false
	}
	l := host.LinkNamed(link)
	var on []string
	for _, f := range l.Offload {
		if f.On && (strings.HasPrefix(f.Name, "tx-checksum") || strings.HasPrefix(f.Name, "tx-udp_tnl")) {
			on = append(on, f.Name)
		}
	}
	slices.Sort(on)
	if len(on) > 0 {
		p.Evidence = append(p.Evidence, Evidence{fmt.Sprintf("%s: %s (%s)", p.Node.Name, link, l.Driver), "checksums right, or offload off", strings.Join(on, ", ") + " on"})
	}
	return len(on) > 0
}
