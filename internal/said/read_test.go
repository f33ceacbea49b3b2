package said

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

// sample is a line and what must be read from it.
type sample struct {
	origin, line, want string
	from               fact.LogFrom
}

// samples reads testdata/lines.txt: "# origin", then pairs of a line and "=> what it
// says". Origins are labs ("lab 26.1": an engine wrote the line) or sources ("source
// v23.0.6": put together from the engine's source of that tag, or the kernel's).
func samples(t *testing.T) []sample {
	t.Helper()
	data, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []sample
	origin, line := "", ""
	for n, l := range strings.Split(string(data), "\n") {
		switch {
		case strings.HasPrefix(l, "# "):
			origin = l[2:]
		case strings.HasPrefix(l, "=> "):
			from := fact.FromEngine
			if strings.HasPrefix(origin, "kernel") {
				from = fact.FromKernel
			}
			list = append(list, sample{origin, line, l[3:], from})
		case l != "":
			if line = l; strings.HasPrefix(l, "=") {
				t.Fatalf("line %d: %q", n+1, l)
			}
		}
	}
	return list
}

// told writes a statement as testdata has it.
func told(s fact.Statement, ok bool) string {
	if !ok {
		return "nothing"
	}
	w := s.ID
	add := func(is bool, format string, args ...any) {
		if is {
			w += " " + fmt.Sprintf(format, args...)
		}
	}
	add(s.Benign, "benign")
	add(s.Peer != "", "peer=%s", s.Peer)
	add(s.Addr.IsValid(), "addr=%s", s.Addr)
	add(s.Network != "", "network=%s", s.Network)
	add(s.Count != 0, "count=%d", s.Count)
	if s.Stats != nil {
		w += fmt.Sprintf(" stats=%d/%d/%d/%d", s.Stats.HealthScore, s.Stats.Peers, s.Stats.Entries, s.Stats.Queue)
	}
	return w
}

func TestReadLinesOfEnginesAndKernels(t *testing.T) {
	at := time.Unix(1795432740, 0)
	for _, c := range samples(t) {
		s, ok := Read(c.from, at, c.line)
		if got := told(s, ok); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.origin, c.line, got, c.want)
		}
		if ok && (!s.At.Equal(at) || s.From != c.from || s.Text == "" || strings.Contains(s.Text, "level=")) {
			t.Errorf("%s: %s\nsaid %+v", c.origin, c.line, s)
		}
		// The other writer says nothing of the kind.
		other := map[fact.LogFrom]fact.LogFrom{fact.FromEngine: fact.FromKernel, fact.FromKernel: fact.FromEngine}
		if s, ok := Read(other[c.from], at, c.line); ok {
			t.Errorf("%s is read from the other log, too: %s", s.ID, c.line)
		}
	}
}

// Every wording in the table has a line that proves it.
func TestEveryLiteralHasALine(t *testing.T) {
	all := samples(t)
	for _, p := range Patterns() {
		for _, l := range p.Literals {
			found := false
			for _, c := range all {
				found = found || strings.Fields(c.want)[0] == p.ID && strings.Contains(message(c.line), l)
			}
			if !found {
				t.Errorf("%s: no line of testdata has %q", p.ID, l)
			}
		}
	}
}

// The same message in each form in which it can reach us.
func TestReadForms(t *testing.T) {
	text := `time="2026-11-23T11:21:00.000000001Z" level=warning msg="bulk sync to node 2a16cad9c4c1 failed: failed to send a TCP message during bulk sync: dial tcp 10.77.0.11:7946: i/o timeout"`
	const want = "gossip-bulksync-failed peer=2a16cad9c4c1 addr=10.77.0.11"
	for name, line := range map[string]string{
		"text":              text,
		"journald":          strings.TrimPrefix(text, `time="2026-11-23T11:21:00.000000001Z" `),
		"syslog":            "Nov 23 11:21:00 n1 dockerd[812]: " + text,
		"JSON":              `{"level":"warning","msg":"bulk sync to node 2a16cad9c4c1 failed: failed to send a TCP message during bulk sync: dial tcp 10.77.0.11:7946: i/o timeout","time":"2026-11-23T11:21:00.000000001Z"}`,
		"JSON behind a tag": `Nov 23 11:21:00 n1 dockerd[812]: {"level":"warning","msg":"bulk sync to node 2a16cad9c4c1 failed: failed to send a TCP message during bulk sync: dial tcp 10.77.0.11:7946: i/o timeout"}`,
		"bare":              "bulk sync to node 2a16cad9c4c1 failed: failed to send a TCP message during bulk sync: dial tcp 10.77.0.11:7946: i/o timeout",
		"cut off":           text[:len(text)-1],
	} {
		s, ok := Read(fact.FromEngine, someTime, line)
		if got := told(s, ok); got != want || !strings.HasPrefix(s.Text, "bulk sync to node") || strings.HasSuffix(s.Text, `"`) {
			t.Errorf("%s: got %s, text %q", name, got, s.Text)
		}
	}
}

func TestReadKeepsFieldsAndMasksThem(t *testing.T) {
	s, ok := Read(fact.FromEngine, someTime, `{"error":"a \"b\"\u003e","level":"warning","msg":"Peer add operation failed","password":"canary"}`)
	if want := `Peer add operation failed error="a \"b\">" password="‹masked›"`; !ok || s.Text != want {
		t.Errorf("got %q, want %q", s.Text, want)
	}
}

// What a client sends to an engine is nobody's statement.
func TestReadIsNotFooledByClients(t *testing.T) {
	for _, line := range []string{
		`level=debug msg="Calling GET /v1.44/networks/memberlist: Suspect x has failed, no acks received"`,
		`level=debug msg="form data: {\"Name\":\"memberlist: Suspect x has failed, no acks received\"}"`,
		`level=debug msg="handling POST request" form-data="memberlist: Suspect x has failed, no acks received"`,
	} {
		if s, ok := Read(fact.FromEngine, someTime, line); ok {
			t.Errorf("%s from %s", s.ID, line)
		}
	}
}

func TestPatternsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Patterns() {
		if p.ID == "" || seen[p.ID] || len(p.Literals) == 0 || p.Means == "" || p.From == "" {
			t.Errorf("pattern %q is not whole, or there twice", p.ID)
		}
		if p.Innocent != nil && p.Benign == "" {
			t.Errorf("%s: says not when it is benign", p.ID)
		}
		seen[p.ID] = true
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range secretLines {
		f.Add(c.line, true)
	}
	data, _ := os.ReadFile("testdata/lines.txt")
	for l := range strings.SplitSeq(string(data), "\n") {
		f.Add(l, false)
	}
	f.Fuzz(func(t *testing.T, line string, kernel bool) {
		from := fact.FromEngine
		if kernel {
			from = fact.FromKernel
		}
		s, ok := Read(from, someTime, line)
		if ok && (s.ID == "" || strings.ContainsAny(s.Text, "\n\r\x1b") || len(s.Text) > 400) {
			t.Errorf("%+v", s)
		}
		if ok && !table().scan.contains(line) {
			t.Errorf("Scan would miss %q", line)
		}
	})
}
