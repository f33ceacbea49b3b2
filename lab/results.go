package lab

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// row is one line of the results file.
type row struct {
	Engine   string   `json:"engine"`
	Way      Way      `json:"way"`
	Fault    string   `json:"fault"`
	Hash     string   `json:"fairway"` // of the program that was judged
	Seed     int64    `json:"seed"`
	Verdict  string   `json:"verdict"` // pass or fail
	Why      string   `json:"why,omitempty"`
	Seconds  float64  `json:"seconds"`          // in all
	Diagnose float64  `json:"diagnose"`         // of fairway with the fault in force
	Unseen   []string `json:"unseen,omitempty"` // nodes that it could not see then
}

// results are the rows so far: a file of JSON lines that several runs may append to.
type results struct {
	dir, hash string
	rows      []row
}

func (s *results) file() string { return filepath.Join(s.dir, "matrix.jsonl") }

func (s *results) load() error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	b, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.rows = nil
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("read %s: %w", s.file(), err)
		}
		s.rows = append(s.rows, r)
	}
	return lines.Err()
}

// add keeps a row, and beside it the report that was wrong.
func (s *results) add(r row, evidence string) error {
	s.rows = append(s.rows, r)
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.file(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(append(b, '\n')); err != nil {
		return err
	}
	report := filepath.Join(s.dir, fmt.Sprintf("%s-%s-%s.json", r.Engine, r.Way, r.Fault))
	if r.Verdict == "pass" {
		err = os.Remove(report)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.WriteFile(report, []byte(evidence), 0o644)
}

// column is what stands together in the table.
type column struct {
	engine string
	way    Way
}

// last is the latest row of this fairway.
func (s *results) last(c column, fault string) (row, bool) {
	for i := len(s.rows) - 1; i >= 0; i-- {
		if r := s.rows[i]; r.Engine == c.engine && r.Way == c.way && r.Fault == fault && r.Hash == s.hash {
			return r, true
		}
	}
	return row{}, false
}

func (s *results) passed(c column, fault string) bool {
	r, ok := s.last(c, fault)
	return ok && r.Verdict == "pass"
}

// failed counts what did not pass, or was not run.
func (s *results) failed(columns []column, trials []trial) int {
	n := 0
	for _, c := range columns {
		for _, t := range trials {
			if t.notOn[c.engine] == "" && !s.passed(c, t.id) {
				n++
			}
		}
	}
	return n
}

// columns lists the engines and ways that this fairway was tried on, sorted.
func (s *results) columns() []column {
	var all []column
	for _, r := range s.rows {
		if r.Hash == s.hash {
			all = append(all, column{r.Engine, r.Way})
		}
	}
	slices.SortFunc(all, func(a, b column) int {
		return cmp.Or(strings.Compare(a.engine, b.engine), strings.Compare(string(a.way), string(b.way)))
	})
	return slices.Compact(all)
}

// writeTable writes the table of all columns and trials, with what is known of this fairway.
func (s *results) writeTable() error {
	trials, err := chooseTrials(nil)
	if err != nil {
		return err
	}
	if err := s.load(); err != nil { // another run may have added rows
		return err
	}
	columns := s.columns()
	var b strings.Builder
	fmt.Fprintf(&b, "fairway %s\n\n| fault |", s.hash)
	for _, c := range columns {
		fmt.Fprintf(&b, " %s %s |", c.engine, c.way)
	}
	fmt.Fprintf(&b, "\n|---|%s\n", strings.Repeat("---|", len(columns)))
	var bad []string
	for _, t := range trials {
		cells := []string{t.id}
		for _, c := range columns {
			r, ok := s.last(c, t.id)
			switch {
			case t.notOn[c.engine] != "":
				cells = append(cells, "n/a: "+t.notOn[c.engine])
			case !ok:
				cells = append(cells, "not run")
			case r.Verdict == "pass":
				cells = append(cells, fmt.Sprintf("pass, %.1f s", r.Seconds))
			default:
				cells = append(cells, "**fail**")
				bad = append(bad, fmt.Sprintf("- %s on %s, %s, seed %d: %s", t.id, c.engine, c.way, r.Seed, r.Why))
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
