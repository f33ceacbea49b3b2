package casefile_test

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"fairway/internal/casefile"
	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// drawn is any snapshot that tests know, spoilt at random.
func drawn(t *rapid.T) *fact.Snapshot {
	one := func(name string) *fact.Snapshot {
		k := rapid.IntRange(0, len(facttest.Scenarios())+2).Draw(t, name)
		switch k - len(facttest.Scenarios()) {
		case 0:
			return facttest.Mesh()
		case 1:
			return facttest.OnNFTables(facttest.MeshOn("29.0.1"))
		case 2:
			return facttest.Whole(facttest.Mesh())
		}
		return facttest.Scenario(facttest.Scenarios()[k])
	}
	s := one("what")
	if rapid.Bool().Draw(t, "twice") {
		s.Earlier = one("before")
	}
	if rapid.Bool().Draw(t, "spoilt") {
		facttest.Mangle(s, rapid.Uint64().Draw(t, "seed"))
	}
	if rapid.Bool().Draw(t, "empty lists") {
		empty(reflect.ValueOf(s).Elem())
	}
	readable(reflect.ValueOf(s).Elem())
	fact.Tidy(s)
	s.Format = fact.Format
	return s
}

// empty turns lists that are nil into lists of nothing, where JSON keeps them
// apart.
func empty(v reflect.Value) {
	visit(v, func(v reflect.Value) {
		if s, ok := v.Addr().Interface().(*[]fact.FDBEntry); ok && len(*s) == 0 {
			*s = []fact.FDBEntry{}
		}
	})
}

// readable takes out what has no written form: addresses that are none, and the
// difference between no list and an empty one where JSON leaves both out.
func readable(v reflect.Value) {
	visit(v, func(v reflect.Value) {
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				f := v.Field(i)
				if f.Kind() == reflect.Slice && f.CanSet() && f.Len() == 0 && strings.Contains(v.Type().Field(i).Tag.Get("json"), "omitempty") {
					f.SetZero()
				}
			}
		}
		switch x := v.Addr().Interface().(type) {
		case *netip.Prefix:
			if !x.IsValid() {
				*x = netip.Prefix{}
			}
		case *netip.AddrPort:
			if !x.IsValid() {
				*x = netip.AddrPort{}
			}
		}
	})
}

func visit(v reflect.Value, each func(reflect.Value)) {
	if v.CanAddr() {
		each(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), each)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), each)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				visit(f, each)
			}
		}
	}
}

// TestRoundTrip: what is read is what was written.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		var b bytes.Buffer
		if err := casefile.Write(&b, "1.0", s); err != nil {
			t.Fatal(err)
		}
		c, err := casefile.Read(&b, casefile.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s, c.Snapshot) {
			t.Fatal(cmp.Diff(s, c.Snapshot, exact))
		}
	})
}

// TestReplay: every check says the same of what is read.
func TestReplay(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		s := facttest.Scenario(name)
		live, err := check.Run(s, check.All(), 0)
		must(t, err)
		replayed, err := check.Run(read(t, written(t, s)).Snapshot, check.All(), 0)
		must(t, err)
		if !reflect.DeepEqual(live, replayed) {
			t.Errorf("%s: %s", name, cmp.Diff(live, replayed, exact))
		}
	}
}
