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

func TestJudgeHealthy(t *testing.T) {
	const good = `{"verdict": "ok", "causes": [], "elsewhere": [], "gaps": [{"what": "sample"}, {"what": "logs", "aside": true}], "probes": [{"outcome": "open"}, {"outcome": "open"}]}`
	if wrong := judgeHealthy([]byte(good), 0, 2); wrong != "" {
		t.Errorf("the right answer is called wrong: %s", wrong)
	}
	for _, swap := range [][2]string{{`"ok"`, `"unknown"`}, {`"causes": []`, `"causes": [{}]`}, {`{"what": "sample"}`, `{"what": "links"}`}, {`{"outcome": "open"},`, ""},
		{`[{"outcome": "open"}`, `[{"outcome": "timeout"}`}, {"{", "["}} {
		if judgeHealthy([]byte(strings.Replace(good, swap[0], swap[1], 1)), 0, 2) == "" {
			t.Errorf("%s for %s is called right", swap[1], swap[0])
		}
	}
	if judgeHealthy([]byte(good), 4, 2) == "" {
		t.Error("a wrong exit code is called right")
	}
}

func TestJudgeEverywhere(t *testing.T) {
	const good = "10.0.1.3 open\n10.0.1.4 open\n10.0.1.5 open\n10.0.1.4 open\n10.0.1.5 open\n10.0.1.3 open\n"
	if wrong := judgeEverywhere(good, backends(), 2); wrong != "" {
		t.Error(wrong)
	}
	if judgeEverywhere(good, backends(), 3) == "" || judgeEverywhere(strings.Replace(good, "open", "failed", 1), backends(), 2) == "" {
		t.Error("a missing or a failed address is called right")
	}
}

func TestJudgeLook(t *testing.T) {
	const good = `{"Node": {"Engine": {"Containers": [{}, {}]}, "Kernel": {"Namespaces": [{"Containers": ["a"], "Links": [{}, {}]}, {"Links": [{}]}]}}, "Gaps": null}`
	if wrong := judgeLook([]byte(good), 2); wrong != "" {
		t.Error(wrong)
	}
	for _, swap := range [][2]string{{"[{}, {}]}, \"Kernel", "[{}]}, \"Kernel"}, {`["a"], "Links": [{}, {}]`, `["a"], "Links": [{}]`}, {"null", "[{}]"}} {
		if judgeLook([]byte(strings.Replace(good, swap[0], swap[1], 1)), 2) == "" {
			t.Errorf("%s for %s is called right", swap[1], swap[0])
		}
	}
}

func TestReadCost(t *testing.T) {
	const proc = "7 (a b) S 1 7 7 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 9 0 5 1000 200\nName:\ta b\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nThreads:\t9\n"
	c, err := readCost(proc)
	if err != nil || c.CPU != 1750*time.Millisecond || c.Peak != 10<<20 {
		t.Errorf("read %+v, %v", c, err)
	}
	for _, bad := range []string{"", "7 (a) S", "Name:\ta\nVmRSS:\t 1 kB\n"} {
		if _, err := readCost(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestPerOp(t *testing.T) {
	if d, err := perOp("BenchmarkFar-2 \t 1\t 594123456 ns/op\t 119.0 MiB\n"); err != nil || d.Round(time.Millisecond) != 594*time.Millisecond {
		t.Error(d, err)
	}
	if _, err := perOp("FAIL"); err == nil {
		t.Error("no time is a time")
	}
}

func TestTable(t *testing.T) {
	r := results{Rows: []*row{
		{Case: "A", By: "by hand", Target: 2600 * time.Millisecond, Fairway: series{{Wall: 2 * time.Second, Peak: 3 << 20}, {Wall: time.Second}, {Wall: 1500 * time.Millisecond}},
			Other: series{{Wall: 6 * time.Second}}},
		{Case: "idle", Memory: 2 << 20, Share: 0.001, Fairway: series{{Wall: time.Minute, CPU: 30 * time.Millisecond, Peak: 3 << 20}}},
		{Case: "B", Other: series{{Wall: time.Second}}, Fairway: series{{Wall: time.Millisecond}}, Wrong: []string{"fairway: no"}},
	}}
	var b bytes.Buffer
	if err := r.write(&b, "text"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.50 s (1.00 s–2.00 s)", "≤ 2.60 s", "4.0×", "WRONG", "3.0 MiB", "0.050 %", "≤ 2 MiB MISSED, ≤ 0.1 %"} {
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
