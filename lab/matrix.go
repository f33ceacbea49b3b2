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
	Faults  []string // of faults and situations; empty: all
	Seed    int64
	Fairway string // path of the program to judge
	Results string // folder for the results file, the table and the reports of mismatches
	Out     io.Writer
	// Way is how nodes are reached. In all ways but Here healthy means that all was seen, too.
	Way Way
	// Kernel is [KernelOwn] (also when empty), [KernelUML] or [KernelAuto].
	Kernel string
	Legacy bool // iptables-legacy inside the nodes
	// Record is a folder to keep a case of every row in, by engine, and beside it what must be found there; empty: none.
	Record string
}

// Matrix tries every fault on every engine: healthy before, exactly the causes expected, healthy after. What has passed
// with the same fairway before is not tried again. The error says how many failed; it ends only when a lab cannot start.
func Matrix(ctx context.Context, o MatrixOptions) error { return matrixOn(ctx, o) }

func matrixHere(ctx context.Context, o MatrixOptions) error {
	program, err := os.ReadFile(o.Fairway)
	if err != nil {
		return fmt.Errorf("read fairway: %w", err)
	}
	trials, err := chooseTrials(o.Faults)
	if err != nil {
		return err
	}
	if !slices.Contains(Ways(), o.Way) {
		return fmt.Errorf("way %q is not known: %v", o.Way, Ways())
	}
	results := &results{dir: o.Results, hash: fmt.Sprintf("%x", sha256.Sum256(program))[:12]}
	if err := results.load(); err != nil {
		return err
	}
	var columns []column
	for _, engine := range o.Engines {
		columns = append(columns, column{engine, o.Way})
		m := &matrix{MatrixOptions: o, engine: engine, program: program, results: results}
		if err := m.run(ctx, trials); err != nil {
			return errors.Join(err, results.writeTable())
		}
	}
	if err := results.writeTable(); err != nil {
		return err
	}
	if bad := results.failed(columns, trials); bad > 0 {
		return fmt.Errorf("%d of %d not as expected: see %s", bad, len(o.Engines)*len(trials), o.Results)
	}
	return nil
}

// trial is one row of the matrix. It says why it failed, the report that was wrong, and whether the lab may be spoilt.
type trial struct {
	id      string
	kernel  string            // as Fault.Kernel
	twoEnds bool              // as Fault.TwoEnds
	onHost  bool              // as Fault.OnHost
	notOn   map[string]string // as Fault.NotOn
	judge   func(ctx context.Context, m *matrix, r *row) (why, evidence string, broken bool)
}

// here: the table of this kernel has it. User Mode Linux, which is slow, is for what the machine's kernel lacks.
func (t trial) here() bool {
	return Fault{Kernel: t.kernel}.Fits() && (!InUML() || t.kernel == needsIPVS || t.kernel == ownKernel)
}

// chooseTrials finds the trials of those names, or all.
func chooseTrials(ids []string) ([]trial, error) {
	var all []trial
	for _, s := range Situations() {
		all = append(all, trial{s.ID, s.Kernel, false, false, nil, func(ctx context.Context, m *matrix, r *row) (string, string, bool) {
			return m.judgeSituation(ctx, s, r)
		}})
	}
	for _, f := range Faults() {
		all = append(all, trial{f.ID, f.Kernel, f.TwoEnds, f.OnHost, f.NotOn, func(ctx context.Context, m *matrix, r *row) (string, string, bool) {
			return m.judgeFault(ctx, f, r)
		}})
	}
	all = slices.DeleteFunc(all, func(t trial) bool { return !t.here() && !slices.Contains(ids, t.id) })
	if len(ids) == 0 {
		return all, nil
	}
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(t trial) bool { return t.id == id }) {
			return nil, fmt.Errorf("no fault or situation %q", id)
		}
	}
	return slices.DeleteFunc(all, func(t trial) bool { return !slices.Contains(ids, t.id) }), nil
}

// matrix is one engine's part.
type matrix struct {
	MatrixOptions
	engine  string
	program []byte
	results *results
	lab     *Lab
	way     Way // of this lab
}

func (m *matrix) name() string { return m.Name + "_" + strings.ReplaceAll(m.engine, ".", "") }

func (m *matrix) run(ctx context.Context, trials []trial) error {
	defer m.down()
	for _, t := range trials {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if reason := t.notOn[m.engine]; reason != "" {
			fmt.Fprintf(m.Out, "%-6s %-11s %-40s n/a: %s\n", m.engine, m.Way, t.id, reason)
			continue
		}
		if m.done(t.id) {
			continue
		}
		if err := m.up(ctx, t); err != nil {
			return err
		}
		row, evidence, broken := m.try(ctx, t)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := m.results.add(row, evidence); err != nil {
			return err
		}
		fmt.Fprintf(m.Out, "%-6s %-11s %-40s %-4s %5.1f s  %s\n", row.Engine, row.Way, row.Fault, row.Verdict, row.Seconds, row.Why)
		if broken { // the next fault must not inherit it
			m.down()
		}
	}
	return nil
}

// up starts a lab that fits a trial, if there is none.
func (m *matrix) up(ctx context.Context, t trial) error {
	way := m.Way
	switch {
	case way == Here && t.twoEnds:
		way = Agents
	case way != Here && t.onHost:
		way = Here
	}
	if m.fit(ctx, way) {
		return nil
	}
	m.down()
	l, err := Up(ctx, Options{Name: m.name(), Nodes: 3, Engines: []string{m.engine}, Legacy: m.Legacy})
	if err != nil {
		return err
	}
	m.lab, m.way = l, way
	return m.prepare(ctx)
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

// try judges one row. It returns the report that was wrong, and whether the lab may be spoilt.
func (m *matrix) try(ctx context.Context, t trial) (row, string, bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute*m.lab.patience())
	defer cancel()
	r := row{Engine: m.engine, Way: m.Way, Fault: t.id, Hash: m.results.hash, Seed: m.seed(t.id), Verdict: "fail"}
	begin := time.Now()
	why, evidence, broken := t.judge(ctx, m, &r)
	r.Seconds, r.Why = time.Since(begin).Seconds(), strings.ReplaceAll(why, "\n", "; ") // a line of a table
	if why == "" {
		r.Verdict = "pass"
	}
	return r, evidence, broken
}

