package facttest

import (
	"math/rand/v2"
	"net/netip"
	"reflect"

	"fairway/internal/fact"
)

// Mangle spoils a snapshot at random: pointers become nil, lists lose or repeat
// members, words and numbers become others that occur in snapshots. Whatever
// reads a snapshot must live with it: a case file is outside bytes.
func Mangle(s *fact.Snapshot, seed uint64) {
	m := &mangler{r: rand.New(rand.NewPCG(seed, 42))}
	m.one(reflect.ValueOf(s).Elem(), 0)
}

type mangler struct{ r *rand.Rand }

// words and addrs are what strings and addresses turn into.
var (
	words = []string{"", "running", "shutdown", "overlay", "bridge", "vip", "api", "web", "api.1", "127.0.0.11", "lb-app", "ingress-sbox", "n1",
		"api.1.a46p5n59qxiljxl0dzicjtqg1", "..", "tasks.", string(App), string(Node(1)), string(Api(1)), string(Container(Api(1)))}
	addrs = []netip.Addr{{}, VTEP(1), ApiIP(2), netip.IPv6Unspecified(), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("::ffff:10.0.1.21"), netip.MustParseAddr("127.0.0.11")}
)

// spoils decides whether this value is spoilt: about one in thirty.
func (m *mangler) spoils() bool { return m.r.IntN(30) == 0 }

func (m *mangler) one(v reflect.Value, depth int) {
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		if m.spoils() {
			*x = addrs[m.r.IntN(len(addrs))]
		}
		return
	case *netip.Prefix:
		if m.spoils() {
			*x = netip.PrefixFrom(addrs[m.r.IntN(len(addrs))], m.r.IntN(140)-5)
		}
		return
	case *netip.AddrPort:
		if m.spoils() {
			*x = netip.AddrPortFrom(addrs[m.r.IntN(len(addrs))], uint16(m.r.IntN(65536)))
		}
		return
	}
	m.kind(v, depth)
}

func (m *mangler) kind(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 && m.spoils() {
			v.SetZero()
		} else if !v.IsNil() {
			m.one(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				m.one(f, depth+1)
			}
		}
	case reflect.Slice:
		m.list(v, depth)
	case reflect.String:
		if m.spoils() {
			v.SetString(words[m.r.IntN(len(words))])
		}
	case reflect.Bool:
		v.SetBool(v.Bool() != m.spoils())
	case reflect.Int, reflect.Int64:
		if m.spoils() {
			v.SetInt(m.r.Int64N(5) - 1)
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if m.spoils() {
			v.SetUint(m.r.Uint64N(200))
		}
	}
}

func (m *mangler) list(v reflect.Value, depth int) {
	n := v.Len()
	switch {
	case n == 0:
		return
	case m.spoils():
		v.Set(v.Slice(0, m.r.IntN(n)))
	case m.spoils():
		v.Set(reflect.Append(v, v.Index(m.r.IntN(n))))
	}
	for i := range v.Len() {
		m.one(v.Index(i), depth+1)
	}
}
