package fact

import (
	"crypto/hmac"
	"crypto/sha256"
	"reflect"
	"slices"
)

// Aliases is the private map of a redaction: who has it can read a redacted
// snapshot as the original.
type Aliases struct {
	// Alias leads from what was there to what stands there now; Original leads back.
	Alias, Original map[string]string

	by *redactor
}

// Redact returns a copy of a snapshot that names nobody, and what stands for
// what. Names, addresses, MAC addresses and IDs become aliases, in sentences and
// log lines too; what is equal stays equal and what differs stays different.
//
// Addresses keep their class (private, public, loopback…), and two of them share
// as many leading bits as before, so subnets hold what they held; network and
// broadcast addresses stay such. A MAC address made of an IPv4 address is made of
// its alias, the short form of an ID is that of its alias. Ports, VNIs, marks,
// times, versions and names that Swarm itself gives stay.
//
// The same seed gives the same aliases for the same snapshot. Who knows it can
// undo them: take 32 random bytes and forget them.
func Redact(s *Snapshot, seed []byte) (*Snapshot, *Aliases) {
	out := new(Snapshot)
	*out = *s
	own(reflect.ValueOf(out).Elem())
	r := learn(out, seed)
	each(reflect.ValueOf(out).Elem(), "", r.replace)
	a := &Aliases{Alias: r.said, Original: make(map[string]string, len(r.said)), by: r}
	for original, alias := range r.said {
		a.Original[alias] = original
	}
	return out, a
}

// Text puts aliases into words from elsewhere, with those names that the
// snapshot knew.
func (a *Aliases) Text(s string) string { return a.by.text(s, inSentence) }

// redactor turns originals into aliases.
type redactor struct {
	key   []byte
	names *names
	addrs *addrAliases
	ids   map[string]string
	// known are the IDs of the snapshot, sorted.
	known []string
	// said collects what was replaced.
	said map[string]string
}

// learn reads a snapshot and decides on aliases.
func learn(s *Snapshot, seed []byte) *redactor {
	r := &redactor{key: seed, names: newNames(), ids: map[string]string{}, said: map[string]string{}}
	r.addrs = &addrAliases{}
	v := reflect.ValueOf(s).Elem()
	each(v, "", r.learnIDs)
	slices.Sort(r.known)
	r.known = slices.Compact(r.known)
	each(v, "", r.learnNames)
	r.names.stacks()
	r.names.index()
	each(v, "", r.learnComposed)
	r.names.index()
	r.names.number(r.id)
	seen := newSightings()
	each(v, "", func(v reflect.Value, field string) { seen.value(v, field, r) })
	r.addrs = seen.aliases(seed)
	return r
}

// replace puts aliases into one value.
func (r *redactor) replace(v reflect.Value, field string) {
	switch x := v.Addr().Interface().(type) {
	case *addr:
		*x = r.addr(*x)
	case *prefix:
		*x = r.prefix(*x)
	case *addrPort:
		*x = addrPortFrom(r.addr(x.Addr()), x.Port())
	case *AddrRange:
		*x = r.addrRange(*x)
	case *MAC:
		*x = r.mac(*x)
	default:
		if v.Kind() == reflect.String {
			v.SetString(r.word(v, field))
		}
	}
}

// word is what stands in a string.
func (r *redactor) word(v reflect.Value, field string) string {
	s := v.String()
	switch t := v.Type(); {
	case s == "":
		return s
	case isID(t):
		return r.id(s)
	case t != reflect.TypeFor[string]():
		return s // our own words: outcomes, roles, kinds
	}
	switch fields[field] {
	case kept:
		return s
	case asID:
		return r.id(s)
	case ofLink:
		if alias := r.names.exact(s); alias != "" {
			return r.note(s, alias)
		}
		return r.text(s, inLink)
	case sentence:
		return r.text(s, inSentence)
	}
	if alias := r.names.exact(s); alias != "" {
		return r.note(s, alias)
	}
	if known, _ := r.isKnown(s); known && fields[field] == shortNetwork {
		return r.id(s)
	}
	return r.text(s, inName)
}

// note remembers that an original was replaced.
func (r *redactor) note(original, alias string) string {
	if original != alias {
		r.said[original] = alias
	}
	return alias
}

// prf is a keyed function that nobody without the key can tell from chance.
func prf(key []byte, what string, parts ...[]byte) [32]byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(what))
	for _, p := range parts {
		h.Write([]byte{0, byte(len(p))})
		h.Write(p)
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}
