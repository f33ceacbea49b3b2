package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/lab"
)

func backends() []lab.Task {
	var out []lab.Task
	for i, a := range []string{"10.0.1.3", "10.0.1.4", "10.0.1.5"} {
		out = append(out, lab.Task{ID: a, Slot: i + 1, Addrs: map[string]netip.Addr{"app": netip.MustParseAddr(a)}})
	}
	return out
}

// A fast answer that is wrong must not count.
func TestJudgeReport(t *testing.T) {
	const good = `{"verdict": "failed", "causes": [{"id": "fdb-missing", "node": "n1", "network": "app", "peer": "n2",
		"evidence": [{"want": "02:42:0a:00:01:04 → 10.77.0.12"}]}], "elsewhere": [], "probes": [{"address": "10.0.1.3", "outcome": "open"},
		{"address": "10.0.1.4", "outcome": "timeout"}, {"address": "10.0.1.5", "outcome": "open"}]}`
	lost := backends()[1:2]
	if wrong := judgeReport([]byte(good), 3, lost, 3); wrong != "" {
		t.Errorf("the right answer is called wrong: %s", wrong)
	}
	for _, swap := range [][2]string{{"fdb-missing", "fdb-stale-vtep"}, {`"n1"`, `"n3"`}, {"01:04", "01:05"}, {"timeout", "open"}, {"failed", "unknown"},
		{`"elsewhere": []`, `"elsewhere": [{}]`}, {`{"address": "10.0.1.3", "outcome": "open"},`, ""}, {"{", "["}} {
		if judgeReport([]byte(strings.Replace(good, swap[0], swap[1], 1)), 3, lost, 3) == "" {
			t.Errorf("%s for %s is called right", swap[1], swap[0])
		}
	}
	if judgeReport([]byte(good), 4, lost, 3) == "" || judgeReport([]byte(good), 3, nil, 3) == "" {
		t.Error("a wrong exit code, or a cause where nothing is wrong, is called right")
	}
}

func TestJudgeLoop(t *testing.T) {
	all := backends()
	if wrong := judgeLoop("10.0.1.5 open\n10.0.1.4 failed\n10.0.1.3 open\n", all, all[1:2]); wrong != "" {
		t.Error(wrong)
	}
	for _, out := range []string{"", "10.0.1.5 open\n10.0.1.4 open\n10.0.1.3 open\n", "10.0.1.4 failed\n10.0.1.3 open\n"} {
		if judgeLoop(out, all, all[1:2]) == "" {
			t.Errorf("%q is called right", out)
		}
	}
}

func TestTable(t *testing.T) {
	r := results{Rows: []*row{
		{Case: "A", By: "by hand", Target: 2600 * time.Millisecond, Fairway: series{{Wall: 2 * time.Second, Peak: 3 << 20}, {Wall: time.Second}, {Wall: 1500 * time.Millisecond}},
			Other: series{{Wall: 6 * time.Second}}},
		{Case: "B", Other: series{{Wall: time.Second}}, Fairway: series{{Wall: time.Millisecond}}, Wrong: []string{"fairway: no"}},
	}}
	var b bytes.Buffer
	if err := r.write(&b, "text"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.50 s (1.00 s–2.00 s)", "≤ 2.60 s", "4.0×", "WRONG", "3.0 MiB"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	var back results
	if err := errors.Join(r.write(&b, "json"), json.Unmarshal(b.Bytes(), &back)); err != nil || back.Rows[0].Fairway[1].Wall != time.Second {
		t.Errorf("%v: json %s", err, b.String())
	}
	if r.wrong() == nil {
		t.Error("a wrong answer is no error")
	}
}
