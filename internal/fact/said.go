package fact

import (
	"net/netip"
	"slices"
	"time"
)

// Said is what one node's logs say of the windows that were asked for. It
// corroborates and dates; it never convicts alone.
type Said struct {
	// Windows were read, by the node's own clock: sorted, none touching another.
	Windows []Window
	// Sources are the logs that were read.
	Sources []LogSource
	// Lines are the engine's and the kernel's lines in Windows, oldest first,
	// without secrets.
	Lines []LogLine
	// Statements are the lines whose meaning is known, oldest first.
	Statements []Statement
}

// Window is a span of time, both ends included.
type Window struct {
	From, To time.Time
	// Why says what it is about: "task api.2 updated", "asked for".
	Why []string `json:",omitempty"`
}

// MergedWindows sorts windows and makes one of those that touch; a window that ends
// before it begins is none. Of what one is about, eight reasons are kept.
func MergedWindows(list []Window) []Window {
	list = slices.DeleteFunc(slices.Clone(list), func(w Window) bool { return w.To.Before(w.From) })
	slices.SortStableFunc(list, func(a, b Window) int { return a.From.Compare(b.From) })
	var out []Window
	for _, w := range list {
		last := len(out) - 1
		if last < 0 || w.From.After(out[last].To) {
			out = append(out, w)
			continue
		}
		if w.To.After(out[last].To) {
			out[last].To = w.To
		}
		for _, why := range w.Why {
			if !slices.Contains(out[last].Why, why) && len(out[last].Why) < 8 {
				out[last].Why = append(slices.Clone(out[last].Why), why)
			}
		}
	}
	return out
}

// LogSource is one log that was read.
type LogSource struct {
	// Name is a folder of journals or a file: "/var/log/journal", "/var/log/docker.log".
	Name string
	// Kind is "journal", "text" or "kmsg".
	Kind string
	// Lines is how many lines of it are in the windows; Left is how many of them were
	// not kept because there were too many.
	Lines, Left int `json:",omitzero"`
	// Damage says what of it could not be read; empty: nothing.
	Damage string `json:",omitempty"`
}

// LogFrom says who wrote a line.
type LogFrom string

// The writers of lines.
const (
	FromEngine LogFrom = "engine"
	FromKernel LogFrom = "kernel"
)

// LogLine is one line of a log.
type LogLine struct {
	// At is by the node's own clock, as precise as the log is.
	At   time.Time
	From LogFrom
	// Text is the message as it was logged (for dockerd that is a whole
	// `time=… level=… msg=…` line), secrets masked, made fit for one line.
	Text string
}

// Statement is a line whose meaning is known (ground-truth §1.14).
type Statement struct {
	At   time.Time
	From LogFrom
	// ID names the pattern: "gossip-suspect", "neigh-table-full", …
	ID string
	// Benign says that it is normal where it stands alone.
	Benign bool `json:",omitempty"`
	// Peer is the NetworkDB or memberlist name of the other node (12 hex digits drawn
	// at each start since 17.12, before that the host name and digits); Addr an address
	// it names. Network is an ID, maybe shortened.
	Peer    string     `json:",omitempty"`
	Addr    netip.Addr `json:",omitzero"`
	Network string     `json:",omitempty"`
	// Count is the number the line is about: a fwmark, a limit, a health score; 0: none.
	Count int `json:",omitzero"`
	// Stats are set for NetworkDB's statistics line, which comes every 5 minutes.
	Stats *GossipStats `json:",omitempty"`
	// Text is the message, without time stamp and level, one line.
	Text string
}

// GossipStats are the figures of a NetworkDB statistics line of one network.
type GossipStats struct {
	// HealthScore is memberlist's awareness: 0 is well, up to 8.
	HealthScore int
	// Peers counts the network's nodes, this one included; Entries the rows of its
	// tables; Queue the messages that wait (both queues together since 29).
	Peers, Entries, Queue int
}

// AskedFor reports whether a moment, by the node's own clock, is in a window that
// the operator asked for, and not one that was chosen for the question's sake.
func (s *Said) AskedFor(at time.Time) bool {
	return slices.ContainsFunc(s.Windows, func(w Window) bool {
		return slices.Contains(w.Why, "asked for") && !at.Before(w.From.Add(-time.Second)) && !at.After(w.To.Add(time.Second))
	})
}
