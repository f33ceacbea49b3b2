package nft

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"fairway/internal/fact"
)

// tape answers as a kernel once did: each question with the messages of its kind
// that were recorded.
type tape struct {
	messages []netlink.Message
	kind     uint16
	set      string
}

// play takes recorded messages apart; what is no message any more is left out.
func play(b []byte) *tape {
	t := &tape{}
	for len(b) >= 16 {
		var m netlink.Message
		n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		if n = (n + 3) &^ 3; n < 16 || n > len(b) || m.UnmarshalBinary(b[:n:n]) != nil {
			break
		}
		t.messages = append(t.messages, m)
		b = b[n:]
	}
	return t
}

// answers is what comes for which question.
var answers = map[uint16]uint16{msgGetGen: msgNewGen, msgGetTable: msgNewTable, msgGetChain: msgNewChain, msgGetRule: msgNewRule,
	msgGetSet: msgNewSet, msgGetElem: msgNewElem}

func (t *tape) Send(m netlink.Message) (netlink.Message, error) {
	t.kind, t.set = answers[uint16(m.Header.Type)&0xff], ""
	if t.kind == msgNewElem {
		t.set = setOf(m)
	}
	return m, nil
}

func (t *tape) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		for _, m := range t.messages {
			if uint16(m.Header.Type) != subsystem|t.kind || t.set != "" && t.set != setOf(m) {
				continue
			}
			if !yield(m, nil) {
				return
			}
			if t.kind == msgNewGen {
				return
			}
		}
	}
}

func setOf(m netlink.Message) string {
	if len(m.Data) < genMsgLen {
		return ""
	}
	a, _, _ := attributes(m.Data[genMsgLen:])
	return fmt.Sprintf("%d %s %s", m.Data[0], text(a[elemsTable]), text(a[elemsSet]))
}

// recorder notes what a kernel answers.
type recorder struct {
	Asker
	tape bytes.Buffer
}

