// Package casefile keeps one snapshot with its evidence in one file,
// case.fairway: a tar compressed with zstd, so that whoever gets it can look
// inside with tar and jq. docs/case.md describes the format.
package casefile

import (
	"time"

	"fairway/internal/fact"
)

// Format is the number of the format that is written. A part or a field more
// keeps it; it is raised when older versions would misread what is written.
const Format = 1

// needs says which fairway reads a format first: the oldest one for each format
// that is read today.
var needs = map[int]string{1: "1.0"}

// The names of the parts that belong to no look.
const (
	formatPart   = "format.json"
	manifestPart = "manifest.json"
)

// Limits bound what reading a case may cost; 0 means the default.
type Limits struct {
	// Size is the most bytes that all parts may have together, uncompressed.
	// Reading takes less than four times as much memory, whatever the file says.
	Size int64
	// Parts is how many parts there may be.
	Parts int
}

// The default limits: a Swarm of a few hundred nodes stays below them.
const (
	defaultSize  = 512 << 20
	defaultParts = 20000
	mostLooks    = 8
)

// Case is what a case file holds.
type Case struct {
	// Snapshot is that of the last look; the looks before it are its Earlier.
	// Parts that were cut or damaged are gaps of it.
	Snapshot *fact.Snapshot
	// Tool is the version of the fairway that wrote it.
	Tool string
	// Format is the number of its format.
	Format int
	// Taken is when its first look began.
	Taken time.Time
	// Cut says why it ends early; empty: it is whole. What a case that is cut holds
	// was not compared with checksums: they come last.
	Cut string
	// Damage says what else is wrong with it, a sentence each.
	Damage []string
	// Files are the parts in their order.
	Files []File
}

// File is one part of a case.
type File struct {
	Name string
	Size int64
	// Known is false for a part that this version does not read.
	Known bool
}

// head is format.json. It must stay readable for ever: every version decides
// by it whether it can read the rest.
type head struct {
	// Format is the number of the format; Needs the version that reads it.
	Format int       `json:"format"`
	Needs  string    `json:"needs"`
	Tool   string    `json:"tool"`
	Taken  time.Time `json:"taken"`
}

// manifest is manifest.json, the last part.
type manifest struct {
	Parts []listed `json:"parts"`
}

// listed is one part by the manifest's account.
type listed struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// lookPart is look-N/snapshot.json: the snapshot without what has parts of its
// own, and the names of these, below look-N.
type lookPart struct {
	fact.Snapshot
	Parts []string
}
