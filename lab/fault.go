package lab

import (
	"context"
	"fmt"
	"net/netip"
)

// Fault is one way to break a Swarm, and the truth about it.
//
// To add one: write fault_ID.go (dashes as underscores) with a function that returns the Fault, and name it in [Faults].
//   - Break changes the lab with the system's own tools (l.Exec, l.InNS, l.InOverlay) or the engine API only, never with
//     fairway's packages: a bug there must not hide itself. What Heal needs goes into d.Note *before* the change, because
//     heal may be another process. At the end Break proves that the fault is in force (l.expectConnect, or reading the row
//     back) and returns an error if it is not.
//   - Heal leaves everything exactly as it was, works when Break stopped half-way, and proves that it is healed.
//   - Want says what to ask and what must be found.
//
// Fault_test.go runs every fault in the list: healthy, Break, Heal, and the same kernel state as before.
type Fault struct {
	ID    string
	Doc   string // one sentence
	Layer string // U underlay, C control plane, X vxlan, D names, A application, O operator, K kernel, B bridge, L load balancer, I routing mesh
	// Renews: healing leaves tasks of web or api replaced by new ones, so the kernel state is as healthy as before and
	// not the same.
	Renews bool
	// TwoEnds: one node alone cannot tell.
	TwoEnds bool
	// OnHost: an agent cannot tell, because what tells is in a file of the host that agents do not see.
	OnHost bool
	// Kernel is the feature of a kernel that the fault needs: "ip_vs"; "no ip_vs" where it must be missing; "user mode
	// linux" where the fault changes what all namespaces share; empty for none.
	// Labs with another kernel leave the fault out.
	Kernel string
	// NotOn are the engines on which the fault cannot exist, each with the reason.
	NotOn map[string]string
	Break func(ctx context.Context, l *Lab, d *Draw) error
	Heal  func(ctx context.Context, l *Lab, d *Draw) error
	Want  func(l *Lab, d *Draw) Want
}

// Want is the question to ask and the causes to expect, and no other.
type Want struct {
	On       string // node to run fairway on
	From, To string // as typed: web api:8080; both empty: the whole Swarm, by fairway check
	Since    string // --since; empty for now
	Causes   []Cause
	Unseen   []string // nodes that the fault may hide from fairway; it says so
	NoAgents []string // nodes that take no new agent now
}

// Cause is a cause expected in a report; an empty field is not compared.
type Cause struct {
	ID      string `json:"id,omitempty"`
	Node    string `json:"node,omitempty"`
	Network string `json:"network,omitempty"`
	Kind    string `json:"kind,omitempty"` // of the subject, as its name
	Name    string `json:"name,omitempty"`
	Peer    string `json:"peer,omitempty"`
	// Hint: the evidence bears no more than a hint, so fairway is not sure.
	Hint bool `json:"hint,omitempty"`
}

