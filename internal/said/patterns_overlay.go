package said

import (
	"regexp"

	"fairway/internal/fact"
)

// never is for lines that are never benign alone, though they may be in number.
var never = regexp.MustCompile(`$.^`)

// peerRow finds what a line about a peer's row names: `nid:… peerIP:{10.0.1.7 ffffff00}`
// (printf) or `nid=… peerIP=10.0.1.7/24` (25.0.13 and 29 on).
var peerRow = re(`nid[:=]"?(?P<network>\w+)`, `(?:peerIP|ip)[:=]"?\{?(?P<addr>[0-9a-fA-F.:]+)`, `IP (?P<addr>[0-9a-fA-F.:]+), mac`,
	`IP:(?P<addr>[0-9a-fA-F.:]+)[ }]`,
	`peer="?&?\{?(?P<addr>[0-9a-fA-F.:]+)/`)

// overlay is what the overlay driver and its bookkeeping say.
var overlay = []Pattern{
	{
		ID: "vxlan-exists", From: fact.FromEngine,
		Literals: []string{"error creating vxlan interface: file exists"},
		Means:    "a VXLAN device with this network's number is on this host already: no task of the network can start here",
		Points:   []string{"vxlan-file-exists"},
		Get:      re(`network (?P<network>[0-9a-z]{25})\b`),
	},
	{
		ID: "binding-transient", From: fact.FromEngine,
		Literals: []string{"possible transient state ok:", "possible trainsient state ok:"},
		Means:    "two endpoints claim one address, or events of one came together (count: entries)",
		Benign:   "entries:0 while a task leaves gracefully, and once; not when entries stay above 1",
		Innocent: regexp.MustCompile(`entries:0\b`),
		Points:   []string{"duplicate-ip-or-vip"},
		Get:      re(`entries:(?P<count>\d+)`),
	},
	{
		ID: "binding-unknown", From: fact.FromEngine,
		Literals: []string{"aborted c.serviceBindings[skey] !ok", "aborted s.loadBalancers[nid] !ok", "aborted lb.backEnds[eid] "},
		Means:    "a task was to be taken from a balancer that does not know it",
		Benign:   "while a service or network is removed",
	},
	{
		ID: "peer-transient", From: fact.FromEngine,
		Literals: []string{"peerDbAdd transient condition", "peerDbDelete transient condition"},
		Means:    "more than one endpoint uses an overlay address (count: how many)",
		Benign:   "once, while a task is replaced",
		Innocent: never,
		Points:   []string{"duplicate-ip-or-vip"},
		Get:      append(re(`cardinality[:=](?P<count>\d+)`, `Key:(?P<addr>[0-9a-fA-F.:]+)`), peerRow...),
	},
	{
		ID: "peer-already-known", From: fact.FromEngine,
		Literals: []string{"ntry already present in db"},
		Means:    "a peer's row was added again",
		Benign:   "after a peer came back",
		Points:   []string{"fdb-missing", "fdb-stale-vtep"},
		Get:      peerRow,
	},
	{
		ID: "neigh-no-buffer", From: fact.FromEngine,
		Literals: []string{"could not add neighbor entry", "could not add fdb entry"}, //nolint:misspell // the engine's spelling
		With:     regexp.MustCompile(`no buffer space available`),
		Means:    "the kernel's neighbour table is full: a peer's row was not written",
		Points:   []string{"neigh-table-overflow"},
		Get:      peerRow,
	},
	{
		ID: "peer-neigh-taken", From: fact.FromEngine,
		Literals: []string{"Neighbor entry already present"}, //nolint:misspell // the engine's spelling
		Means:    "a peer's row lost against one that the kernel had learned, and is missing until the task moves",
		Points:   []string{"fdb-missing"},
		Get:      peerRow,
	},
	{
		ID: "peer-add-failed", From: fact.FromEngine,
		Literals: []string{"eer add operation failed", "could not add fdb entry", "could not add neighbor entry", "overlay: failed to add peer entry"}, //nolint:misspell // the engine's spelling
		Means:    "a peer's FDB or neighbour row was not written: frames to it are lost",
		Points:   []string{"fdb-missing", "overlay-neigh-missing", "peer-not-programmed"},
		Get:      peerRow,
	},
	{
		ID: "peer-delete-failed", From: fact.FromEngine,
		Literals: []string{"eer delete operation failed", "could not delete fdb entry", "could not delete neighbor", "error deleting neighbor entry", //nolint:misspell // the engine's spelling
			"overlay: failed to delete peer entry"},
		Means:    "a peer's FDB or neighbour row was not taken away: the engine's books and the kernel differ",
		Benign:   "where the row was gone already",
		Innocent: regexp.MustCompile(`no such file or directory`),
		Points:   []string{"fdb-stale-vtep", "overlay-neigh-wrong-mac"},
		Get:      peerRow,
	},
	{
		ID: "peerdb-gone", From: fact.FromEngine,
		Literals: []string{"Unable to find the peerDB for nid"},
		Means:    "the driver was told of a peer on a network that it does not have",
		Benign:   "while a network is removed or not yet made",
		Get:      peerRow,
	},
	{
		ID: "peer-operation-failed", From: fact.FromEngine,
		Literals: []string{"Peer operation failed:"},
		Means:    "a peer's row was not written or not taken away (up to 24)",
		Points:   []string{"fdb-missing", "fdb-stale-vtep"},
		Get:      peerRow,
	},
	{
		ID: "peer-unknown", From: fact.FromEngine,
		Literals: []string{"Entry was not in db: ", "Peer entry was not in db"},
		Means:    "a peer's row was to be taken away and was not in the engine's books",
		Benign:   "where a failed peer's rows were wiped before",
		Points:   []string{"fdb-stale-vtep"},
		Get:      peerRow,
	},
	{
		ID: "peer-unresolved", From: fact.FromEngine,
		Literals: []string{"could not resolve peer "},
		Means:    "a classic overlay (key-value store, serf), or a very old engine, does not know an address",
		Points:   []string{"overlay-neigh-missing"},
		Get:      re(`resolve peer "?(?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "overlay-join-failed", From: fact.FromEngine,
		Literals: []string{"network sandbox join failed", "subnet sandbox join failed"},
		Means:    "an overlay could not be set up on this node: its tasks do not start",
		Points:   []string{"vxlan-file-exists", "network-attach-timeout", "stale-overlay-netns"},
		Get:      re(`subnet (?P<addr>[0-9a-fA-F.:]+)/`),
	},
	{
		ID: "overlay-address-taken", From: fact.FromEngine,
		Literals: []string{"because it conflicts with existing route"},
		Means:    "an overlay's gateway was not set up in its namespace: its subnet overlaps with another, or one is left over",
		Points:   []string{"address-pool-overlap", "vxlan-file-exists"},
		Get:      re(`program address (?P<addr>[0-9a-fA-F.:]+)`),
	},
	{
		ID: "network-attach-timeout", From: fact.FromEngine,
		Literals: []string{"attaching to network failed, make sure"},
		Means:    "a container waited for the managers to attach it to an overlay, in vain",
		Points:   []string{"network-attach-timeout"},
		Get:      re(`attach to network (?P<network>\S+?):`),
	},
}
