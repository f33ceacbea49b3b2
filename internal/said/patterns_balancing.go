package said

import (
	"regexp"

	"fairway/internal/fact"
)

var vipAndMark = re(`real server (?P<addr>[0-9a-fA-F.:]+) `, `vip (?P<addr>[0-9a-fA-F.:]+) `, `fwmark (?P<count>\d+)`)

// balancing is what the engine says of virtual addresses and IPVS.
var balancing = []Pattern{
	{
		ID: "lb-backend-failed", From: fact.FromEngine,
		Literals: []string{"Failed to create real server ", "Failed to delete real server ", "Failed to set LB weight of real server "},
		Means:    "IPVS did not take a task, or did not let go of it (count: fwmark)",
		Points:   []string{"ipvs-dest-missing", "ipvs-dest-stale", "ipvs-weight-stuck"},
		Get:      vipAndMark,
	},
	{
		ID: "lb-service-failed", From: fact.FromEngine,
		Literals: []string{"Failed to create a new service for vip ", "Failed to delete service for vip ", "Failed to create an ipvs handle for sbox "},
		Means:    "IPVS did not take a service's virtual address (count: fwmark)",
		Points:   []string{"lb-vip-not-programmed", "ipvs-kernel-missing"},
		Get:      vipAndMark,
	},
	{
		ID: "lb-mark-failed", From: fact.FromEngine,
		Literals: []string{"Failed to add firewall mark rule", "Failed to delete firewall mark rule", "set up rule failed, [-t mangle"},
		Means:    "the rule that marks packets to a virtual address was not written, or stayed",
		Benign:   "deletion, where the rule was never written",
		Innocent: regexp.MustCompile(`to delete firewall mark|-t mangle -D`),
		Points:   []string{"fwmark-rule-missing-or-conflicting"},
	},
	{
		ID: "lb-alias-failed", From: fact.FromEngine,
		Literals: []string{"Failed add IP alias ", "Failed to remove IP alias ", "to create LB alias"},
		Means:    "a virtual address was not put on the balancer's interface, or stayed there",
		Benign:   "removal of one that is gone",
		Innocent: regexp.MustCompile(`^Failed to remove IP alias .*cannot assign requested address`),
		Points:   []string{"lb-vip-not-programmed"},
		Get:      re(`IP alias (?P<addr>[0-9a-fA-F.:]+) (?:to|from) network (?P<network>\w+)`),
	},
	{
		ID: "lb-sandbox-missing", From: fact.FromEngine,
		Literals: []string{"Unable to find load balancing endpoint for network", "oad balancing endpoint ", "Unable to get sandbox for ",
			"failed to find LB Endpoint Sandbox"},
		With:     regexp.MustCompile(`failed to find LB Endpoint|Unable to find load balancing endpoint|Unable to get sandbox for|Load balancing endpoint \S+ removed`),
		Means:    "a network has no namespace on this node that balances its virtual addresses",
		Benign:   "while a service or network is removed",
		Innocent: regexp.MustCompile(`rmLBBackend|probably transient state`),
		Points:   []string{"lb-sandbox-missing"},
		Get:      re(`endpoint for network (?P<network>\w+)`, ` (?:in for|removed from) (?P<network>\w+)`),
	},
	{
		ID: "ipvs-absent", From: fact.FromEngine,
		Literals: []string{"Could not get ipvs family information", "Running modprobe ip_vs failed"},
		Means:    "the kernel has no IPVS: no virtual address works here (said once in an engine's life)",
		Points:   []string{"ipvs-kernel-missing"},
	},
	{
		ID: "ipvs-sysctl-absent", From: fact.FromEngine,
		Literals: []string{"error reading the kernel parameter net.ipv4.vs."},
		Means:    "a balancer was tuned while ip_vs was not loaded, so its defaults stay (20.10 to 26.1)",
		Benign:   "where the kernel has no IPVS anyhow",
		Innocent: never,
		Points:   []string{"ipvs-conn-reuse-delay", "ipvs-kernel-missing"},
	},
}

