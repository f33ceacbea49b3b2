package collect

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAllowed: what gets to an engine and what never leaves.
func TestAllowed(t *testing.T) {
	const id = "0123456789abcdef"
	pass := []string{
		"GET /_ping", "GET /v1.40/info", "GET /v1.52/version", "GET /v1.44/containers/json", "GET /v1.44/containers/json" + restingQuery, "GET /v1.44/containers/" + id + "/json",
		"GET /v1.44/networks", "GET /v1.44/networks?filters=%7B%22scope%22%3A%5B%22swarm%22%5D%7D", "GET /v1.44/networks/" + id + "?verbose=true",
		"GET /v1.44/services", "GET /v1.44/tasks", "GET /v1.44/nodes",
		"GET /v1.44/containers/" + id + "/archive?path=%2Fetc%2Fresolv.conf",
	}
	stop := []string{
		"HEAD /_ping", "POST /v1.44/containers/json", "PUT /v1.44/info", "DELETE /v1.44/containers/" + id, "PATCH /v1.44/info", "CONNECT /v1.44/info",
		"get /v1.44/info", "OPTIONS /v1.44/info",
		"GET /v1.44/swarm", "GET /v1.44/swarm/unlockkey", "GET /v1.44/secrets", "GET /v1.44/configs", "GET /v1.44/configs/" + id, "GET /v1.44/plugins",
		"GET /v1.44/events", "GET /v1.44/images/json", "GET /v1.44/images/x/get", "GET /v1.44/system/df", "GET /v1.44/volumes", "GET /v1.44/session",
		"GET /v1.44/containers/" + id + "/logs?stdout=1", "GET /v1.44/containers/" + id + "/export", "GET /v1.44/containers/" + id + "/top",
		"GET /v1.44/containers/" + id + "/attach/ws?stream=1", "GET /v1.44/containers/" + id + "/stats", "GET /v1.44/exec/" + id + "/json",
		"GET /v1.44/services/" + id, "GET /v1.44/services/" + id + "/logs", "GET /v1.44/tasks/" + id + "/logs",
		"GET /v1.44/containers/" + id + "/archive", "GET /v1.44/containers/" + id + "/archive?path=%2Fetc%2Fshadow",
		"GET /v1.44/containers/" + id + "/archive?path=%2Fetc%2Fresolv.conf&path=%2Fetc%2Fshadow",
		"GET /v1.44/containers/" + id + "/archive?path=%2Fetc%2Fresolv.conf&x=1",
		"GET /v1.44/containers/" + id + "/archive?path=/etc/resolv.conf/../shadow", "GET /v1.44/containers/" + id + "/archive?Path=%2Fetc%2Fshadow",
		"GET /v1.44/containers/" + id + "/archive;path=%2Fetc%2Fresolv.conf",
		"GET /v1.44/containers/" + id + "/json?size=1", "GET /v1.44/containers/json?all=1", "GET /v1.44/info?x=%zz",
		"GET /v1.44/containers/../secrets", "GET /v1.44/containers/%2e%2e/json", "GET /v1.44/containers/a%2F..%2F..%2Fsecrets/json",
		"GET /v1.44/containers//json", "GET /v1.44/containers/" + strings.Repeat("a", 300) + "/json", "GET /v1.44/networks/a/b",
		"GET /info", "GET /v2.0/info", "GET /v1.44/_ping/", "GET /v1.44/info/", "GET //v1.44/info", "GET /v1.44/info%00", "GET /", "GET /x/v1.44/info",
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Method+" "+r.URL.RequestURI()] = true
	}))
	place, err := Where{Host: host}.find()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := place.transport()
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Client{Transport: allowed{tr, place.base()}, Timeout: 5 * time.Second}
	defer h.CloseIdleConnections()
	ask := func(what string) error {
		method, uri, _ := strings.Cut(what, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, place.url+uri, nil)
		if err != nil {
			return err
		}
		res, err := h.Do(req)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	for _, what := range pass {
		if err := ask(what); err != nil || !seen[what] {
			t.Errorf("%s: %v; arrived: %v", what, err, seen[what])
		}
	}
	clear(seen)
	for _, what := range stop {
		if err := ask(what); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if len(seen) > 0 {
		t.Errorf("the engine was asked %v", seen)
	}
	req, _ := http.NewRequest(http.MethodGet, place.url+"/v1.44/info", strings.NewReader("body"))
	if _, err := h.Do(req); err == nil {
		t.Error("a body was sent")
	}
	req, _ = http.NewRequest(http.MethodGet, place.url+"/v1.44/info", nil)
	req.Header.Set("Upgrade", "tcp")
	if _, err := h.Do(req); err == nil {
		t.Error("an upgrade was sent")
	}
}

// TestEveryEngineIsHeldToTheList: Dial offers no way around it, and an engine
// behind a proxy's path is no way either.
func TestEveryEngineIsHeldToTheList(t *testing.T) {
	e := dial(t, recorded(t, manager), 5*time.Second)
	if _, ok := e.http.Transport.(allowed); !ok {
		t.Fatalf("the transport is %T", e.http.Transport)
	}
	for _, c := range []struct {
		url, path string
		ok        bool
	}{
		{"http://proxy/engines/one", "http://proxy/engines/one/v1.44/info", true},
		{"http://proxy/engines/one/", "http://proxy/engines/one/v1.44/info", true},
		{"http://proxy/engines/one", "http://proxy/v1.44/info", false},
		{"http://proxy/engines/one", "http://proxy/engines/two/v1.44/info", false},
	} {
		p := place{url: c.url}
		req, err := http.NewRequest(http.MethodGet, c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := (allowed{base: p.base()}).check(req); (err == nil) != c.ok {
			t.Errorf("%s under %s: %v", c.path, c.url, err)
		}
	}
}
