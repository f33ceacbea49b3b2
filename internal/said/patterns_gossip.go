package said

import (
	"regexp"

	"fairway/internal/fact"
)

// nodeAddr is how NetworkDB names a node: "2a16cad9c4c1/10.77.0.11".
const nodeAddr = `Node (?P<peer>\S+?)/(?P<addr>[0-9a-fA-F.:]+)`

// from is how memberlist names the sender of a message.
var sender = regexp.MustCompile(`from=(?P<addr>\S+)`)

// gossip is what memberlist and NetworkDB say (20.10 to 29; memberlist's errors
// begin with small letters since 0.6.0, engine 29.7).
var gossip = []Pattern{
	{
		ID: "gossip-suspect", From: fact.FromEngine,
		Literals: []string{"has failed, no acks received"},
		Means:    "a peer did not answer a probe, neither directly nor through others",
		Benign:   "once; not when it repeats for one peer",
		Innocent: never,
		Points:   []string{"gossip-7946-blocked", "gossip-udp-blocked", "gossip-flapping"},
		Get:      re(`Suspect (?P<peer>\S+) has failed`),
	},
	{
		ID: "gossip-marked-failed", From: fact.FromEngine,
		Literals: []string{"as failed, suspect timeout reached"},
		Means:    "a suspected peer did not refute in time (count: how many others agreed)",
		Points:   []string{"gossip-7946-blocked", "gossip-flapping"},
		Get:      re(`Marking (?P<peer>\S+) as failed`, `\((?P<count>\d+) peer conf`),
	},
	{
		ID: "gossip-node-failed", From: fact.FromEngine,
		Literals: []string{"change state NodeActive --", "change state NodeLeft --"},
		With:     regexp.MustCompile(`--> NodeFailed`),
		Means:    "a peer failed: its names, FDB and neighbour rows have just been wiped here",
		Points:   []string{"gossip-7946-blocked", "gossip-flapping", "gossip-split-islands"},
		Get:      re(`Node (?P<peer>\S+) change state`),
	},
	{
		ID: "gossip-node-back", From: fact.FromEngine,
		Literals: []string{"change state NodeFailed --", "change state NodeLeft --"},
		With:     regexp.MustCompile(`--> NodeActive`),
		Means:    "a failed peer is back: the end of an outage",
		Benign:   "always; it dates the end",
		Points:   []string{"gossip-flapping"},
		Get:      re(`Node (?P<peer>\S+) change state`),
	},
	{
		ID: "gossip-node-left", From: fact.FromEngine,
		Literals: []string{"change state NodeActive --", "change state NodeFailed --"},
		With:     regexp.MustCompile(`--> NodeLeft`),
		Means:    "a peer said that it leaves, or was given up for good",
		Benign:   "where its engine was stopped or left the swarm",
		Get:      re(`Node (?P<peer>\S+) change state`),
	},
	{
		ID: "gossip-failed-list", From: fact.FromEngine,
		Literals: []string{", added to failed nodes list"},
		Means:    "memberlist gave up a peer; it is asked again for a day",
		Points:   []string{"gossip-7946-blocked", "gossip-flapping"},
		Get:      re(nodeAddr),
	},
	{
		ID: "gossip-joined", From: fact.FromEngine,
		Literals: []string{", joined gossip cluster", ", added to nodes list", "): Node join event for "},
		Means:    "a peer joined, or is heard again: the end of an outage",
		Benign:   "always; it dates the end",
		Points:   []string{"gossip-flapping"},
		Get:      re(nodeAddr, `Node join event for (?P<peer>\S+?)/(?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "gossip-left", From: fact.FromEngine,
		Literals: []string{", left gossip cluster", "): Node leave event for "},
		Means:    "a peer is no longer in the gossip cluster",
		Benign:   "where its engine was stopped; it comes with a failure, too",
		Get:      re(nodeAddr, `Node leave event for (?P<peer>\S+?)/(?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "gossip-new-incarnation", From: fact.FromEngine,
		Literals: []string{"is the new incarnation of the "},
		Means:    "a peer's engine was started anew: it has a new random name",
		Benign:   "alone; it dates an engine's restart",
		Get:      re(nodeAddr),
	},
	{
		ID: "gossip-udp-probes-failed", From: fact.FromEngine,
		Literals: []string{"over TCP but UDP probes failed", "but other probes failed, network may", "via TCP but not UDP, network may"},
		Means:    "TCP 7946 to a peer passes and UDP 7946 does not (20.10 on; 17.06 to 19.03: other probes; before: not UDP)",
		Points:   []string{"gossip-udp-blocked"},
		Get:      re(`(?:connect to|reach) (?P<peer>\S+) (?:over|but|via)`),
	},
	{
		ID: "gossip-refuting", From: fact.FromEngine,
		Literals: []string{"Refuting a suspect message (from: ", "Refuting a dead message (from: "},
		Means:    "a peer suspected this node: this one is slow, or out of that one's reach",
		Points:   []string{"gossip-flapping", "host-starvation"},
		Get:      re(`\(from: (?P<peer>[^)\s]+)\)`),
	},
	{
		ID: "gossip-health", From: fact.FromEngine,
		Literals: []string{"NetworkDB stats "},
		With:     regexp.MustCompile(`healthscore:\d+`),
		Means:    "this node doubts its own connections (count: 1 to 8); said every minute while it lasts",
		Points:   []string{"gossip-flapping", "host-starvation"},
		Get:      re(`healthscore:(?P<count>\d+)`),
		Stats:    true,
	},
	{
		ID: "gossip-stats", From: fact.FromEngine,
		Literals: []string{"NetworkDB stats "},
		With:     regexp.MustCompile(`netPeers:\d+ entries:\d+ Queue qLen:\d+`),
		Means:    "a network's figures, every 5 minutes: 1 peer is isolation where others are expected, a queue that stays long is overload",
		Benign:   "always; its figures may not be",
		Points:   []string{"gossip-bulksync-timeout", "gossip-split-islands"},
		Get:      re(`netID:(?P<network>\w+)`),
		Stats:    true,
	},
	{
		ID: "gossip-bulksync-timeout", From: fact.FromEngine,
		Literals: []string{"Bulk sync to node "},
		With:     regexp.MustCompile(`Bulk sync to node \S+ timed out`),
		Means:    "a peer did not acknowledge a network's tables within 30 s: TCP 7946, overload, or the engine's bug before 29.6",
		Points:   []string{"gossip-bulksync-timeout"},
		Get:      re(`Bulk sync to node (?P<peer>\S+) timed out`),
	},
	{
		ID: "gossip-bulksync-failed", From: fact.FromEngine,
		Literals: []string{"bulk sync to node ", "periodic bulk sync failure for network", "Error bulk syncing while joining network",
			"Error in responding to bulk sync from node", "a TCP message during bulk sync"},
		With:   regexp.MustCompile(`bulk sync to node \S+ failed|periodic bulk sync failure|Error bulk syncing|Error in responding|TCP message during bulk sync`),
		Means:  "a network's tables could not be sent to a peer over TCP 7946: new entries come late there",
		Points: []string{"gossip-bulksync-timeout", "gossip-7946-blocked"},
		Get: re(`bulk sync to node (?P<peer>\S+) failed`, `bulk sync from node (?P<addr>[0-9a-fA-F.:]+): `,
			`network (?P<network>\w+): `, `dial tcp (?:\S+->)?(?P<addr>\S+): `),
	},
	{
		ID: "gossip-rejoin-failed", From: fact.FromEngine,
		Literals: []string{"Failed to join memberlist ", "failed to send node join on retry", "Error in joining gossip cluster",
			"could not join node to memberlist"},
		Means:  "no manager's port 7946 was reached; it is tried again every minute",
		Points: []string{"gossip-7946-blocked", "gossip-split-islands"},
		Get:    re(`[Ff]ailed to join (?P<addr>[0-9a-fA-F.:\[\]]+): `, `dial tcp (?P<addr>\S+): `),
	},
	{
		ID: "gossip-key-mismatch", From: fact.FromEngine,
		Literals: []string{"installed keys could decrypt the message", "memberlist: Decrypt packet failed",
			"ncryption is configured but remote state is not encrypted", "emote state is encrypted and encryption is not configured",
			"ayload is too small to decrypt"},
		Means:  "somebody on 7946 uses other keys or none: a peer that missed a rotation, a foreign swarm, or a port scanner",
		Points: []string{"gossip-key-mismatch"},
		Get:    re(sender.String()),
	},
	{
		ID: "gossip-state-size", From: fact.FromEngine,
		Literals: []string{"emote node state size is (", "emote node state is larger than limit"},
		Means:    "a peer's state (count: bytes) is near or over the limit of 20 MiB: it is not synchronised any more",
		Points:   []string{"gossip-bulksync-timeout"},
		Get:      re(`state size is \((?P<count>\d+)\)`, `limit \((?P<count>\d+)\)`, sender.String()),
	},
	{
		ID: "gossip-sync-failed", From: fact.FromEngine,
		Literals: []string{"memberlist: Push/Pull with ", "memberlist: Failed push/pull merge", "memberlist: Failed fallback TCP ping",
			"Failed to send gossip to ", "memberlist: Failed to send UDP ping", "memberlist: Failed to send indirect UDP ping",
			"memberlist: Failed to send UDP compound ping", "memberlist: failed to receive: ", "memberlist: Failed to send error: ", "memberlist: Failed to push local state", "memberlist: Failed to read remote state"},
		Means:    "gossip could not be sent to a peer, or was cut off",
		Benign:   "receiving from one that resets or ends early: so do port scanners and engines that stop",
		Innocent: regexp.MustCompile(`failed to receive: (?:EOF|.*connection reset by peer)`),
		Points:   []string{"gossip-7946-blocked", "underlay-peer-unreachable"},
		Get: re(`Push/Pull with (?P<peer>\S+) failed`, `gossip to (?P<addr>[0-9a-fA-F.:\[\]]+): `, sender.String(),
			`->(?P<addr>[0-9a-fA-F.:\[\]]+): `, `dial tcp (?P<addr>\S+): `),
	},
	{
		ID: "gossip-overload", From: fact.FromEngine,
		Literals: []string{"memberlist: handler queue full, dropping", "memberlist: Too many pending push/pull"},
		Means:    "gossip arrives faster than this engine handles it",
		Points:   []string{"gossip-flapping", "host-starvation"},
		Get:      re(sender.String()),
	},
	{
		ID: "gossip-conflicting-address", From: fact.FromEngine,
		Literals: []string{"memberlist: Conflicting address for "},
		Means:    "two nodes go by one name with different addresses",
		Points:   []string{"duplicate-node-identity"},
		Get:      re(`address for (?P<peer>\S+?)\. Mine`, `Theirs: (?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "gossip-version-skew", From: fact.FromEngine,
		Literals: []string{"has a 0 reapTime, is the cluster running"},
		Means:    "a peer's engine is so old that it does not say how long a deleted entry lives",
		Points:   []string{"engine-version-skew"},
	},
	{
		ID: "gossip-agent-failed", From: fact.FromEngine,
		Literals: []string{"Error in agentInit", "error in agentInit", "into agent cluster: ", "failed to create memberlist: "},
		Means:    "this engine takes no part in gossip, or not for one network",
		Points:   []string{"gossip-7946-blocked", "gossip-split-islands"},
		Get:      re(`Failed to join network \S+ \((?P<network>\w+)\) into`),
	},
	{
		ID: "gossip-entry-lost", From: fact.FromEngine,
		Literals: []string{"NetworkDB CreateEntry failed for ", "disableServiceInNetworkDB UpdateEntry failed", "NetworkDB DeleteEntry failed for "},
		Means:    "a task's entry was not written to, or not taken from, gossip's tables",
		Benign:   "deletion, where the network is being removed",
		Innocent: regexp.MustCompile(`DeleteEntry failed`),
		Points:   []string{"task-not-discoverable", "networkdb-stale-entries"},
		Get:      re(`Entry failed for \S+ (?P<network>\w+) err`),
	},
	{
		ID: "gossip-lonely", From: fact.FromEngine,
		Literals: []string{"rejoinClusterBootStrap did not find any valid IP", "rejoinClusterBootstrap unable to find local node info",
			"rejoinClusterBootStrap, calling cluster join"},
		Means:  "no manager is in gossip's list: this engine asks them anew",
		Points: []string{"gossip-split-islands"},
	},
}