func (m *matrix) judgeFault(ctx context.Context, f Fault, r *row) (why, evidence string, broken bool) {
	l := m.lab
	first, err := m.draw(ctx, f.ID, r)
	if err != nil {
		return err.Error(), "", true
	}
	calm := f.calm(l, first)
	if why, evidence = m.judgeHealthy(ctx, calm, false); why != "" {
		return "before: " + why, evidence, true
	}
	held := l.holds(ctx)
	d, err := l.Break(ctx, f.ID, DrawOptions{Seed: r.Seed})
	if err != nil {
		return err.Error(), "", true
	}
	w := f.Want(l, d)
	if why, evidence = m.judgeBroken(ctx, w, r); why == "" {
		why, evidence = m.record(ctx, f.ID, w)
	}
	if m.way.everywhere() && d.Node == asker {
		why = strings.Trim(why+"; it broke "+asker+", where it is asked", "; ")
	}
	if _, err := l.Heal(ctx); err != nil {
		return strings.Trim(why+"; "+err.Error(), "; "), evidence, true
	}
	err = l.Settle(ctx, time.Minute)
	if err == nil && m.way == WithAgents { // a node that was cut off may have kept its agent until now
		err = l.expectHeld(ctx, held)
	}
	if err != nil {
		return strings.Trim(why+"; after: "+err.Error(), "; "), evidence, true
	}
	if why != "" {
		return why, evidence, false
	}
	if why, evidence = m.judgeHealthy(ctx, calm, false); why != "" {
		return "after: " + why, evidence, true
	}
	return "", "", false
}

// calm is the question of a healthy lab: the fault's own, or the usual one where the fault adds what it asks about.
func (f Fault) calm(l *Lab, d *Draw) Want {
	if w := f.Want(l, d); w.To == d.askMesh().To {
		return d.askMesh()
	}
	return d.ask()
}

// judgeSituation asks in a state where nothing is wrong, for as long as it lasts, and once more when it is over.
func (m *matrix) judgeSituation(ctx context.Context, s Situation, r *row) (why, evidence string, broken bool) {
	l := m.lab
	d, err := m.draw(ctx, s.ID, r)
	if err != nil {
		return err.Error(), "", true
	}
	d.path = filepath.Join(l.Dir, "situation.json")
	if err := s.Setup(ctx, l, d); err != nil {
		return err.Error(), "", true
	}
	kept := false
	for over := false; !over && why == ""; {
		over = true
		if s.Over != nil {
			if over, err = s.Over(ctx, l); err != nil {
				return err.Error(), "", true
			}
		}
		for _, w := range s.Asks(d) {
			begin := time.Now()
			if why, evidence = m.judgeHealthy(ctx, w, s.Over != nil); why != "" {
				why = fmt.Sprintf("%s %s on %s: %s", w.From, w.To, w.On, why)
				break
			}
			r.Diagnose = time.Since(begin).Seconds()
			if !kept { // the first question is about what is unusual
				kept = true
				if why, evidence = m.record(ctx, s.ID, w); why != "" {
					break
				}
			}
		}
	}
	if err := s.Undo(ctx, l, d); err != nil {
		return strings.Trim(why+"; "+err.Error(), "; "), evidence, true
	}
	if err := l.Settle(ctx, time.Minute); err != nil {
		return strings.Trim(why+"; after: "+err.Error(), "; "), evidence, true
	}
	if why != "" {
		return why, evidence, false
	}
	calm := d.ask()
	if s.Kernel == needsIPVS {
		calm = d.askMesh()
	}
	if why, evidence = m.judgeHealthy(ctx, calm, false); why != "" {
		return "after: " + why, evidence, true
	}
	return "", "", false
}

func (m *matrix) judgeBroken(ctx context.Context, w Want, r *row) (why, evidence string) {
	begin := time.Now()
	got, evidence, err := m.ask(ctx, w)
	r.Diagnose, r.Unseen = time.Since(begin).Seconds(), got.unseen()
	if err != nil {
		return err.Error(), evidence
	}
	if why = got.missed(w.Causes); why == "" && m.way.everywhere() {
		why = got.blind(m.hidden(w))
	}
	return why, evidence
}

// judgeHealthy asks where nothing is wrong. While tasks come and go it need not be sure yet, but it sees everything.
func (m *matrix) judgeHealthy(ctx context.Context, w Want, moving bool) (why, evidence string) {
	got, evidence, err := m.ask(ctx, w)
	if err == nil && len(got.NotAgain) > 0 && len(got.causes()) == 0 && got.Verdict == "unknown" {
		// A packet got lost, which happens on a machine that others use; but not twice in a row.
		fmt.Fprintf(m.Out, "%-6s %-11s asked again:%s\n", m.engine, m.Way, got.ailing())
		got, evidence, err = m.ask(ctx, w)
	}
	if err != nil {
		return err.Error(), evidence
	}
	sure := got.Verdict == "ok" || moving && !got.blinded()
	if why = got.sick(); why == "" && m.way.everywhere() && !sure {
		why = "of a healthy lab it says " + got.Verdict + got.ailing()
	}
	return why, evidence
}
