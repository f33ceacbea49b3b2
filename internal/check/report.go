package check

import (
	"time"

	"fairway/internal/fact"
)

// ReportFormat is the version of the JSON report. Additions are free; changing
// or removing a field needs a new number.
const ReportFormat = 1

// Verdict is the whole answer.
type Verdict string

// The verdicts.
const (
	VerdictOK      Verdict = "ok"
	VerdictFailed  Verdict = "failed"
	VerdictUnknown Verdict = "unknown"
)

// Answer is what one check came to.
type Answer string

// The answers.
const (
	OK      Answer = "ok"
	Failed  Answer = "failed"
	Unknown Answer = "unknown"
)

// Report is the result of a diagnosis, ready to be written. Renderers add
// nothing to it. Its JSON form is a contract; see docs/report.schema.json.
type Report struct {
	Format   int       `json:"format"`
	Tool     Tool      `json:"tool"`
	Taken    time.Time `json:"taken"`
	TookMS   int64     `json:"took_ms"`
	Question Question  `json:"question"`
	Verdict  Verdict   `json:"verdict"`
	// Summary is one sentence a person can act on.
	Summary string `json:"summary"`
	// Causes are roots on the path of the question, most certain first.
	Causes []Cause `json:"causes"`
	// Elsewhere are causes off the path; they change neither verdict nor exit code.
	Elsewhere []Cause `json:"elsewhere"`
	// Settling are contradictions on objects that were changing while we
	// looked; they are no causes.
	Settling []Cause `json:"settling,omitempty"`
	// Unconfirmed are contradictions that were seen once: the run was stopped
	// before the second look that they need; they are no causes.
	Unconfirmed []Cause `json:"unconfirmed,omitempty"`
	// NotAgain is what failed in the first look and, tried again two seconds later,
	// in the second did not, one line each. Where nothing had changed for a minute
	// the verdict is unknown.
	NotAgain []string `json:"not_again,omitempty"`
	// Nodes are the host names of the nodes that were looked at.
	Nodes []string `json:"nodes"`
	// Untried are the nodes whose tasks of FROM could not try to connect,
	// because nobody could enter them.
	Untried []string      `json:"untried,omitempty"`
	Tasks   []Task        `json:"tasks"`
	Probes  []Probe       `json:"probes"`
	DNS     []Lookup      `json:"dns"`
	Ladders []Ladder      `json:"mtu,omitempty"`
	Peers   []PeerConnect `json:"peers,omitempty"`
	// Hosts are the answers of published ports and virtual IPs, and of the stages
	// of their paths; Paths are these hop by hop.
	Hosts  []HostRow     `json:"hosts,omitempty"`
	Paths  []Path        `json:"paths,omitempty"`
	Checks []CheckAnswer `json:"checks"`
	// Timeline is what happened in the windows of the question, oldest first, at
	// most 500 events; LeftOut is how many more there were.
	Timeline []Event `json:"timeline,omitempty"`
	LeftOut  int     `json:"timeline_left_out,omitempty"`
	// Figures and Flapping are gossip's own figures, and what it said of peers.
	Figures  []Figures  `json:"gossip_figures,omitempty"`
	Flapping []Flapping `json:"gossip_flapping,omitempty"`
	Gaps     []Gap      `json:"gaps"`
	// Work says how much was asked of the network.
	Work Work `json:"work"`
	// Changed says what was put somewhere for this run and what became of it, a
	// sentence each; empty: nothing was changed.
	Changed []string `json:"changed,omitempty"`
	// Bug is what a bug report holds beyond all this; nil unless BugReport was asked.
	Bug *Bug `json:"-"`
}

// Tool names the program that made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Question is the symptom as it was asked; From is empty for "everyone", To for
// the whole Swarm.
type Question struct {
	From  string   `json:"from,omitempty"`
	To    string   `json:"to"`
	Port  uint16   `json:"port,omitempty"`
	Ports []uint16 `json:"ports,omitempty"`
	// Outside: To is a place outside the Swarm.
	Outside bool   `json:"outside,omitempty"`
	Proto   string `json:"proto"`
	Node    string `json:"node,omitempty"`
	// Published is the published port asked about, PublishedProto its protocol where
	// one was named; Hostname, Path and Status are how.
	Published      uint16 `json:"published,omitempty"`
	PublishedProto string `json:"published_proto,omitempty"`
	Hostname       string `json:"hostname,omitempty"`
	Path           string `json:"path,omitempty"`
	Status         int    `json:"expect_status,omitempty"`
	// Networks are the names of the networks both ends share.
	Networks []string `json:"networks,omitempty"`
	// Services are those that a question about the whole Swarm is limited to.
	Services []string `json:"services,omitempty"`
	// Since and Until limit logs and timeline where the operator said so.
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// Cause is a root cause with what follows from it.
type Cause struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Certainty Certainty `json:"certainty"`
	// Node is the host name of the node to act on; absent for the whole Swarm.
	Node     string     `json:"node,omitempty"`
	Network  string     `json:"network,omitempty"`
	Subject  Subject    `json:"subject"`
	Peer     string     `json:"peer,omitempty"`
	Message  string     `json:"message"`
	Evidence []Evidence `json:"evidence"`
	// Explains says what follows from it, one line each.
	Explains []string `json:"explains"`
	Confirm  string   `json:"confirm"`
	Relief   string   `json:"relief"`
	Fix      string   `json:"fix"`
	Impact   string   `json:"impact"`
}

