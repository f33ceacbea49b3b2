package lab_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"fairway/internal/casefile"
	"fairway/internal/fact"
	"fairway/lab"
)

// kept is a case and the Swarm it was taken of.
type kept struct {
	l *lab.Lab
	s *fact.Snapshot
	// parts are the parts of the last look as JSON, by the last piece of their name.
	parts map[string][]any
}

// TestCaseHoldsWhatSupportPrints takes a case of a real Swarm with a broken path,
// then runs what libnetwork's support.sh and the manual steps run, and looks for
// what they print in the case: each row of the tables in docs/case.md is a
// subtest, and each subtest a row.
func TestCaseHoldsWhatSupportPrints(t *testing.T) {
	need(t)
	buildForInside(t)
	if lab.RunInUML(t, "ip_vs") {
		return
	}
	k := keep(t)
	places := placesInDoc(t)
	for _, r := range slices.Concat(hostRows, spaceRows, containerRows, stepRows) {
		t.Run(r.id, func(t *testing.T) {
			where, listed := places[r.id]
			if !listed {
				t.Fatalf("docs/case.md has no row %s", r.id)
			}
			delete(places, r.id)
			for _, w := range where {
				k.wantPlace(t, w)
			}
			r.check(t, k)
		})
	}
	for _, id := range slices.Sorted(maps.Keys(places)) {
		t.Errorf("row %s of docs/case.md has no subtest", id)
	}
}

// row is one row of a table: what it prints, and where that is.
type row struct {
	id    string
	check func(*testing.T, *kept)
}

// keep breaks a path and takes a case of the whole Swarm.
func keep(t *testing.T) *kept {
	t.Helper()
	l := withFairway(t, options("casesupport"))
	if err := l.LoadAgents(t.Context()); err != nil {
		t.Fatal(err)
	}
	atRest(t, l, "n2")
	if _, err := l.Break(t.Context(), "overlay-neigh-wrong-mac", lab.DrawOptions{Seed: 1, Node: "n1"}); err != nil {
		t.Fatal(err)
	}
	if s := run(t, l, "n1", "collect", "--with-agents", "--all-nodes", "-o", "/lab/case.fairway"); s.code != 0 && s.code != 4 {
		t.Fatalf("collect: exit %d\n%s%s", s.code, s.out, s.err)
	} else {
		t.Logf("%s", s.out)
	}
	path := filepath.Join(l.Dir, "case.fairway")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := casefile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Cut != "" || len(c.Damage) > 0 || len(c.Snapshot.Nodes) != 3 || info.Size() > 2<<20 {
		t.Fatalf("cut %q, damage %q, %d nodes, %d bytes", c.Cut, c.Damage, len(c.Snapshot.Nodes), info.Size())
	}
	t.Logf("%d bytes, %d parts", info.Size(), len(c.Files))
	return &kept{l: l, s: c.Snapshot, parts: unpack(t, l, c.Snapshot)}
}

// atRest leaves a container behind that never ran.
func atRest(t *testing.T, l *lab.Lab, node string) {
	t.Helper()
	tasks, err := l.Running(t.Context(), "web", node)
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no task of web on %s: %v", node, err)
	}
	api, err := l.API(node)
	if err != nil {
		t.Fatal(err)
	}
	c, err := api.ContainerInspect(t.Context(), tasks[0].Container, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Exec(t.Context(), node, "docker", "create", "--name", "atrest", "--network", "none", c.Container.Image, "/none"); err != nil {
		t.Fatal(err)
	}
}

// unpack reads the parts as a stranger does: with tar.
func unpack(t *testing.T, l *lab.Lab, s *fact.Snapshot) map[string][]any {
	t.Helper()
	if _, err := l.Exec(t.Context(), "n1", "sh", "-c", "rm -rf /lab/case && mkdir /lab/case && cd /lab/case && tar --zstd -xf /lab/case.fairway"); err != nil {
		t.Fatal(err)
	}
	look := filepath.Join(l.Dir, "case", "look-1")
	if s.Earlier != nil {
		look = filepath.Join(l.Dir, "case", "look-2")
	}
	out := map[string][]any{}
	err := filepath.WalkDir(look, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) != ".json" {
			out[d.Name()] = append(out[d.Name()], string(b))
			return nil
		}
		var v any
		err = json.Unmarshal(b, &v)
		out[d.Name()] = append(out[d.Name()], v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// place is a part and a path in it, as jq writes it.
type place struct{ part, path string }

var (
	tableRow   = regexp.MustCompile(`(?m)^\| ([SR]\d+) \|[^|]*\|([^|]*)\|`)
	tablePlace = regexp.MustCompile("`([a-z]+\\.(?:json|txt))`(?: `(\\.[^`]*)`)?")
)

// placesInDoc are the rows of the tables and the places that they name.
func placesInDoc(t *testing.T) map[string][]place {
	t.Helper()
	b, err := os.ReadFile("../docs/case.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]place{}
	for _, m := range tableRow.FindAllStringSubmatch(string(b), -1) {
		for _, p := range tablePlace.FindAllStringSubmatch(m[2], -1) {
			out[m[1]] = append(out[m[1]], place{p[1], p[2]})
		}
		if len(out[m[1]]) == 0 {
			t.Errorf("row %s names no place", m[1])
		}
	}
	return out
}

// wantPlace wants something at a place that the table names.
func (k *kept) wantPlace(t *testing.T, p place) {
	t.Helper()
	if !slices.ContainsFunc(k.parts[p.part], func(v any) bool { return there(v, p.path) }) {
		t.Errorf("nothing is at %s %s", p.part, p.path)
	}
}

// there follows a path of names and lists.
func there(v any, path string) bool {
	if path == "" || path == "." {
		return v != nil
	}
	if rest, ok := strings.CutPrefix(path, "[]"); ok {
		list, _ := v.([]any)
		return slices.ContainsFunc(list, func(v any) bool { return there(v, rest) })
	}
	name, rest := strings.TrimPrefix(path, "."), ""
	if i := strings.IndexAny(name, ".["); i >= 0 {
		name, rest = name[:i], name[i:]
	}
	m, _ := v.(map[string]any)
	inner, ok := m[name]
	return ok && there(inner, rest)
}
