package lab_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fairway/lab"
)

// TestCaseOutlivesLab breaks a lab, collects a case, heals, tears the lab down, and then asks the case.
func TestCaseOutlivesLab(t *testing.T) {
	need(t)
	program, err := buildFairway()
	if err != nil {
		t.Fatalf("build fairway: %v", err)
	}
	cases, engine := t.TempDir(), options("").Engines[0]
	err = lab.Matrix(t.Context(), lab.MatrixOptions{Name: "outlives", Engines: []string{engine}, Faults: []string{"fdb-missing"}, Seed: 1,
		Fairway: program, Results: t.TempDir(), Record: cases, Way: lab.Agents, Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	if left := lab.Left("outlives_" + strings.ReplaceAll(engine, ".", "")); len(left) > 0 {
		t.Errorf("the lab is still there: %v", left)
	}
	kept := filepath.Join(cases, engine, "fdb-missing")
	var truth lab.Expected
	b, err := os.ReadFile(kept + ".json")
	if err == nil {
		err = json.Unmarshal(b, &truth)
	}
	if err != nil || truth.Exit != 3 || len(truth.Causes) != 1 || truth.Engine != engine {
		t.Fatalf("%s, %v", b, err)
	}
	cmd := exec.Command(program, append([]string{"diagnose", "--case", kept + ".fairway", "-o", "json"}, truth.Args...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH="} // no Docker, no ssh
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("exit: %v", err)
	}
	var r struct {
		Causes []struct{ ID, Node string }
	}
	if err := json.Unmarshal(out, &r); err != nil || len(r.Causes) != 1 || r.Causes[0].ID != truth.Causes[0].ID || r.Causes[0].Node != truth.Causes[0].Node {
		t.Errorf("%+v, %v", r, err)
	}
}
