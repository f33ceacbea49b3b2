package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// KernelVXLANRegression finds nodes whose kernel takes overlay packets from the
// wire and past its firewall, and does not hand them to the vxlan link.
var KernelVXLANRegression = &Check{
	ID:    "kernel-vxlan-regression",
	Title: "a node's kernel loses overlay packets that reached it",
	Doc: Doc{
		Symptom: "Traffic between nodes stops right after a new kernel was booted on one of them. Firewalls are open, packets arrive, the logs are silent.",
		Cause: "A change in the kernel's vxlan, udp or xfrm code. Known: Azure's 5.4.0-1073 (moby#41775), 5.10.96 to 5.10.103 for encrypted networks (moby#43359), " +
			"3.10.0-327 of Red Hat 7.2, fixed in -514 (moby#34015). Rarely a rule that drops by what is inside the packet.",
		ByHand: "`tcpdump -ni ETH udp port 4789` on the node shows packets coming in; in the overlay's namespace `ip -s link show vxlan0` shows no RX. `uname -r`; what else changed at the last boot?",
		Relief: "Boot the kernel that was there before; drain the node first.",
		Fix:    "Update the kernel past the faulty one, or stay with the older one. Try without offloads (`ethtool -K ETH rx off tx off`) to tell a driver's fault.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindKernel, fact.KindLinks, fact.KindNeighbours, fact.KindFDB, fact.KindCounters, fact.KindTCP, fact.KindMTU, fact.KindUnderlay},
	Because: []string{"underlay-peer-unreachable", "data-path-port-mismatch", "overlay-port-down-or-unenslaved", "vni-mismatch", "vtep-source-mismatch",
		"stale-overlay-netns", "duplicate-ip-or-vip", "nic-tx-checksum-offload", "vxlan-file-exists"},
	Run: kernelRegression,
}

func kernelRegression(in *In) []Finding {
	var out []Finding
	all := in.overlays(fact.KindLinks, fact.KindCounters)
	for i := range all {
		o := &all[i]
		if !o.deaf(&Finding{}) { // first, because asking all the others takes long
			continue
		}
		f := Finding{Node: o.Node.Name, Network: o.Net.ID, Subject: in.NodeSubject(o.Node.ID), Probed: true}
		for k := range all {
			if from := &all[k]; from.Net.ID == o.Net.ID && from.Node != o.Node {
				in.swallowed(from, o, &f)
			}
		}
		if len(f.Evidence) == 0 || !o.deaf(&f) {
			continue
		}
		bad := knownBad(o.Node.Kernel, o.Net.Encrypted)
		if o.Net.Encrypted && bad == "" {
			in.Blind("%s: %s is encrypted, and datagrams of ours say nothing of what ESP carries", o.Node.Name, o.Net.Name)
			continue
		}
		f.Certainty = Hint
		f.Message = fmt.Sprintf("overlay packets of %s reach %s and its kernel does not hand them to the vxlan link", o.Net.Name, o.Node.Name)
		if bad != "" {
			f.Certainty = Strong
			f.Message += ": " + bad
			f.Evidence = append(f.Evidence, Evidence{o.Node.Name + ": kernel", "one without known faults", o.Node.Kernel.Release + " (" + bad + ")"})
		}
		f.Confirm = fmt.Sprintf("on %s: uname -r; %sip -s link show %s; tcpdump -ni any udp port %d", f.Node, Enter(o.NS.Name), quoted(o.VXLAN().Name), expect.DataPathPort(in.Snapshot, o.Node))
		f.Relief = fmt.Sprintf("on a manager: docker node update --availability drain %s; then boot the kernel it had before", quoted(f.Node))
		f.Impact = ImpactNode(f.Node)
		out = append(out, f)
	}
	return out
}

// swallowed adds evidence where one node sends a peer what its rows say, our own
// datagrams to the peer's port pass both ways, and nothing on the overlay does.
func (in *In) swallowed(from, to *overlay, f *Finding) {
	vx := from.VXLAN()
	i := slices.IndexFunc(in.overlayPeers(from), func(q expect.Peer) bool { return q.ID == to.Node.ID })
	if i < 0 || vx == nil {
		return
	}
	p := pair{Node: from.Node, Peer: in.overlayPeers(from)[i]}
	back := pair{Node: to.Node, Peer: expect.Peer{ID: from.Node.ID, Name: from.Node.Name, Addr: expect.VTEP(in.Snapshot, from.Node.ID)}}
	r := in.readData(&p)
	if r[0].Stop != stopNone || r[1].Stop != stopNone || in.crossed(from, &p) != crossedNever || !in.rowsRight(from, &p) || !in.rowsRight(to, &back) {
		return
	}
	if tx := from.NS.Counter(vx.Name, "tx_packets"); tx == nil || !tx.Twice || tx.Delta() == 0 {
		return
	}
	sent, _ := from.sent(vx)
	f.Evidence = append(f.Evidence, r[0].Evidence, Evidence{fmt.Sprintf("%s: %s of %s", from.Node.Name, vx.Name, from.Net.Name), "answers to what was sent", sent})
	f.Evidence[len(f.Evidence)-2].Want = "arrive at the vxlan link, too"
	f.Tasks, f.Nodes = append(f.Tasks, p.Tasks...), append(f.Nodes, from.Node.ID)
}

// deaf: the vxlan link received nothing at all meanwhile.
func (o *overlay) deaf(f *Finding) bool {
	vx := o.VXLAN()
	if vx == nil {
		return false
	}
	rx := o.NS.Counter(vx.Name, "rx_packets")
	if rx == nil || !rx.Twice || rx.Delta() > 0 {
		return false
	}
	f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: %s of %s", o.Node.Name, vx.Name, o.Net.Name), "rx_packets rise", fmt.Sprintf("rx_packets stay at %d", rx.After)})
	return true
}
