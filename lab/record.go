package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Expected is the truth about a recorded case; it stands beside it, as JSON.
type Expected struct {
	Fault  string   `json:"fault"` // or situation
	Engine string   `json:"engine"`
	Way    Way      `json:"way"`
	On     string   `json:"on"`     // the node where it was collected
	Args   []string `json:"args"`   // of fairway diagnose; none: the question is that of fairway check
	Causes []Cause  `json:"causes"` // exactly these, the first one first; empty: nothing is wrong
	Exit   int      `json:"exit"`   // of the diagnosis
}

// recorded is where a case is kept, without the ends .fairway and, for the truth about it, .json.
func (m *matrix) recorded(id string) string { return filepath.Join(m.Record, m.engine, id) }

// done tells that a row need not be run: it has passed and, where cases are kept, its case is.
func (m *matrix) done(id string) bool {
	if !m.results.passed(column{m.engine, m.Way}, id) {
		return false
	}
	_, err := os.Stat(m.recorded(id) + ".json")
	return m.Record == "" || err == nil
}

// record collects a case while a fault is in force, proves that it tells the same as the Swarm itself, and keeps it.
func (m *matrix) record(ctx context.Context, id string, w Want) (why, evidence string) {
	if m.Record == "" {
		return "", ""
	}
	if m.way.everywhere() {
		w.On = asker
	}
	got, evidence, err := m.collect(ctx, w)
	if err == nil {
		exit, wanted := got.exit(), append([]Cause{}, w.Causes...)
		if len(w.Causes) > 0 { // of a situation nothing but silence is kept
			wanted = append(wanted, got.without(ambient(w))...)
		}
		if why = got.sick(); len(w.Causes) > 0 {
			why = got.missed(w.Causes)
		}
		if why != "" {
			return "its case: " + why, evidence
		}
		err = m.keep(id, Expected{Fault: id, Engine: m.engine, Way: m.way, On: w.On, Args: append([]string{}, w.args()...), Causes: wanted, Exit: exit})
	}
	if err != nil {
		return "its case: " + err.Error(), evidence
	}
	return "", ""
}

// caseFile is where a case is written, as a node and as the machine see it.
const caseFile = "case.fairway"

// collect writes a case and asks it.
func (m *matrix) collect(ctx context.Context, w Want) (report, string, error) {
	inside := "/lab/" + caseFile
	if err := os.Remove(filepath.Join(m.lab.Dir, caseFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return report{}, "", err
	}
	argv := m.command()
	argv[slices.Index(argv, "diagnose")] = "collect"
	out, err := m.lab.Exec(ctx, w.On, append(append(argv, "-o", inside), w.args()...)...)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 4) { // something could not be seen
		return report{}, out, err
	}
	return m.lab.diagnose(ctx, []string{argv[0], "diagnose", "--case", inside}, w)
}

// keep moves the case out of the lab. The truth about it comes last: what has both is whole.
func (m *matrix) keep(id string, truth Expected) error {
	b, err := os.ReadFile(filepath.Join(m.lab.Dir, caseFile))
	if err != nil {
		return err
	}
	to := m.recorded(id)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	for _, old := range []string{to + ".fairway", to + ".json"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.WriteFile(to+".fairway", b, 0o644); err != nil {
		return fmt.Errorf("keep case: %w", err)
	}
	return writeJSON(to+".json", truth)
}