// Task is a task concerned, as runbook U7 wants it.
type Task struct {
	ID      fact.TaskID `json:"id"`
	Service string      `json:"service"`
	Name    string      `json:"name"`
	Slot    string      `json:"slot"`
	Node    string      `json:"node"`
	// HostIP is the address of its node for overlay traffic (U6).
	HostIP  string `json:"host_ip,omitempty"`
	Address string `json:"address,omitempty"`
	// State is as Swarm says, or "gone" for one that the managers do not know.
	State string `json:"state"`
	// Desired is what the managers want of it.
	Desired string `json:"desired,omitempty"`
	Error   string `json:"error,omitempty"`
	// Created and Updated are absent when the managers do not know the task.
	Created *time.Time `json:"created,omitempty"`
	Updated *time.Time `json:"updated,omitempty"`
	// Reachable is null when no probe went there.
	Reachable *bool `json:"reachable"`
}

// Probe is one TCP connection attempt.
type Probe struct {
	From     string       `json:"from"`
	FromNode string       `json:"from_node"`
	To       string       `json:"to"`
	ToNode   string       `json:"to_node,omitempty"`
	Network  string       `json:"network,omitempty"`
	Address  string       `json:"address"`
	Port     uint16       `json:"port"`
	Proto    string       `json:"proto"`
	Outcome  fact.Outcome `json:"outcome"`
	RTTUS    int64        `json:"rtt_us,omitempty"`
	Tries    int          `json:"tries,omitempty"`
	Error    string       `json:"error,omitempty"`
	// PTR is what the reverse look-up of a failed address said (U5).
	PTR []string `json:"ptr,omitempty"`
}

// Lookup is one DNS question asked inside a container.
type Lookup struct {
	From     string       `json:"from"`
	FromNode string       `json:"from_node"`
	Server   string       `json:"server"`
	Name     string       `json:"name"`
	Type     string       `json:"type"`
	Outcome  fact.Outcome `json:"outcome"`
	RCode    string       `json:"rcode,omitempty"`
	Answers  []string     `json:"answers,omitempty"`
	RTTUS    int64        `json:"rtt_us,omitempty"`
}

// Ladder is one search for the largest packet that passes.
type Ladder struct {
	From     string `json:"from"`
	FromNode string `json:"from_node"`
	To       string `json:"to"`
	ToNode   string `json:"to_node,omitempty"`
	Network  string `json:"network,omitempty"`
	MTU      int    `json:"mtu"`
	Passed   int    `json:"passed"`
	Failed   int    `json:"failed,omitempty"`
}

// PeerConnect is one connection from a host to a peer's underlay address.
type PeerConnect struct {
	FromNode string `json:"from_node"`
	// ToNode is empty for a place outside the Swarm.
	ToNode  string       `json:"to_node"`
	Address string       `json:"address"`
	What    string       `json:"what"`
	Outcome fact.Outcome `json:"outcome"`
	RTTUS   int64        `json:"rtt_us,omitempty"`
}

// CheckAnswer is what one check came to.
type CheckAnswer struct {
	ID     string `json:"id"`
	Answer Answer `json:"answer"`
	Reason string `json:"reason,omitempty"`
}

// Gap is something that could not be seen.
type Gap struct {
	Node   string `json:"node,omitempty"`
	What   string `json:"what"`
	Reason string `json:"reason"`
	// Do says what the operator can do about it.
	Do string `json:"do,omitempty"`
	// Aside: it hides nothing that was asked for; no verdict waits for it.
	Aside bool `json:"aside,omitempty"`
}

// Work is what the diagnosis asked of the network, and how often it looked.
type Work struct {
	Connections int `json:"connections"`
	Lookups     int `json:"lookups"`
	Echoes      int `json:"ladders"`
	// Datagrams went from host to host, where something pointed there.
	Datagrams int `json:"datagrams,omitempty"`
	Looks     int `json:"looks"`
}

// Exit codes, the same for every format.
const (
	ExitOK      = 0
	ExitTool    = 1
	ExitUsage   = 2
	ExitFailed  = 3
	ExitUnknown = 4
)

// ExitCode is the process's exit code for a report.
func (r *Report) ExitCode() int {
	switch r.Verdict {
	case VerdictOK:
		return ExitOK
	case VerdictFailed:
		return ExitFailed
	}
	return ExitUnknown
}
