package lab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, text string) report {
	t.Helper()
	var r report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportMissed(t *testing.T) {
	one := `{"id":"fdb-missing","node":"n1","network":"app","peer":"n2","subject":{"kind":"task","name":"api.2.x"}}`
	two := `{"id":"ipvs-kernel-missing","node":"n1","subject":{"kind":"node","name":"n1"}}`
	want := Cause{ID: "fdb-missing", Node: "n1", Network: "app", Kind: "task", Name: "api.2.x", Peer: "n2"}
	for name, c := range map[string]struct {
		report string
		want   []Cause
		ok     bool
	}{
		"exactly":        {`{"verdict":"failed","causes":[` + one + `]}`, []Cause{want}, true},
		"what matters":   {`{"verdict":"failed","causes":[` + one + `]}`, []Cause{{ID: "fdb-missing"}}, true},
		"nothing":        {`{"verdict":"failed","causes":[]}`, []Cause{want}, false},
		"one too many":   {`{"verdict":"failed","causes":[` + one + `,` + two + `]}`, []Cause{want}, false},
		"wrong order":    {`{"verdict":"failed","causes":[` + two + `,` + one + `]}`, []Cause{want, {ID: "ipvs-kernel-missing"}}, false},
		"two":            {`{"verdict":"failed","causes":[` + one + `,` + two + `]}`, []Cause{want, {ID: "ipvs-kernel-missing"}}, true},
		"wrong peer":     {`{"verdict":"failed","causes":[` + strings.Replace(one, "n2", "n3", 1) + `]}`, []Cause{want}, false},
		"wrong task":     {`{"verdict":"failed","causes":[` + strings.Replace(one, "api.2.x", "api.2.y", 1) + `]}`, []Cause{want}, false},
		"a hint is none": {`{"verdict":"unknown","causes":[` + one + `]}`, []Cause{want}, false},
	} {
		if why := read(t, c.report).missed(c.want); (why == "") != c.ok {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func TestReportSick(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"verdict":"ok","causes":[]}`:                    true,
		`{"verdict":"unknown","causes":[]}`:               true,
		`{"verdict":"failed","causes":[]}`:                false,
		`{"verdict":"unknown","causes":[{"id":"x"}]}`:     false,
		`{"verdict":"failed","causes":[{"id":"x"},null]}`: false,
	} {
		if why := read(t, text).sick(); (why == "") != ok {
			t.Errorf("%s: %q", text, why)
		}
	}
}

func TestReportWithout(t *testing.T) {
	busy := `{"id":"host-starvation","node":"n1"}`
	r := read(t, `{"verdict":"unknown","causes":[`+busy+`]}`)
	if got := r.without([]string{"host-starvation"}); len(got) != 1 || got[0].Node != "n1" || r.Verdict != "ok" || r.sick() != "" {
		t.Errorf("%+v, %+v", got, r)
	}
	r = read(t, `{"verdict":"failed","causes":[{"id":"x"},`+busy+`]}`)
	if got := r.without([]string{"host-starvation"}); len(got) != 1 || r.missed([]Cause{{ID: "x"}}) != "" {
		t.Errorf("%+v, %+v", got, r)
	}
	strong := `{"id":"host-starvation","certainty":"strong","node":"n1"}`
	r = read(t, `{"verdict":"failed","causes":[`+strong+`],"probes":[{"outcome":"open"}],"hosts":[{"good":5,"of":5}]}`)
	if r.without([]string{"host-starvation"}); r.Verdict != "ok" {
		t.Errorf("everything was answered, and it is called %s", r.Verdict)
	}
	r = read(t, `{"verdict":"failed","causes":[{"id":"x","certainty":"hint"},`+strong+`]}`)
	if r.without([]string{"host-starvation"}); r.Verdict != "unknown" {
		t.Errorf("a hint is left, and it is called %s", r.Verdict)
	}
	for _, lost := range []string{`"probes":[{"from":"web.1","outcome":"timeout"}]`, `"hosts":[{"node":"n2","good":4,"of":5,"outcome":"timeout"}]`} {
		r = read(t, `{"verdict":"failed","summary":"so it is","causes":[`+strong+`],`+lost+`}`)
		if r.without([]string{"host-starvation"}); !strings.Contains(r.sick(), "so it is") || !strings.Contains(r.sick(), "timeout") {
			t.Errorf("of %s it says %q", lost, r.sick())
		}
	}
	r = read(t, `{"verdict":"unknown","causes":[`+busy+`],"gaps":[{"node":"n1","what":"node"}]}`)
	if r.without([]string{"host-starvation"}); r.Verdict != "unknown" {
		t.Error("a node that was not seen is forgotten")
	}
}

func TestResultsResume(t *testing.T) {
	dir := t.TempDir()
	s := &results{dir: dir, hash: "one"}
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	bad := row{Engine: "29", Way: SSH, Fault: "f", Hash: "one", Verdict: "fail", Why: "no"}
	at, elsewhere := column{"29", SSH}, column{"29", Here}
	good := bad
	good.Verdict, good.Why = "pass", ""
	evidence := filepath.Join(dir, "29-ssh-f.json")
	if err := s.add(bad, "{}"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(evidence); err != nil || s.passed(at, "f") {
		t.Errorf("a mismatch passes, or its report is not kept: %v", err)
	}
	if err := s.add(good, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(evidence); err == nil {
		t.Error("the report of a mismatch is still there after a pass")
	}
	gone := []trial{{id: "f"}, {id: "g", notOn: map[string]string{"29": "it has no g"}}}
	again, other := &results{dir: dir, hash: "one"}, &results{dir: dir, hash: "two"}
	for _, r := range []*results{again, other} {
		if err := r.load(); err != nil {
			t.Fatal(err)
		}
	}
	if !again.passed(at, "f") || again.passed(elsewhere, "f") || other.passed(at, "f") || again.failed([]column{at}, []trial{{id: "f"}, {id: "g"}}) != 1 {
		t.Error("what passed is not remembered, or is for another program or way")
	}
	if again.failed([]column{at}, gone) != 0 {
		t.Error("what cannot exist counts as failed")
	}
	if err := again.writeTable(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "matrix.md"))
	if err != nil || !strings.Contains(string(b), "| fault | 29 ssh |") || !strings.Contains(string(b), "| fdb-missing | not run |") ||
		!strings.Contains(string(b), "| ingress-ipv6-blackhole | n/a: its docker-proxy serves IPv6 |") && trialsHere("ingress-ipv6-blackhole") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestTrialsAreDistinct(t *testing.T) {
	all, err := chooseTrials(nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, one := range all {
		if seen[one.id] {
			t.Errorf("%s is there twice", one.id)
		}
		seen[one.id] = true
	}
	if _, err := chooseTrials([]string{"nonsense"}); err == nil {
		t.Error("an unknown name is accepted")
	}
}

// trialsHere tells whether the table of this kernel has a row.
func trialsHere(id string) bool {
	all, err := chooseTrials(nil)
	return err == nil && slices.ContainsFunc(all, func(t trial) bool { return t.id == id })
}
