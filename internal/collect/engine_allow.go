package collect

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"fairway/internal/fact"
)

// The engine's socket is as good as root on its host. Everything this package
// asks an engine goes through allowed, which lets pass only what is listed here:
// nothing but GET, nothing that carries a secret (/swarm has the join tokens,
// /containers/ID/logs and /export what applications keep), and of files in
// containers only resolv.conf.
var allowedPaths = []struct {
	path *regexp.Regexp
	// query holds the parameters that may be there; "archive" below has its own
	// rule.
	query []string
}{
	{regexp.MustCompile(`^/_ping$`), nil}, // agrees on an API version
	{regexp.MustCompile(`^` + version + `/info$`), nil},
	{regexp.MustCompile(`^` + version + `/version$`), nil},
	{regexp.MustCompile(`^` + version + `/containers/json$`), []string{"filters", "limit"}},
	{regexp.MustCompile(`^` + version + `/containers/` + object + `/json$`), nil},
	{regexp.MustCompile(`^` + version + `/containers/` + object + `/archive$`), []string{"path"}},
	{regexp.MustCompile(`^` + version + `/networks$`), []string{"filters"}},
	{regexp.MustCompile(`^` + version + `/networks/` + object + `$`), []string{"verbose"}},
	{regexp.MustCompile(`^` + version + `/(services|tasks|nodes)$`), []string{"filters"}},
}

const (
	version = `/v1\.[0-9]{1,3}`
	// object is an ID or a name of an engine's object (moby's daemon/names, all
	// versions): no slash, no percent sign.
	object = `[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}`
	// allowedFile is the only file that is read out of containers.
	allowedFile = "/etc/resolv.conf"
)

// allowed is the way to an engine, for what is on the list.
type allowed struct {
	over *http.Transport
	// base is the path that an engine behind a proxy is found under.
	base string
}

// RoundTrip refuses what is not on the list before anything is sent.
func (a allowed) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := a.check(r); err != nil {
		return nil, err
	}
	return a.over.RoundTrip(r)
}

// CloseIdleConnections is what http.Client looks for.
func (a allowed) CloseIdleConnections() { a.over.CloseIdleConnections() }

func (a allowed) check(r *http.Request) error {
	refuse := fmt.Errorf("ask the engine for %s %s: fairway does not do that", r.Method, fact.OneLine(r.URL.EscapedPath()))
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), a.base)
	if r.Method != http.MethodGet || r.Body != nil && r.Body != http.NoBody || r.Header.Get("Upgrade") != "" || r.URL.Opaque != "" || !ok {
		return refuse
	}
	for _, one := range allowedPaths {
		if one.path.MatchString(path) {
			if !queryAllowed(r.URL.RawQuery, one.query) {
				return refuse
			}
			return nil
		}
	}
	return refuse
}

// queryAllowed reports whether a query has none but these parameters, each
// once, and names no file but the one.
func queryAllowed(raw string, names []string) bool {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return false
	}
	for _, n := range names {
		if v, there := q[n]; there && (len(v) != 1 || n == "path" && v[0] != allowedFile) {
			return false
		}
		if n == "path" && len(q[n]) == 0 {
			return false
		}
		delete(q, n)
	}
	return len(q) == 0
}

// base is the path of the place's url.
func (p *place) base() string {
	u, err := url.Parse(p.url)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}
