package said

import (
	"regexp"

	"fairway/internal/fact"
)

// managers is what SwarmKit says: the managers, and a node's link to them.
var managers = []Pattern{
	{
		ID: "swarm-no-leader", From: fact.FromEngine,
		Literals: []string{"The swarm does not have a leader"},
		Means:    "too few managers reach each other",
		Points:   []string{"manager-quorum-lost"},
	},
	{
		ID: "swarm-certificate", From: fact.FromEngine,
		Literals: []string{"certificate has expired or is not yet valid"},
		Means:    "a node's certificate has run out, or its clock is wrong",
		Points:   []string{"swarm-cert-expired", "clock-skew"},
	},
	{
		ID: "swarm-session-failed", From: fact.FromEngine,
		Literals: []string{"agent: session failed"},
		Means:    "this node lost its manager: the path to 2377, or the manager",
		Benign:   "once, while a manager or this engine is stopped",
		Innocent: regexp.MustCompile(`context canceled|node is being removed`),
		Points:   []string{"manager-path-2377-blocked", "manager-quorum-lost"},
		Get:      re(`dial tcp (?:\S+->)?(?P<addr>[0-9a-fA-F.:\[\]]+): `),
	},
	{
		ID: "swarm-heartbeat-failed", From: fact.FromEngine,
		Literals: []string{"heartbeat to manager "},
		With:     regexp.MustCompile(`heartbeat to manager .* failed`),
		Means:    "this node's manager did not answer a heartbeat; after three it is called down",
		Points:   []string{"manager-path-2377-blocked", "host-starvation"},
		Get:      re(`heartbeat to manager \{\S* ?(?P<addr>[0-9a-fA-F.:\[\]]+)\}`),
	},
	{
		ID: "swarm-election", From: fact.FromEngine,
		Literals: []string{"is starting a new election at term"},
		Means:    "a manager hears no leader and asks to be one",
		Benign:   "once, when a leader was stopped",
		Innocent: never,
		Points:   []string{"manager-quorum-lost", "host-starvation"},
	},
	{
		ID: "swarm-leader-lost", From: fact.FromEngine,
		Literals: []string{"node no longer a leader, resetting"},
		Means:    "this manager was the leader and is not any more",
		Benign:   "once, where its engine was stopped",
		Innocent: never,
		Points:   []string{"manager-quorum-lost"},
	},
	{
		ID: "swarm-manager-unreached", From: fact.FromEngine,
		Literals: []string{"error sending message to peer"},
		Means:    "a manager did not reach another on 2377",
		Benign:   "while it or the other is stopped",
		Innocent: regexp.MustCompile(`context canceled`),
		Points:   []string{"manager-quorum-lost", "manager-path-2377-blocked"},
		Get:      re(`dial tcp (?:\S+->)?(?P<addr>[0-9a-fA-F.:\[\]]+): `),
	},
	{
		ID: "ipam-exhausted", From: fact.FromEngine,
		Literals: []string{"could not find an available IP", "ip addresses may be exhausted", "addresses on this network's address pools",
			"no available addresses on this pool"},
		Means:  "a network has no address left for a task, a virtual address or a node's balancer",
		Points: []string{"ipam-exhausted"},
		Get:    re(`address pools: \S+ \((?P<network>\w+)\)`, `network (?P<network>[0-9a-z]{25})\b`),
	},
	{
		ID: "ipam-state-damaged", From: fact.FromEngine,
		Literals: []string{"IPAM failure while releasing", "failed to allocate gateway ("},
		Means:    "the managers' book of addresses contradicts itself",
		Points:   []string{"duplicate-ip-or-vip"},
		Get:      re(`gateway \((?P<addr>[0-9a-fA-F.:]+)\)`, `address (?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "allocation-failed", From: fact.FromEngine,
		Literals: []string{"Failed to allocate network resources for node", "Failed allocation for network ", "Failed allocation for service ",
			"Failed allocation during update of service", "failed to allocate network IP for task"},
		Means:    "the managers could not give a network, a service, a task or a node its addresses",
		Benign:   "for a network that is being removed",
		Innocent: regexp.MustCompile(`could not find network allocator state`),
		Points:   []string{"ipam-exhausted", "ingress-network-unusable", "network-attach-timeout"},
		Get:      re(`allocator state for network (?P<network>\w+)`, `task \S+ network (?P<network>\w+)`, `for network (?P<network>\w+)`),
	},
	{
		ID: "store-conflict", From: fact.FromEngine,
		Literals: []string{"omplete atomic operation, key modified"},
		Means:    "an engine's store changed under it; a task rejected with it is moby#35310 (17.10)",
		Benign:   "while an endpoint is deleted: it is tried again",
		Innocent: regexp.MustCompile(`deleting object`),
		Points:   []string{"task-not-running"},
	},
}

// encrypted is what the engine says of encrypted overlays.
var encrypted = []Pattern{
	{
		ID: "xfrm-state-failed", From: fact.FromEngine,
		Literals: []string{"Failed Adding rSA{", "Failed Adding fSA{", "Failed Removing rSA{", "Failed Removing fSA{",
			"Failed to update fSP{", "Failed to program network encryption", "Adding fSP{{Dst:"},
		With:   regexp.MustCompile(`^Failed|\}: \S`),
		Means:  "the kernel did not take, or not let go of, the state that encrypts to a peer",
		Points: []string{"xfrm-state-missing", "encryption-kernel-missing"},
		Get: re(`Failed \w+ rSA\{Dst: [^,]+, Src: (?P<addr>[^,]+),`, `SA\{Dst: (?P<addr>[^,]+),`, `fSP\{\{Dst: (?P<addr>[^,]+),`,
			`between \S+ and (?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "xfrm-unreadable", From: fact.FromEngine,
		Literals: []string{"Error while checking for SA existence", "Error while checking for SP existence"},
		Means:    "the kernel could not be asked for its encryption state",
		Points:   []string{"encryption-kernel-missing", "xfrm-state-missing"},
	},
	{
		ID: "encryption-unavailable", From: fact.FromEngine,
		Literals: []string{"cannot join secure network: ", "encryption key is not present", "necessary modules for IPSEC rules"},
		Means:    "no keys have come from the managers yet, or the kernel cannot encrypt",
		Benign:   "said of modules at start where no overlay is encrypted",
		Innocent: regexp.MustCompile(`necessary modules for IPSEC`),
		Points:   []string{"encryption-kernel-missing", "xfrm-key-desync"},
	},
	{
		ID: "xfrm-key-desync", From: fact.FromEngine,
		Literals: []string{"cannot find proper key indices while", "Failed to update datapath keys", "Failed to reset datapath keys",
			"Failed to set datapath keys", "Reconfiguring datapath keys for "},
		Means:  "a rotation of keys did not fit those that this node has: it missed one",
		Points: []string{"xfrm-key-desync"},
	},
}

// engines is what dates changes on a node.
var engines = []Pattern{
	{
		ID: "engine-started", From: fact.FromEngine,
		Literals: []string{"Daemon has completed initialization"},
		Means:    "the engine was started",
		Benign:   "always; it dates a restart",
	},
	{
		ID: "engine-stopping", From: fact.FromEngine,
		Literals: []string{"Processing signal '"},
		Means:    "the engine was told to stop",
		Benign:   "always; it dates a restart",
	},
	{
		ID: "task-killed", From: fact.FromEngine,
		Literals: []string{"Container failed to exit within "},
		Means:    "a container did not end on its signal and was killed",
		Points:   []string{"task-shutdown-drain-gap"},
	},
	{
		ID: "xtables-contention", From: fact.FromEngine,
		Literals: []string{"xtables contention detected"},
		Means:    "another program held the lock of packet rules: programming is slow",
		Benign:   "alone; it explains delays",
	},
}

// kernel is what kernels say.
var kernel = []Pattern{
	{
		ID: "neigh-table-full", From: fact.FromKernel,
		Literals: []string{"neighbor table overflow", "eighbour table overflow"}, //nolint:misspell // the kernel's spelling
		Means:    "the neighbour table is full: new peers get no row",
		Points:   []string{"neigh-table-overflow"},
	},
	{
		ID: "conntrack-full", From: fact.FromKernel,
		Literals: []string{"nf_conntrack: table full"},
		Means:    "the table of connections is full: new ones are dropped",
		Points:   []string{"conntrack-full"},
	},
	{
		ID: "ipvs-no-destination", From: fact.FromKernel,
		Literals: []string{"no destination available"},
		With:     regexp.MustCompile(`IPVS|ip_vs`),
		Means:    "a virtual address has no backend that may be used (count: fwmark)",
		Points:   []string{"ipvs-dest-missing", "task-not-discoverable"},
		Get:      re(`FWM (?P<count>\d+) `, `(?:TCP|UDP|SCTP) (?P<addr>[0-9a-fA-F.:\[\]]+) - no`),
	},
	{
		ID: "own-address-seen", From: fact.FromKernel,
		Literals: []string{"with own address as source address"},
		Means:    "a bridge got a frame from its own address: one MAC or address twice, or a loop",
		Points:   []string{"duplicate-ip-or-vip", "duplicate-mac"},
	},
	{
		ID: "netns-leak", From: fact.FromKernel,
		Literals: []string{"unregister_netdevice: waiting for"},
		Means:    "the kernel cannot let go of a namespace (count: references); meanwhile others wait",
		Points:   []string{"netns-leak"},
		Get:      re(`Usage count = (?P<count>\d+)`),
	},
	{
		ID: "martian-source", From: fact.FromKernel,
		Literals: []string{"IPv4: martian source "},
		Means:    "a packet came in where its source cannot be",
		Points:   []string{"rp-filter-strict"},
		Get:      re(`from (?P<addr>[0-9.]+)`),
	},
	{
		ID: "syn-flood", From: fact.FromKernel,
		Literals: []string{"Possible SYN flooding on port"},
		Means:    "a program accepts too slowly (count: its port)",
		Points:   []string{"app-accept-queue-overflow"},
		Get:      re(`port (?:\S+:)?(?P<count>\d+)\.`),
	},
	{
		ID: "out-of-memory", From: fact.FromKernel,
		Literals: []string{"Out of memory: Kill", "Memory cgroup out of memory"},
		Means:    "the kernel killed a program for lack of memory",
		Points:   []string{"host-starvation", "task-not-running"},
	},
	{
		ID: "host-stalled", From: fact.FromKernel,
		Literals: []string{" blocked for more than ", "soft lockup - CPU#", "self-detected stall on CPU", "detected stalls on CPUs"},
		With:     regexp.MustCompile(`INFO: task \S+ blocked|soft lockup|stall`),
		Means:    "the host stood still for seconds: disk, virtual machine, or a kernel bug",
		Points:   []string{"host-starvation"},
	},
	{
		ID: "nic-trouble", From: fact.FromKernel,
		Literals: []string{"NETDEV WATCHDOG: ", ": hw csum failure"},
		Means:    "a network card lost packets or computed wrong checksums",
		Points:   []string{"nic-tx-checksum-offload", "underlay-peer-unreachable"},
	},
}
