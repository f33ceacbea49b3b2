package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// MatrixOptions say which faults to try on which engines.
type MatrixOptions struct {
	Name    string   // of the labs; each engine's gets its own suffix
	Engines []string // one lab each, one after the other
	Faults  []string // empty: all
	Seed    int64
	Fairway string // path of the program to judge
	Results string // folder for the results file, the table and the reports of mismatches
	Out     io.Writer
}

// Matrix tries every fault on every engine: healthy before, exactly the causes expected, healthy after. What has passed
// with the same fairway before is not tried again. The error says how many failed; it ends only when a lab cannot start.
func Matrix(ctx context.Context, o MatrixOptions) error {
	program, err := os.ReadFile(o.Fairway)
	if err != nil {
		return fmt.Errorf("read fairway: %w", err)
	}
	faults := Faults()
	if len(o.Faults) > 0 {
		faults = nil
		for _, id := range o.Faults {
			f, err := FindFault(id)
			if err != nil {
				return err
			}
			faults = append(faults, f)
		}
	}
	results := &results{dir: o.Results, hash: fmt.Sprintf("%x", sha256.Sum256(program))[:12]}
	if err := results.load(); err != nil {
		return err
	}
	for _, engine := range o.Engines {
		m := &matrix{MatrixOptions: o, engine: engine, program: program, results: results}
		if err := m.run(ctx, faults); err != nil {
			return errors.Join(err, results.writeTable(o.Engines, faults))
		}
	}
	if err := results.writeTable(o.Engines, faults); err != nil {
		return err
	}
	if bad := results.failed(o.Engines, faults); bad > 0 {
		return fmt.Errorf("%d of %d not as expected: see %s", bad, len(o.Engines)*len(faults), o.Results)
	}
	return nil
}

// matrix is one engine's part.
type matrix struct {
	MatrixOptions
	engine  string
	program []byte
	results *results
	lab     *Lab
}

func (m *matrix) name() string { return m.Name + "_" + strings.ReplaceAll(m.engine, ".", "") }

func (m *matrix) run(ctx context.Context, faults []Fault) error {
	defer m.down()
	for _, f := range faults {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.results.passed(m.engine, f.ID) {
			continue
		}
		if err := m.up(ctx); err != nil {
			return err
		}
		row, evidence, broken := m.try(ctx, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := m.results.add(row, evidence); err != nil {
			return err
		}
		fmt.Fprintf(m.Out, "%-6s %-40s %-4s %5.1f s  %s\n", row.Engine, row.Fault, row.Verdict, row.Seconds, row.Why)
		if broken { // the next fault must not inherit it
			m.down()
		}
	}
	return nil
}

func (m *matrix) up(ctx context.Context) error {
	if m.lab != nil {
		return nil
	}
	l, err := Up(ctx, Options{Name: m.name(), Nodes: 3, Engines: []string{m.engine}})
	if err != nil {
		return err
	}
	m.lab = l
	return os.WriteFile(filepath.Join(l.Dir, "fairway"), m.program, 0o755)
}

func (m *matrix) down() {
	if m.lab == nil {
		return
	}
	m.lab.Close()
	if err := Down(context.Background(), m.name()); err != nil {
		fmt.Fprintln(m.Out, err)
	}
	m.lab = nil
}

// seed differs from fault to fault, so that they do not all hit the same node, and not with the place in the list.
func (m *matrix) seed(fault string) int64 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, fault)
	return m.Seed<<32 | int64(h.Sum32())
}

// try judges one fault. It returns the report that was wrong, and whether the lab may be spoilt.
func (m *matrix) try(ctx context.Context, f Fault) (row, string, bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	r := row{Engine: m.engine, Fault: f.ID, Hash: m.results.hash, Seed: m.seed(f.ID), Verdict: "fail"}
	begin := time.Now()
	why, evidence, broken := m.judge(ctx, f, &r)
	r.Seconds, r.Why = time.Since(begin).Seconds(), why
	if why == "" {
		r.Verdict = "pass"
	}
	return r, evidence, broken
}

func (m *matrix) judge(ctx context.Context, f Fault, r *row) (why, evidence string, broken bool) {
	l := m.lab
	first, err := l.draw(ctx, f.ID, DrawOptions{Seed: r.Seed})
	if err != nil {
		return err.Error(), "", true
	}
	calm := first.ask() // the question of a healthy lab, from the very node
	if why, evidence = l.judgeHealthy(ctx, calm); why != "" {
		return "before: " + why, evidence, true
	}
	d, err := l.Break(ctx, f.ID, DrawOptions{Seed: r.Seed})
	if err != nil {
		return err.Error(), "", true
	}
	w := f.Want(l, d)
	begin := time.Now()
	got, evidence, err := l.diagnose(ctx, w)
	r.Diagnose = time.Since(begin).Seconds()
	if err != nil {
		why = err.Error()
	} else {
		why = got.missed(w.Causes)
	}
	if _, err := l.Heal(ctx); err != nil {
		return strings.Trim(why+"; "+err.Error(), "; "), evidence, true
	}
	if err := l.Settle(ctx, time.Minute); err != nil {
		return strings.Trim(why+"; after: "+err.Error(), "; "), evidence, true
	}
	if why != "" {
		return why, evidence, false
	}
	if why, evidence = l.judgeHealthy(ctx, calm); why != "" {
		return "after: " + why, evidence, true
	}
	return "", "", false
}

func (l *Lab) judgeHealthy(ctx context.Context, w Want) (why, evidence string) {
	got, evidence, err := l.diagnose(ctx, w)
	if err != nil {
		return err.Error(), evidence
	}
	return got.sick(), evidence
}

// writeTable writes the table of all engines and faults, with what is known of this fairway.
func (s *results) writeTable(engines []string, faults []Fault) error {
	var b strings.Builder
	fmt.Fprintf(&b, "fairway %s\n\n| fault | %s |\n|---|%s\n", s.hash, strings.Join(engines, " | "), strings.Repeat("---|", len(engines)))
	var bad []string
	for _, f := range faults {
		cells := []string{f.ID}
		for _, e := range engines {
			r, ok := s.last(e, f.ID)
			switch {
			case !ok:
				cells = append(cells, "not run")
			case r.Verdict == "pass":
				cells = append(cells, fmt.Sprintf("pass, %.1f s", r.Seconds))
			default:
				cells = append(cells, "**fail**")
				bad = append(bad, fmt.Sprintf("- %s on %s, seed %d: %s", f.ID, e, r.Seed, r.Why))
			}
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		fmt.Fprintf(&b, "\n%s\n", strings.Join(bad, "\n"))
	}
	return os.WriteFile(filepath.Join(s.dir, "matrix.md"), []byte(b.String()), 0o644)
}
