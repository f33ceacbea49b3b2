package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// The limits of one answer. They are far above what a large Swarm needs (a
// service spec may be 4 MiB only because of its configs, which are not in it)
// and keep an engine that sends garbage from costing memory.
const (
	maxAnswer = 64 << 20 // bytes of one answer
	maxPiece  = 1 << 20  // bytes of one element of a list, or one member of an object
	maxParts  = 50_000   // members and elements of one answer, as far as they are read one by one
)

var (
	errTooLong = errors.New("the answer is longer than any engine's should be")
	errTooMany = errors.New("the answer has more parts than any engine's should have")
)

// answer reads one JSON answer piece by piece, so that a long list never
// stands in memory as text, and decodes leniently: a field that does not parse
// is noted and left zero.
type answer struct {
	dec   *json.Decoder
	body  *bounded
	bad   *garbled
	parts int
}

func newAnswer(r io.Reader, bad *garbled) *answer {
	b := &bounded{r: r, all: maxAnswer, piece: maxPiece}
	return &answer{dec: json.NewDecoder(b), body: b, bad: bad}
}

// bounded ends a stream that is too long, in all or since the last piece.
type bounded struct {
	r          io.Reader
	all, piece int
}

func (b *bounded) Read(p []byte) (int, error) {
	left := min(b.all, b.piece)
	if left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), left)])
	b.all -= n
	b.piece -= n
	return n, err
}

// members calls each for every member of an object; each must read the value
// that follows. null is an object without members. Anything else is noted as
// what, and skipped.
func (a *answer) members(what string, each func(key string) error) error {
	return a.open('{', what, func() error {
		t, err := a.dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		return each(key)
	})
}

// elements is members for a list.
func (a *answer) elements(what string, each func() error) error {
	return a.open('[', what, each)
}

func (a *answer) open(want json.Delim, what string, each func() error) error {
	t, err := a.dec.Token()
	if err != nil {
		return err
	}
	switch t {
	case nil:
		return nil
	case want:
	case json.Delim('{'), json.Delim('['):
		a.bad.note(what, "is of another kind than it should be")
		return a.close(1)
	default:
		a.bad.note(what, "is of another kind than it should be")
		return nil
	}
	for a.dec.More() {
		if a.parts++; a.parts > maxParts {
			return errTooMany
		}
		a.body.piece = maxPiece
		if err := each(); err != nil {
			return err
		}
	}
	_, err = a.dec.Token()
	return err
}

// close reads on to the end of the object or list that is open.
func (a *answer) close(depth int) error {
	for depth > 0 {
		a.body.piece = maxPiece
		t, err := a.dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}

// value decodes the next value into v. A field of the wrong type costs that
// field (encoding/json goes on after such an error and returns the first).
func (a *answer) value(what string, v any) error {
	err := a.dec.Decode(v)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		a.bad.note(strings.TrimSuffix(what+" "+wrong.Field, " "), "is a JSON "+fact.OneLine(wrong.Value))
		return nil
	}
	return err
}

// skip passes over the next value.
func (a *answer) skip() error {
	var nothing skipped
	return a.dec.Decode(&nothing)
}

// skipped takes any JSON value and keeps nothing of it.
type skipped struct{}

func (*skipped) UnmarshalJSON([]byte) error { return nil }

// garbled collects what could not be understood in an answer that was
// understood otherwise.
type garbled struct {
	first string
	n     int
}

func (g *garbled) note(what, why string) {
	if g.n++; g.n == 1 {
		g.first = fact.OneLine(what + " " + why)
	}
}

// add takes over what another has noted.
func (g *garbled) add(o garbled) {
	if g.n == 0 {
		g.first = o.first
	}
	g.n += o.n
}

// String names the first field and says how many more there were.
func (g *garbled) String() string {
	if g.n > 1 {
		return fmt.Sprintf("%s (and %d more like it)", g.first, g.n-1)
	}
	return g.first
}

// unset says that the engine means "no address". "<nil>" is what releases
// before 29 print for none (net.IP), "invalid IP" and "invalid Prefix" what 29
// may print (netip).
func unset(s string) bool {
	return slices.Contains([]string{"", "<nil>", "invalid IP", "invalid Prefix"}, s)
}

func (g *garbled) addr(what, s string) netip.Addr {
	if unset(s) {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		g.note(what, fmt.Sprintf("is no address: %.60q", s))
		return netip.Addr{}
	}
	return a.Unmap()
}

func (g *garbled) prefix(what, s string) netip.Prefix {
	if unset(s) {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		g.note(what, fmt.Sprintf("is no address with length: %.60q", s))
	}
	return p
}

func (g *garbled) addrPort(what, s string) netip.AddrPort {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		g.note(what, fmt.Sprintf("is no address with port: %.60q", s))
	}
	return a
}

func (g *garbled) mac(what, s string) fact.MAC {
	if s == "" {
		return fact.MAC{}
	}
	m, err := fact.ParseMAC(s)
	if err != nil {
		g.note(what, fmt.Sprintf("is no MAC address: %.60q", s))
	}
	return m
}

// time reads a time; the engine's year 1 means none.
func (g *garbled) time(what, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		g.note(what, fmt.Sprintf("is no time: %.60q", s))
		return time.Time{}
	}
	if t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}
