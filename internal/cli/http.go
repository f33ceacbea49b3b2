package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"fairway/internal/fact"
)

// httpFlags are how an HTTP server behind a published port is to be asked.
type httpFlags struct {
	http, tls      bool
	hostname, path string
	expect         int
}

func (f *httpFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.http, "http", false, "speak HTTP to the published port whatever its number (ports 80, 8080, 443 and 8443 are spoken to anyway)")
	fl.BoolVar(&f.tls, "tls", false, "speak HTTPS to the published port whatever its number")
	fl.StringVar(&f.hostname, "hostname", "", "ask for the site of this `name` (Host header, and name in TLS)")
	fl.StringVar(&f.path, "path", "", "ask for this `path` (default /)")
	fl.IntVar(&f.expect, "expect-status", 0, "the only HTTP `status` that is right (default any below 500)")
}

// question is what the flags ask for; nil when none was given.
func (f *httpFlags) question(q *fact.Question) (*fact.HTTPQuestion, error) {
	if *f == (httpFlags{}) {
		return nil, nil
	}
	odd := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
	}
	switch {
	case q.Published == 0:
		return nil, usagef("--http, --tls, --hostname, --path and --expect-status are about a published port: put it first, as in `fairway diagnose :8080`")
	case odd(f.hostname) || len(f.hostname) > 253 || strings.ContainsAny(f.hostname, "/@"):
		return nil, usagef("host name %q is not one", f.hostname)
	case f.path != "" && f.path[0] != '/':
		return nil, usagef("path %q does not begin with a slash", f.path)
	case odd(f.path) || len(f.path) > 1024:
		return nil, usagef("path %q cannot stand in a request: no spaces or control characters, and at most 1024 bytes", f.path)
	case f.expect != 0 && (f.expect < 100 || f.expect > 599):
		return nil, usagef("status %d is no HTTP status: 100 to 599", f.expect)
	}
	return &fact.HTTPQuestion{Host: f.hostname, Path: f.path, Expect: f.expect, TLS: f.tls}, nil
}
