package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// row is one line of the results file.
type row struct {
	Engine   string  `json:"engine"`
	Fault    string  `json:"fault"`
	Hash     string  `json:"fairway"` // of the program that was judged
	Seed     int64   `json:"seed"`
	Verdict  string  `json:"verdict"` // pass or fail
	Why      string  `json:"why,omitempty"`
	Seconds  float64 `json:"seconds"`  // in all
	Diagnose float64 `json:"diagnose"` // of fairway with the fault in force
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
	report := filepath.Join(s.dir, r.Engine+"-"+r.Fault+".json")
	if r.Verdict == "pass" {
		err = os.Remove(report)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.WriteFile(report, []byte(evidence), 0o644)
}

// last is the latest row of this fairway.
func (s *results) last(engine, fault string) (row, bool) {
	for i := len(s.rows) - 1; i >= 0; i-- {
		if r := s.rows[i]; r.Engine == engine && r.Fault == fault && r.Hash == s.hash {
			return r, true
		}
	}
	return row{}, false
}

func (s *results) passed(engine, fault string) bool {
	r, ok := s.last(engine, fault)
	return ok && r.Verdict == "pass"
}

// failed counts what did not pass, or was not run.
func (s *results) failed(engines []string, faults []Fault) int {
	n := 0
	for _, e := range engines {
		for _, f := range faults {
			if !s.passed(e, f.ID) {
				n++
			}
		}
	}
	return n
}
