package check

// All lists every check, earlier borders first: the order breaks ties between
// causes of the same certainty.
func All() []*Check {
	return []*Check{
		// The managers' own decisions.
		// (task-not-running availability-or-placement network-not-shared swarm-network-lazy-instantiation endpoint-mode-mismatch duplicate-ip-or-vip)
		TaskNotRunning,
		AvailabilityOrPlacement,
		GhostTasks,
		IngressNetworkUnusable,
		IngressBetween,
		NetworkNotShared,
		InternalNetworkNoEgress,
		SwarmNetworkLazyInstantiation,
		EndpointModeMismatch,
		DuplicateIPOrVIP,
		IPAMExhausted,
		AddressPoolOverlap,

		// The kernel and the underlay.
		// (ipvs-kernel-missing underlay-peer-unreachable underlay-vxlan-udp-blocked underlay-mtu-blackhole)
		DuplicateNodeIdentity,
		ManagerQuorumLost,
		ManagerPathBlocked,
		DockerdHung,
		ClockSkew,
		NeighTableOverflow,
		NetnsLeak,
		HostStarvation,
		EngineVersionSkew,
		IPVSKernelMissing,
		UnderlayPeerUnreachable,
		VXLANPortClash,
		UnderlayVXLANBlocked,
		NICTxChecksumOffload,
		UnderlayMTUBlackhole,
		KernelVXLANRegression,
		AdvertiseAddrWrong,
		VTEPSourceMismatch,
		RPFilterStrict,

		// Gossip and discovery.
		// (gossip-7946-blocked task-not-discoverable)
		GossipSplitIslands,
		Gossip7946Blocked,
		GossipUDPBlocked,
		GossipKeyMismatch,
		GossipFlapping,
		GossipBulkSync,
		NetworkDBStaleEntries,
		NetworkDBMissing,
		TaskNotDiscoverable,

		// The overlay, believed against held.
		// (data-path-port-mismatch overlay-mtu-misconfigured overlay-port-down-or-unenslaved peer-not-programmed fdb-stale-vtep overlay-neigh-missing overlay-neigh-wrong-mac)
		StaleOverlayNetns,
		VNIMismatch,
		VXLANFileExists,
		MACChangedByManager,
		DuplicateMAC,
		DataPathPortMismatch,
		OverlayMTUMisconfigured,
		OverlayPortDown,
		PeerNotProgrammed,
		FDBMissing,
		FDBStaleVTEP,
		OverlayNeighMissing,
		OverlayNeighWrongMAC,
		BridgeFDBLearnedStale,
		XfrmKeyDesync,
		NetworkAttachTimeout,

		// The host's firewall and the gateway bridge.
		// (daemon-iptables-disabled firewall-flush iptables-backend-split gwbridge-missing-or-conflict egress-gwbridge-broken)
		DaemonIPTablesDisabled,
		FirewallFlush,
		IPTablesBackendSplit,
		GwbridgeMissing,
		EgressBroken,
		EgressForwardDropped,
		ConntrackFull,

		// The routing mesh, from the host's rules to the sandbox.
		// (ingress-port-conflict-host ingress-sbox-missing)
		PublishModeHost,
		IngressPortConflict,
		IngressIPv6,
		IngressSandboxMissing,
		IngressChainMissing,
		IngressPortRuleMissing,
		IngressDNATWrongTarget,
		IngressInputDropped,
		IngressForwardDropped,

		// The load balancer, in lb_ namespaces and in the ingress sandbox.
		LBSandboxMissing,
		LBEndpointUnreachable,
		VIPDisagreement,
		LBVIPNotProgrammed,
		IngressMarkMissing,
		FWMarkRule,
		IPVSDestMissing,
		IPVSDestStale,
		IPVSWeightStuck,
		IPVSSNATMissing,
		DSRMisconfiguration,
		IPVSIdleTimeout,
		IPVSConnReuse,
		IPVSUDPSticky,

		// Rules inside the task.
		IngressRedirectMissing,
		AppFirewallInside,
		DNSResolverNATMissing,
		// (ingress-redirect-missing app-firewall-inside dns-resolver-nat-missing)

		// Names.
		// (dns-resolv-conf-overridden dns-resolver-dead dns-stale-record dns-name-collision)
		DNSResolvConfOverridden,
		DNSResolverDead,
		DNSStaleRecord,
		DNSNameCollision,
		DNSUpstreamUnreachable,
		DNSForwardLimit,
		OutsideNameUnknown,

		// Places outside the Swarm.
		OutsideUnreachable,

		// The application.
		// (app-wrong-port app-bound-to-loopback app-bound-to-one-network app-accept-queue-overflow)
		AppWrongPort,
		AppBoundToLoopback,
		AppBoundToOneNetwork,
		AppAcceptQueueOverflow,
		TaskShutdownDrainGap,
	}
}
