package render

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/check"
	"fairway/internal/fact"
)

// portKey is one published port, as it was spoken to.
type portKey struct {
	service   string
	published uint16
	proto     string
}

// ports shows what every node's published port answered, asked from others and
// from itself, side by side.
func (t *text) ports() {
	var keys []portKey
	for _, h := range t.r.Hosts {
		if k := (portKey{h.Service, h.Published, h.Proto}); h.Published != 0 && (h.Stage == fact.StageNode || h.Stage == fact.StageSelf) && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		t.section(fmt.Sprintf("Published port %d of %s (%s), on every node", k.published, k.service, k.proto))
		var nodes []string
		for _, h := range t.r.Hosts {
			if h.Published == k.published && h.Service == k.service && h.Node != "" && !slices.Contains(nodes, h.Node) {
				nodes = append(nodes, h.Node)
			}
		}
		slices.Sort(nodes)
		var rows [][]string
		for _, n := range nodes {
			others, self := t.answers(k, n, fact.StageNode), t.answers(k, n, fact.StageSelf)
			if others == nil && self == nil {
				continue
			}
			rows = append(rows, []string{n, answered(others), how(others), answered(self), how(self)})
		}
		t.table(2, []string{"NODE", "FROM OTHERS", "", "FROM ITSELF", ""}, rows, nil)
	}
	t.stages()
}

func (t *text) answers(k portKey, node string, st fact.Stage) *check.HostRow {
	i := slices.IndexFunc(t.r.Hosts, func(h check.HostRow) bool {
		return h.Service == k.service && h.Published == k.published && h.Proto == k.proto && h.Node == node && h.Stage == st
	})
	if i < 0 {
		return nil
	}
	return &t.r.Hosts[i]
}

func answered(h *check.HostRow) string {
	if h == nil || h.Of == 0 {
		return "not asked"
	}
	return fmt.Sprintf("%d of %d", h.Good, h.Of)
}

// how says how requests ended that were not all good, and the status of those that were.
func how(h *check.HostRow) string {
	switch {
	case h == nil:
		return ""
	case h.Of == 0:
		return strings.TrimPrefix(h.Error, "not asked: ")
	case h.Error == "connection "+string(h.Outcome):
		return string(h.Outcome)
	case h.Error != "" && h.Outcome != fact.Open:
		return strings.TrimPrefix(string(h.Outcome)+", "+h.Error, "error, ")
	case h.Good < h.Of && h.HTTPStatus != 0:
		return fmt.Sprintf("HTTP %d", h.HTTPStatus)
	case h.Good < h.Of:
		return string(h.Outcome)
	case h.Note != "" && h.HTTPStatus != 0:
		return fmt.Sprintf("HTTP %d, %s", h.HTTPStatus, h.Note)
	case h.Note != "":
		return h.Note
	case h.HTTPStatus != 0:
		return fmt.Sprintf("HTTP %d", h.HTTPStatus) + few(h)
	case h.Proto == "udp":
		return "not refused" + few(h)
	}
	return strings.TrimPrefix(few(h), "; ")
}

// few says that round robin may not have met every backend.
func few(h *check.HostRow) string {
	if h.Wanted == 0 {
		return ""
	}
	return fmt.Sprintf("; %d would meet every backend", h.Wanted)
}

// stages lists the parts of a path that were asked alone, and virtual IPs:
// failures one by one, what was good counted.
func (t *text) stages() {
	names := []struct {
		st   fact.Stage
		what string
	}{{fact.StageSandbox, "ingress sandbox, from its node"}, {fact.StageBackend, "tasks on the routing mesh, from ingress sandboxes"},
		{fact.StageTask, "application on its own loopback"}, {fact.StageVIP, "virtual IP, from the tasks"}}
	var items []string
	for _, n := range names {
		good, of := 0, 0
		var bad []string
		for i := range t.r.Hosts {
			h := &t.r.Hosts[i]
			if h.Stage != n.st {
				continue
			}
			good += h.Good
			if of += h.Of; h.Good < h.Of {
				bad = append(bad, fmt.Sprintf("%s from %s: %s, %s", strings.TrimSpace(short(h.To)+" "+h.Address), some(h.From), answered(h), how(h)))
			}
		}
		if of > 0 {
			items = append(items, fmt.Sprintf("%s: %d of %d answered", n.what, good, of))
			items = append(items, bad...)
		}
	}
	if len(items) > 0 {
		t.section("Stage by stage")
		t.list(2, items, 2*most)
	}
}

// paths shows the way of a bad node hop by hop, beside a good one.
func (t *text) paths() {
	shown := map[string]bool{}
	for i := range t.r.Paths {
		p := &t.r.Paths[i]
		if broken(p) < 0 || shown[p.To] {
			continue
		}
		shown[p.To] = true
		good := slices.IndexFunc(t.r.Paths, func(o check.Path) bool { return o.To == p.To && whole(&o) })
		beside := "no node has a whole one to compare"
		if good >= 0 {
			beside = "beside " + t.r.Paths[good].From
		}
		t.section(fmt.Sprintf("Path from %s to %s, %s", p.From, p.To, beside))
		for k := range p.Hops {
			t.hop(p, k, good)
		}
		if more := t.alsoBroken(p); more != "" {
			t.text(2, dim, more)
		}
	}
}

func (t *text) hop(p *check.Path, k, good int) {
	h := &p.Hops[k]
	st, word := sign(h.Answer)
	line := h.Hop
	if h.Counter != "" {
		line += ": " + h.Counter
	}
	if h.Answer != check.OK {
		line += ": " + h.Why
	}
	if good >= 0 && k < len(t.r.Paths[good].Hops) {
		if c := t.r.Paths[good].Hops[k].Counter; c != "" && h.Answer != check.OK {
			line += fmt.Sprintf(" (on %s: %s)", t.r.Paths[good].Hops[k].Node, c)
		}
	}
	t.item(2, st, word+" ", line)
}

// sign is the style and the word of an answer; the word says it without colour.
func sign(a check.Answer) (style, string) {
	switch a {
	case check.OK:
		return plain, "ok "
	case check.Failed:
		return bad, "BAD"
	}
	return unsure, "?  "
}

func (t *text) alsoBroken(p *check.Path) string {
	var others []string
	for i := range t.r.Paths {
		if o := &t.r.Paths[i]; o != p && o.To == p.To && broken(o) >= 0 {
			others = append(others, o.From)
		}
	}
	if len(others) == 0 {
		return ""
	}
	return "broken as well: " + some(others) + "; -o json has every hop"
}

func broken(p *check.Path) int {
	return slices.IndexFunc(p.Hops, func(h check.Hop) bool { return h.Answer == check.Failed })
}

func whole(p *check.Path) bool {
	return !slices.ContainsFunc(p.Hops, func(h check.Hop) bool { return h.Answer != check.OK })
}
