package casefile

import (
	"encoding/hex"
	"errors"
	"fmt"

	"fairway/internal/fact"
)

// assemble makes one snapshot of the parts.
func (r *reader) assemble() (*Case, error) {
	r.compare()
	s := r.looks()
	if s == nil {
		return nil, r.nothing()
	}
	if s.Format > fact.Format {
		return nil, fmt.Errorf("its facts have format %d, written by %s; this fairway reads format %d: take a newer one", s.Format, version(r.head.Tool), fact.Format)
	}
	fact.Tidy(s)
	return &Case{Snapshot: s, Tool: r.head.Tool, Format: r.head.Format, Taken: r.head.Taken, Cut: r.cut, Damage: r.damage, Files: r.files}, nil
}

// nothing says that no look can be used.
func (r *reader) nothing() error {
	if r.cut != "" {
		return fmt.Errorf("it ends early, before the first look was whole: %s; take the case again", r.cut)
	}
	for i := 1; i <= mostLooks; i++ {
		if p := r.seen[lookName(i)+"snapshot.json"]; p != nil {
			return fmt.Errorf("it is damaged: %ssnapshot.json: %s; take the case again", lookName(i), p.bad)
		}
	}
	return errors.New("it holds no look; take the case again")
}

// compare marks the parts that are not what the manifest says.
func (r *reader) compare() {
	p := r.seen[manifestPart]
	if p == nil {
		return
	}
	if p.bad != "" {
		r.cut = "its manifest cannot be read: " + p.bad
		return
	}
	in := map[string]bool{manifestPart: true}
	for _, l := range p.into.(*manifest).Parts {
		in[l.Name] = true
		switch q := r.seen[l.Name]; {
		case q == nil:
			r.note("%s is missing", l.Name)
		case q.size != l.Size:
			q.spoil("it has another size than the manifest says")
		case hex.EncodeToString(q.sum[:]) != l.SHA256:
			q.spoil("it has another checksum than the manifest says")
		}
	}
	for _, f := range r.files {
		q := r.seen[f.Name]
		if q == nil || in[f.Name] {
			continue
		}
		if f.Known {
			q.spoil("the manifest does not list it")
		}
	}
	for _, f := range r.files {
		if q := r.seen[f.Name]; q != nil && f.Known && q.bad != "" {
			r.note("%s: %s", f.Name, q.bad)
		}
	}
}

func (p *held) spoil(why string) {
	if p.bad == "" {
		p.bad = why
	}
}

// note keeps the first few sentences about damage.
func (r *reader) note(format string, a ...any) {
	if len(r.damage) < 20 {
		r.damage = append(r.damage, fact.OneLine(fmt.Sprintf(format, a...)))
	}
}

func lookName(i int) string { return fmt.Sprintf("look-%d/", i) }

// looks puts the looks together, each the Earlier of the next. Of a case that is
// cut the last whole look stands: what came after it is half a look.
func (r *reader) looks() (last *fact.Snapshot) {
	whole := false
	for i := 1; i <= mostLooks; i++ {
		s, all := r.look(i)
		switch {
		case s == nil:
			continue
		case whole && !all && r.cut != "":
			r.cut += fmt.Sprintf("; look %d is not whole and was left out", i)
			return last
		}
		s.Earlier = last
		last, whole = s, all
	}
	return last
}

// look puts one look together and says whether all of it is there.
func (r *reader) look(i int) (s *fact.Snapshot, whole bool) {
	p := r.seen[lookName(i)+"snapshot.json"]
	if p == nil || p.bad != "" {
		return nil, false
	}
	first := p.into.(*lookPart)
	s = &first.Snapshot
	s.Wanted, s.Earlier = nil, nil
	for i := range s.Nodes {
		n := &s.Nodes[i]
		n.Engine, n.Kernel, n.Said = nil, nil, nil
	}
	whole = true
	for _, name := range first.Parts[:min(len(first.Parts), r.limits.Parts)] {
		if why := r.place(s, i, name); why != "" {
			whole = false
			s.Gaps = append(s.Gaps, lost(s, name, why, r.cut != "")...)
		}
	}
	return s, whole
}

// place puts one part where it belongs, and says why not otherwise.
func (r *reader) place(s *fact.Snapshot, look int, name string) string {
	p := r.seen[lookName(look)+name]
	switch {
	case p == nil:
		return "it is missing"
	case p.bad != "":
		return p.bad
	}
	dir, _ := split(name)
	n := nodeOf(dir)
	if w, ok := p.into.(*fact.Wanted); ok {
		s.Wanted = w
		return ""
	}
	if n < 0 || n >= len(s.Nodes) {
		return ""
	}
	switch v := p.into.(type) {
	case *fact.Engine:
		s.Nodes[n].Engine = v
	case *fact.Kernel:
		s.Nodes[n].Kernel = v
	case *fact.Said:
		s.Nodes[n].Said = v
	case *[]fact.LogLine:
		if said := s.Nodes[n].Said; said != nil && len(*v) > 0 {
			said.Lines = *v
		}
	}
	return ""
}

// lost are the gaps that a part leaves.
func lost(s *fact.Snapshot, name, why string, cut bool) []fact.Gap {
	dir, last := split(name)
	kinds := map[string][]fact.Kind{"wanted.json": {fact.KindSwarm}, "engine.json": {fact.KindInfo, fact.KindContainers, fact.KindNetworks},
		"kernel.json": {fact.KindKernel, fact.KindResolv}, "said.json": {fact.KindLogs}, "log.txt": {fact.KindLogs}}[last]
	g := fact.Gap{Class: fact.ClassGarbled, Reason: fmt.Sprintf("read %s of the case: %s", name, why), Do: "take the case again"}
	if cut {
		g.Class = fact.ClassInterrupted
	}
	if n := nodeOf(dir); n >= 0 && n < len(s.Nodes) {
		g.Node = s.Nodes[n].Name
	}
	var out []fact.Gap
	for _, k := range kinds {
		g.Kind = k
		out = append(out, g)
	}
	return out
}
