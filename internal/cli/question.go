package cli

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// usageError is a command that was typed wrong: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// grammar is said where an argument was not understood.
const grammar = "give [FROM] TO[:port[/udp]], each a service, service.slot, a task ID, a container or its address on an overlay, TO also host:port outside the Swarm; or :PORT of a published port, alone or before them"

// question reads the arguments of diagnose.
func question(args []string) (fact.Question, error) {
	switch {
	case len(args) == 0:
		return fact.Question{}, usagef("TO is missing: %s", grammar)
	case isPort(args[0]):
		return mesh(args)
	case isPort(args[len(args)-1]):
		return fact.Question{}, usagef("a published port (%s) stands first: `fairway diagnose %s FROM TO`", args[len(args)-1], args[len(args)-1])
	case len(args) > 2:
		return fact.Question{}, usagef("%d arguments are too many: %s", len(args), grammar)
	}
	var q fact.Question
	if len(args) == 2 {
		if q.From = args[0]; q.From == "" || strings.Contains(q.From, ":") && !isAddress(q.From) {
			return q, usagef("FROM %q is not a name: a port belongs to TO; %s", q.From, grammar)
		}
	}
	return target(q, args[len(args)-1])
}

// isPort: an argument that is a port alone.
func isPort(arg string) bool { return strings.HasPrefix(arg, ":") && !isAddress(arg) }

// mesh reads :PORT[/protocol] [[FROM] TO…].
func mesh(args []string) (q fact.Question, err error) {
	if len(args) > 1 {
		if q, err = question(args[1:]); err != nil {
			return q, err
		}
		if q.Published != 0 {
			return q, usagef("%s and %s are two published ports: ask about one at a time", args[0], args[1])
		}
	}
	number, proto, given := strings.Cut(args[0][1:], "/")
	if given && !slices.Contains([]string{"tcp", "udp", "sctp"}, proto) {
		return q, usagef("protocol %q of published port %q is none of tcp, udp, sctp", proto, args[0])
	}
	q.PublishedProto = proto
	q.Published, err = portNumber(number, "published port", args[0])
	return q, err
}

// portNumber reads a port that was typed as part of an argument.
func portNumber(number, what, arg string) (uint16, error) {
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case err != nil && !digits(number):
		return 0, usagef("port %q of %s %q is not a number", number, what, arg)
	case err != nil || n < 1 || n > 65535:
		return 0, usagef("port %s of %s %q is out of range: 1 to 65535", number, what, arg)
	}
	return uint16(n), nil
}

// target reads TO[:port[/protocol]] into the question.
func target(q fact.Question, to string) (fact.Question, error) {
	if strings.Contains(to, "://") {
		return site(q, to)
	}
	if bracketed(to) {
		return q, usagef("TO %q has something in brackets that is no address: %s", to, grammar)
	}
	name, rest, found := split(to)
	q.To, q.Proto = name, "tcp"
	if name == "" {
		return q, usagef("TO is empty: %s", grammar)
	}
	if !found {
		if before, after, slash := strings.Cut(name, "/"); slash {
			return q, usagef("TO %q has no port: write %s:PORT/%s", to, before, after)
		}
		return q, nil
	}
	number, proto, given := strings.Cut(rest, "/")
	if given {
		q.Proto = proto
	}
	if q.Proto != "tcp" && q.Proto != "udp" {
		return q, usagef("protocol %q of TO %q is neither tcp nor udp", proto, to)
	}
	var err error
	q.Port, err = portNumber(number, "TO", to)
	return q, err
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// split takes the port off; an IPv6 address stands in brackets then.
func split(to string) (name, rest string, found bool) {
	if isAddress(to) {
		return to, "", false
	}
	if inner, after, ok := strings.Cut(strings.TrimPrefix(to, "["), "]"); ok && to[0] == '[' && isAddress(inner) {
		rest, found = strings.CutPrefix(after, ":")
		return inner, rest, found
	}
	return strings.Cut(to, ":")
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// bracketed reports whether TO has something in brackets that is no address.
func bracketed(to string) bool {
	inner, after, _ := strings.Cut(strings.TrimPrefix(to, "["), "]")
	return strings.HasPrefix(to, "[") && (!isAddress(inner) || after != "" && after[0] != ':')
}

// site reads a URL, as it is copied from a configuration: its host and port count.
func site(q fact.Question, to string) (fact.Question, error) {
	u, err := url.Parse(to)
	if err != nil || u.Hostname() == "" {
		return q, usagef("TO %q is no URL with a host: %s", withoutUser(to), grammar)
	}
	if strings.Contains(u.Host, ",") {
		return q, usagef("TO %q names several hosts: ask about one at a time", withoutUser(to))
	}
	q.To, q.Proto = u.Hostname(), "tcp"
	if !strings.Contains(q.To, ".") && !isAddress(q.To) {
		q.To += "." // a URL means no service: DNS's own way to say so
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if port == "" {
		return q, usagef("TO %q names no port: %s", withoutUser(to), grammar)
	}
	q.Port, err = portNumber(port, "TO", withoutUser(to))
	return q, err
}

// withoutUser leaves out what stands before the host and behind the path: it may
// hold a password, which may hold anything.
func withoutUser(to string) string {
	scheme, rest, _ := strings.Cut(to, "://")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest
}