// Faults lists all faults.
func Faults() []Fault {
	return []Fault{
		fdbMissing(),
		fdbStaleVTEP(),
		overlayNeighMissing(),
		overlayNeighWrongMAC(),
		peerNotProgrammed(),
		overlayPort(),
		underlayVXLANBlocked(),
		underlayVXLANPeerIn(),
		underlayVXLANPeerOut(),
		underlayVXLANPeerFromOne(),
		underlayVXLANWire(),
		vxlanPortClash(),
		kernelVXLANRegression(),
		nicTxChecksumOffload(),
		gossipUDPBlocked(),
		gossipBlocked(),
		gossipSplitIslands(),
		gossipFlapping(),
		gossipKeyMismatch(),
		gossipBulkSync(),
		networkDBStaleEntries(),
		networkDBMissing(),
		duplicateNodeIdentity(),
		managerPathBlocked(),
		managerQuorumLost(),
		dockerdHung(),
		ipamExhausted(),
		addressPoolOverlap(),
		addressPoolOverlapAsked(),
		addressPoolOverlapBridge(),
		taskNotRunningCrash(),
		taskNotRunningImage(),
		placementConstraint(),
		placementDrained(),
		taskNotDiscoverable(),
		networkNotShared(),
		ingressBetween(),
		ingressUnusable(),
		publishModeHost(),
		conntrackFull(),
		neighTableOverflow(),
		ipvsIdleTimeout(),
		ipvsUDPSticky(),
		ingressIPv6(),
		lazyInstantiation(),
		appWrongPort(),
		appBoundToLoopback(),
		appBoundToOneNetwork(),
		appAcceptQueueOverflow(),
		drainGap(),
		ipvsKernelMissing(),
		firewallFlush(),
		daemonIPTablesDisabled(),
		iptablesBackendSplit(),
		gwbridgeMissing(),
		egressRoute(),
		egressMasquerade(),
		egressRouteAsked(),
		egressMasqueradeAsked(),
		egressForwardDropped(),
		internalNetwork(),
		outsideRefused(),
		outsideSilent(),
		outsideNameUnknown(),
		appFirewallInside(),
		endpointModeMismatch(),
		overlayMTUOption(),
		overlayMTUSandbox(),
		overlayMTUNode(),
		dataPathPortMismatch(),
		dnsUpstream(),
		dnsUpstreamAsked(),
		dnsForwardLimit(),
		dnsResolverDead(),
		dnsResolverNATMissing(),
		dnsResolverNATAstray(),
		dnsResolvConfOverridden(),
		dnsStaleRecord(),
		dnsNameCollisionAlias(),
		dnsNameCollisionContainer(),
		duplicateIP(),
		vniMismatch(),
		vxlanFileExists(),
		staleOverlayNetns(),
		duplicateMAC(),
		macChanged(),
		bridgeFDBLearned(),
		vtepSource(),
		advertiseAddr(),
		rpFilter(),
		underlayMTUBlackhole(),
		underlayPeerRoute(),
		underlayPeerCable(),
		ingressChainFlush(),
		ingressChainJump(),
		ingressPortRule(),
		ingressDNATTarget(),
		ingressForwardDropped(),
		ingressInputTable(),
		ingressInputRaw(),
		ingressSandbox(),
		ingressMark(),
		ingressService(),
		ingressAccept(),
		ingressRedirect(),
		ingressPortConflict(),
		lbSandboxMissing(),
		lbEndpointUnreachable(),
		lbVIPNotProgrammed(),
		vipDisagreement(),
		fwmarkMissing(),
		fwmarkConflicting(),
		ipvsDestMissing("ipvs-dest-missing", ""),
		ipvsDestMissing("ipvs-dest-missing-ingress", ingress),
		ipvsDestStale("ipvs-dest-stale", ""),
		ipvsDestStale("ipvs-dest-stale-ingress", ingress),
		ipvsWeightStuck("ipvs-weight-stuck", ""),
		ipvsWeightStuck("ipvs-weight-stuck-ingress", ingress),
		ipvsSNATMissing("ipvs-snat-or-vs-conntrack-missing", "", withoutSNAT),
		ipvsSNATMissing("ipvs-snat-missing-ingress", ingress, withoutSNAT),
		ipvsSNATMissing("ipvs-vs-conntrack-missing", "", "sysctl -qw net.ipv4.vs.conntrack=0"),
		dsrMisconfiguration(),
	}
}

// FindFault finds a fault by its ID.
func FindFault(id string) (Fault, error) {
	for _, f := range Faults() {
		if f.ID == id {
			return f, nil
		}
	}
	return Fault{}, fmt.Errorf("no fault %q: see fairway-lab faults", id)
}

// Fits tells whether the kernel of labs here has what a fault needs.
func (f Fault) Fits() bool {
	switch f.Kernel {
	case "":
		return true
	case ownKernel:
		return InUML()
	}
	return (f.Kernel == needsIPVS) == hasIPVS()
}

// target is where the drawn frontend wants to connect to.
func (d *Draw) target() netip.AddrPort {
	return netip.AddrPortFrom(d.PeerTask.Addrs[d.Network], uint16(d.Port))
}

// checkNode is a check of the whole Swarm that finds one cause, on the drawn node.
func (d *Draw) checkNode(id string) Want {
	return Want{On: d.Node, Causes: []Cause{{ID: id, Node: d.Node}}}
}

// ask is the usual question: the drawn pair of services, from the drawn node.
func (d *Draw) ask(causes ...Cause) Want {
	return Want{On: d.Node, From: d.Task.Service, To: fmt.Sprintf("%s:%d", d.PeerTask.Service, d.Port), Causes: causes}
}