// ingress is what the engine says of the routing mesh.
var ingress = []Pattern{
	{
		ID: "resolver-rules-failed", From: fact.FromEngine,
		Literals: []string{"Resolver Setup function failed", "Resolver Setup Function failed", "Resolver Start failed for container",
			"setting up DNAT/SNAT rules failed", "set up rule failed, "},
		With:   regexp.MustCompile(`Resolver S|DNAT/SNAT|DOCKER_OUTPUT|DOCKER_POSTROUTING`),
		Means:  "a container's resolver was not started, or the rules that lead to it were not written",
		Points: []string{"dns-resolver-dead", "dns-resolver-nat-missing"},
	},
	{
		ID: "ingress-rules-failed", From: fact.FromEngine,
		Literals: []string{"Failed to add ingress: ", "Failed to delete ingress: ", "failed to program ingress ports", "set up rule failed, ",
			"failed to find gateway bridge interface name", "ingress chain rules during init"},
		Means:  "a published port's rules were not written, or stayed",
		Points: []string{"ingress-chain-missing", "ingress-port-rule-missing", "gwbridge-missing-or-conflict"},
		Get:    re(`--dport (?P<count>\d+)`, `interface name for (?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "ingress-redirect-failed", From: fact.FromEngine,
		Literals: []string{"Failed to add redirect rules for ep "},
		Means:    "a task's namespace does not lead a published port to the one it listens on",
		Points:   []string{"ingress-redirect-missing"},
	},
	{
		ID: "ingress-port-taken", From: fact.FromEngine,
		Literals: []string{"failed to create proxy for port "},
		Means:    "a published port (count) is taken on this host by another program",
		Points:   []string{"ingress-port-conflict-host"},
		Get:      re(`proxy for port (?P<count>\d+)`, `[Pp]ublished_?[Pp]ort:(?P<count>\d+)`),
	},
	{
		ID: "ingress-network-failed", From: fact.FromEngine,
		Literals: []string{"Failed creating ingress network", "failed allocating ingress network during init", "Cannot allocate ingress network",
			"failed committing allocation of ingress network", "failed to create default ingress network"},
		Means:  "the ingress network could not be made: its subnet or docker_gwbridge's is taken, or there are two",
		Points: []string{"ingress-network-unusable"},
		Get:    re(`Cannot allocate ingress network \S+ \((?P<network>\w+)\)`),
	},
	{
		ID: "firewall-reloaded", From: fact.FromEngine,
		Literals: []string{"DROP policy on firewall reload", "tables chains on firewall reload"},
		Means:    "firewalld was reloaded: every rule was flushed, and the engine writes its own again",
		Benign:   "since 29 (25.0.13), which write the mesh's rules again, too",
		Innocent: never,
		Points:   []string{"firewall-flush"},
	},
}

// names is what the engine's resolver says.
var names = []Pattern{
	{
		ID: "dns-forward-limit", From: fact.FromEngine,
		Literals: []string{" concurrent queries"},
		With:     regexp.MustCompile(`\[resolver\] more than \d+ concurrent queries`),
		Means:    "a container asks for more outside names at once than its resolver forwards (count); it refuses the rest",
		Points:   []string{"dns-forward-limit"},
		Get:      re(`more than (?P<count>\d+) concurrent`, `from (?P<addr>[0-9a-fA-F.:\[\]]+)`),
	},
	{
		ID: "dns-upstream-failed", From: fact.FromEngine,
		Literals: []string{"[resolver] connect failed", "failed to query external DNS server", "[resolver] failed to query DNS server",
			"[resolver] read from DNS server failed", "[resolver] failed to read from DNS server", "[resolver] send to DNS server failed", "[resolver] failed to handle query"},
		Means:  "an outside DNS server did not answer from within a task's namespace",
		Points: []string{"dns-upstream-unreachable"},
		Get: re(`dns-server="?(?:udp|tcp):(?P<addr>[0-9a-fA-F.:\[\]]+)`, `(?:query|read from) DNS server: (?P<addr>[0-9a-fA-F.:\[\]]+)`,
			`->(?P<addr>[0-9a-fA-F.:\[\]]+): `, `dial (?:udp|tcp) (?P<addr>[0-9a-fA-F.:\[\]]+): `),
	},
	{
		ID: "dns-no-upstream", From: fact.FromEngine,
		Literals: []string{"DNS resolver has no external nameservers", "No non-localhost DNS nameservers are left"},
		Means:    "a container has no outside DNS server, or the host's are on its loopback",
		Benign:   "where nobody asks for outside names; older engines take public servers then",
		Innocent: regexp.MustCompile(`Using default external servers`),
		Points:   []string{"dns-upstream-unreachable"},
	},
	{
		ID: "service-not-announced", From: fact.FromEngine,
		Literals: []string{"failed to activate service binding for container", "ailed adding service binding", "failed adding container name resolution"},
		Means:    "a task runs and its name does not lead to it",
		Benign:   "where the network is not yet, or no longer, on this node",
		Innocent: regexp.MustCompile(`network \w+ not found`),
		Points:   []string{"task-not-discoverable"},
		Get:      re(`epRec:\{\S+ \S+ \S+ \S+ (?P<addr>[0-9a-fA-F.:]+) `, `network (?P<network>\w+) not found`, `"?nid"?[:=]"?(?P<network>\w{25})`),
	},
	{
		ID: "service-not-withdrawn", From: fact.FromEngine,
		Literals: []string{"failed to deactivate service binding for container", "failed removing service binding", "failed disabling service binding",
			"ailed to remove service bindings for service"},
		Means:    "a task's name could not be taken back",
		Benign:   "where its container is gone already: after every engine's restart",
		Innocent: regexp.MustCompile(`[Nn]o such container|network \w+ not found`),
		Points:   []string{"networkdb-stale-entries", "dns-stale-record"},
		Get:      re(`epRec:\{\S+ \S+ \S+ \S+ (?P<addr>[0-9a-fA-F.:]+) `, `network (?P<network>\w+) (?:endpoint|not found)`),
	},
}