func (r *recorder) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		for m, err := range r.Asker.ReceiveIter() {
			if err == nil {
				c := m
				c.Header.Length = uint32(16 + (len(m.Data)+3)&^3)
				c.Data = append(bytes.Clone(m.Data), make([]byte, (4-len(m.Data)%4)%4)...)
				b, bad := c.MarshalBinary()
				if bad != nil {
					panic(bad)
				}
				r.tape.Write(b)
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// TestCaptured reads what Linux 6.18 (little-endian) answered when it held the
// files of testdata; each rule must read as the file says.
func TestCaptured(t *testing.T) {
	files, err := filepath.Glob("testdata/*.nft")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bin, err := os.ReadFile(strings.TrimSuffix(file, ".nft") + ".bin")
		if err != nil {
			t.Fatal(err)
		}
		set, err := Read(play(bin), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := annotated(string(b), &fact.Netfilter{Tables: set.Tables})
		if diff := cmp.Diff(strings.Split(string(b), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

// tapes are all that were captured.
func tapes(t testing.TB) map[string][]byte {
	files, err := filepath.Glob("testdata/*.bin")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	out := make(map[string][]byte)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = b
	}
	return out
}

// FuzzRead feeds the decoder a kernel's answers, distorted. It must not panic, and
// make no more of them than its bounds allow.
func FuzzRead(f *testing.F) {
	for name, b := range tapes(f) {
		if name == "overlay.bin" || name == "firewalld.bin" { // small ones: the fuzzer is slow with others
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := Read(play(b), map[uint32]string{2: "eth0"})
		if err != nil {
			if errors.Is(err, ErrTorn) {
				t.Error("a tape cannot be torn")
			}
			return
		}
		var rules []fact.Rule
		for _, table := range set.Tables {
			for _, c := range table.Chains {
				rules = append(rules, c.Rules...)
			}
		}
		bounded(t, rules, len(b))
	})
}

// FuzzRule feeds it the expressions of one rule, which may look something up in
// the sets of a captured tape.
func FuzzRule(f *testing.F) {
	all := tapes(f)
	for _, b := range all {
		d := dumped(f, b)
		for _, r := range d.rules {
			f.Add(r.expressions, r.userData, r.at.family)
		}
	}
	d := dumped(f, all["native.bin"])
	f.Fuzz(func(t *testing.T, expressions, userData []byte, family uint8) {
		d.looked = 0
		r := rawRule{at: chainKey{family, "plain", "test"}, expressions: expressions, userData: userData}
		bounded(t, d.understand(&r, map[uint32]string{2: "eth0"}), len(expressions))
	})
}

// dumped is a tape as it is before rules are understood.
func dumped(t testing.TB, b []byte) *dump {
	d := &dump{}
	if err := d.read(play(b)); err != nil {
		t.Fatal(err)
	}
	return d
}

func bounded(t *testing.T, rules []fact.Rule, size int) {
	matches := 0
	for _, r := range rules {
		matches += len(r.Matches)
		_ = r.Line("X")
	}
	if most := (size/16 + 1) * maxWays; len(rules) > most || matches > most*maxExprs {
		t.Errorf("%d rules with %d matches out of %d bytes", len(rules), matches, size)
	}
}

// BenchmarkRead decodes what a node's namespace holds with docker's rules.
func BenchmarkRead(b *testing.B) {
	for name, bin := range tapes(b) {
		b.Run(name, func(b *testing.B) {
			t := play(bin)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(t, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestBounds asks for what a kernel could hold at most, and more.
func TestBounds(t *testing.T) {
	bin, err := os.ReadFile("testdata/firewalld.bin")
	if err != nil {
		t.Fatal(err)
	}
	p := play(bin)
	for _, m := range p.messages {
		if m.Header.Type == subsystem|msgNewRule {
			for range maxRules {
				p.messages = append(p.messages, m)
			}
			break
		}
	}
	if _, err := Read(p, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%d rules too many: %v", maxRules, err)
	}
}

// flipping is a kernel whose rules change all the time.
type flipping struct {
	*tape
	generation uint32
	left       int
}

func (f *flipping) ReceiveIter() iter.Seq2[netlink.Message, error] {
	if f.kind != msgNewGen {
		return f.tape.ReceiveIter()
	}
	if f.left > 0 {
		f.left--
		f.generation++
	}
	b := attribute([]byte{0, 0, 0, 0}, genID, []byte{0, 0, byte(f.generation >> 8), byte(f.generation)})
	return func(yield func(netlink.Message, error) bool) {
		yield(netlink.Message{Header: netlink.Header{Type: subsystem | msgNewGen}, Data: b}, nil)
	}
}

func TestTorn(t *testing.T) {
	bin, err := os.ReadFile("testdata/firewalld.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(&flipping{tape: play(bin), left: 1000}, nil); !errors.Is(err, ErrTorn) {
		t.Errorf("rules that change all the time: %v", err)
	}
	set, err := Read(&flipping{tape: play(bin), left: 3}, nil)
	if err != nil || set.Generation != 3 || len(set.Tables) != 1 {
		t.Errorf("rules that changed twice: %+v, %v", set, err)
	}
}

// failing is a kernel that refuses, or an answer of another kind.
type failing struct {
	*tape
	err error
}

func (f *failing) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) { yield(netlink.Message{}, f.err) }
}

func TestRefused(t *testing.T) {
	for _, want := range []error{os.ErrPermission, os.ErrNotExist} {
		if _, err := Read(&failing{play(nil), want}, nil); !errors.Is(err, want) {
			t.Errorf("%v: %v", want, err)
		}
	}
	if _, err := Read(&failing{play(nil), nil}, nil); !errors.Is(err, errGarbled) {
		t.Errorf("an empty message: %v", err)
	}
}

// TestVersions reads what iptables-nft of several versions made of one file: 1.8.7
// uses xtables' matches for ports and marks where 1.8.9 and later use nf_tables'
// own. All must read alike.
func TestVersions(t *testing.T) {
	all := tapes(t)
	for _, command := range []string{"iptables", "ip6tables"} {
		want := lined(t, all[command+".bin"])
		for _, version := range []string{"1.8.7", "1.8.13"} {
			got := lined(t, all[command+"-"+version+".bin"])
			for i := range min(len(want), len(got)) {
				// 1.8.7 itself cuts a mask with holes to its first bytes.
				if strings.Contains(want[i], "[opaque source ") && version == "1.8.7" {
					got[i] = want[i]
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s 1.8.9 -, %s +:\n%s", command, version, diff)
			}
		}
	}
}

// lined is every rule of a tape as one line.
func lined(t *testing.T, bin []byte) []string {
	t.Helper()
	set, err := Read(play(bin), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, table := range set.Tables {
		for _, c := range table.Chains {
			for _, r := range c.Rules {
				out = append(out, table.Name+" "+r.Line(c.Name))
			}
		}
	}
	return out
}
