package said

import (
	"regexp"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Pattern is one thing that engines or kernels say, in all wordings of the
// releases that are known.
type Pattern struct {
	// ID is a kebab-case name; it never changes meaning.
	ID   string
	From fact.LogFrom
	// Literals are alternatives, each an unbroken part of the raw line that no log
	// format escapes: no quote, backslash, angle bracket or ampersand.
	Literals []string
	// With is a further condition on the message, nil: none.
	With *regexp.Regexp
	// Means is what the line says about the network, one line.
	Means string
	// Benign says when it is normal; empty: never.
	Benign string
	// Innocent is what makes a single line known as benign; nil: every line is if
	// Benign is set, none otherwise.
	Innocent *regexp.Regexp
	// Points names the checks that it corroborates.
	Points []string
	// Get finds details, by the group's name: peer, addr, network, count. The first
	// expression that has a detail wins.
	Get []*regexp.Regexp
	// Stats says that it is NetworkDB's statistics line.
	Stats bool
}

// Patterns lists every pattern; of two that fit a line, the earlier one counts.
func Patterns() []Pattern {
	return slices.Concat(gossip, overlay, balancing, ingress, names, managers, encrypted, engines, kernel)
}

func (p *Pattern) fits(from fact.LogFrom, message string) bool {
	return p.From == from &&
		slices.ContainsFunc(p.Literals, func(l string) bool { return strings.Contains(message, l) }) &&
		(p.With == nil || p.With.MatchString(message))
}

func (p *Pattern) benign(message string) bool {
	if p.Innocent != nil {
		return p.Innocent.MatchString(message)
	}
	return p.Benign != ""
}

// re lists expressions for details.
func re(exprs ...string) []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(exprs))
	for i, e := range exprs {
		list[i] = regexp.MustCompile(e)
	}
	return list
}
