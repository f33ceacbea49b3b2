package casefile

import (
	"strings"

	"fairway/internal/fact"
)

// opened takes note of format.json, the first part.
func (r *reader) opened(err error) error {
	if err != nil {
		return refuse("it is no case, or damaged from its very start: %s: %s; take the case again", formatPart, fact.OneLine(err.Error()))
	}
	h := r.seen[formatPart].into.(*head)
	h.Tool, h.Needs = fact.OneLine(h.Tool), fact.OneLine(h.Needs)
	switch {
	case h.Format < 1:
		return refuse("it is no case of fairway: its format is %d", h.Format)
	case needs[h.Format] == "":
		return refuse("this case has format %d, written by %s; it needs %s", h.Format, version(h.Tool), or(h.Needs, "a newer fairway"))
	}
	r.head = *h
	return nil
}

// version is how a fairway is named by its version.
func version(v string) string {
	if v == "" {
		return "a newer fairway"
	}
	return "fairway " + strings.TrimPrefix(strings.TrimPrefix(v, "fairway "), "v")
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return version(v) + " or newer"
}

// target is what a part of that name is decoded into; nil for one that this
// version does not know.
func target(name string) any {
	switch name {
	case formatPart:
		return &head{}
	case manifestPart:
		return &manifest{}
	}
	_, rest, ok := strings.Cut(name, "/")
	if !ok || lookOf(name) == 0 {
		return nil
	}
	switch dir, last := split(rest); {
	case rest == "snapshot.json":
		return &lookPart{}
	case rest == "wanted.json":
		return &fact.Wanted{}
	case nodeOf(dir) < 0:
		return nil
	case last == "engine.json":
		return &fact.Engine{}
	case last == "kernel.json":
		return &fact.Kernel{}
	case last == "said.json":
		return &fact.Said{}
	case last == "log.txt":
		return &[]fact.LogLine{}
	}
	return nil
}

// lookOf is the number of the look that a part belongs to; 0: none.
func lookOf(name string) int {
	first, _, ok := strings.Cut(name, "/")
	n := strings.TrimPrefix(first, "look-")
	if !ok || n == first {
		return 0
	}
	if i := number(n); i <= mostLooks {
		return i
	}
	return 0
}

// nodeOf is the place in the list of nodes that a folder below a look is of; -1:
// it is no node's.
func nodeOf(dir string) int {
	rest, ok := strings.CutPrefix(dir, "nodes/")
	digits, _, dash := strings.Cut(rest, "-")
	if !ok || !dash || strings.Contains(rest, "/") {
		return -1
	}
	return number(digits) - 1
}

// number reads digits; 0 for anything else.
func number(s string) int {
	n := 0
	if len(s) > 6 {
		return 0
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// split cuts a name at its last slash.
func split(name string) (dir, last string) {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)], name[i+1:]
}
