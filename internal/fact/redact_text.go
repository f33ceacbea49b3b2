package fact

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// manner is how a string is searched for originals.
type manner int

const (
	// inSentence: words of sentences stay.
	inSentence manner = iota
	// inName: every name is replaced.
	inName
	// inLink: only IDs in names of interfaces.
	inLink
)

// hit is an original in a text: of so many bytes, and one of these.
type hit struct {
	length int
	name   string
	// host is the whole name of one, of several names.
	host string
	// id is an ID, after "veth" maybe.
	id string
	// addr has a prefix length if bits is not negative; reverse: it was written as
	// in the reverse DNS.
	addr    netip.Addr
	bits    int
	reverse bool
	mac     MAC
}

// instead is what stands for it.
func (r *redactor) instead(h hit) string {
	switch {
	case h.name != "":
		return r.names.alias[h.name]
	case h.host != "":
		return r.text(h.host, inName)
	case h.id != "":
		return r.id(h.id)
	case !h.mac.IsZero():
		return r.mac(h.mac).String()
	case h.reverse:
		return reversed(r.addr(h.addr)).String()
	case h.bits >= 0:
		return r.prefix(netip.PrefixFrom(h.addr, h.bits)).String()
	}
	return r.addr(h.addr).String()
}

// text replaces every original in s.
func (r *redactor) text(s string, m manner) string {
	var b strings.Builder
	done := 0
	r.scan(s, m, func(at int, h hit) {
		b.WriteString(s[done:at])
		if h.name != "" {
			b.WriteString(r.note(h.name, r.instead(h)))
		} else {
			b.WriteString(r.instead(h))
		}
		done = at + h.length
	}, nil)
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// unknownIn lists the words of a name that are no originals, but for numbers and
// what Swarm calls things.
func (r *redactor) unknownIn(s string) (out []string) {
	r.scan(s, inName, func(int, hit) {}, func(w string) {
		if !nouns[strings.ToLower(w)] && strings.Trim(w, "0123456789") != "" {
			out = append(out, w)
		}
	})
	return out
}

// scan finds originals from left to right. Where a word begins it looks for an
// address, then for the longest name, then for an ID; other words go to miss.
func (r *redactor) scan(s string, m manner, found func(at int, h hit), miss func(word string)) {
	for i := 0; i < len(s); {
		if n := escape(s, i); n > 0 {
			i += n
			continue
		}
		end := wordEnd(s, i)
		if end == i && !strings.HasPrefix(s[i:], "::") {
			i++
			continue
		}
		if h := r.at(s, i, end, m); h.length > 0 {
			found(i, h)
			i += h.length
			continue
		}
		if miss != nil && end > i {
			miss(s[i:end])
		}
		i = max(end, i+1)
	}
}

// at is what begins at i, where a word begins that ends at end.
func (r *redactor) at(s string, i, end int, m manner) hit {
	if m != inLink {
		if h := addressAt(s[i:]); h.length > 0 {
			return h
		}
		if h := r.nameAt(s[i:], end-i, m); h.length > 0 {
			return h
		}
	}
	const uuid = 36
	w := s[i:end]
	switch {
	case isUUID(s[i:]):
		return hit{length: uuid, id: s[i : i+uuid]}
	case r.isID(s[:i], w), len(w) == 11 && strings.HasPrefix(w, "veth") && isHex(w[4:]):
		return hit{length: len(w), id: w}
	}
	return hit{}
}

func (r *redactor) nameAt(s string, word int, m manner) hit {
	if word == 0 {
		return hit{}
	}
	name := r.names.at(s, word)
	if m == inSentence && ordinary[strings.ToLower(name)] {
		host := r.names.hostAt(s)
		return hit{length: len(host), host: host}
	}
	if name == "" {
		return hit{}
	}
	return hit{length: len(name), name: name}
}

// isID says whether a word is an ID or the short form of one. What comes before it
// tells of forms that are too short to know otherwise: 1-abcdefghij, lb_abcdefghi,
// vx-001001-abcde.
func (r *redactor) isID(before, w string) bool {
	if len(w) < 5 || strings.Trim(w, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		return false
	}
	known, exact := r.isKnown(w)
	mixed := isMixed(w)
	switch {
	case exact, len(w) >= 8 && known:
		return true
	case strings.HasSuffix(before, "lb_"):
		return len(w) == 9 && (known || mixed)
	case len(w) == 5 && len(before) >= 10:
		head := before[len(before)-10:]
		return (strings.HasPrefix(head, "vx-") || strings.HasPrefix(head, "ov-")) && head[9] == '-' && isHex(head[3:9])
	case len(w) == 25:
		return mixed
	case len(w) == 10 && len(before) >= 2 && before[len(before)-1] == '-' && isDigit(before[len(before)-2]) && mixed:
		return true
	}
	return isHex(w) && (len(w) == 64 || len(w) >= 10 && mixed)
}

// isKnown says whether a word is the beginning of a known ID, and whether it is
// all of it.
func (r *redactor) isKnown(w string) (known, exact bool) {
	i, ok := slices.BinarySearch(r.known, w)
	return ok || i < len(r.known) && strings.HasPrefix(r.known[i], w), ok
}

// isUUID: 8-4-4-4-12 hexadecimal digits.
func isUUID(s string) bool {
	return len(s) >= 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' && ends(s, 36) && isHex(strings.ReplaceAll(s[:36], "-", ""))
}

// addressAt finds a MAC address, an IPv6 or an IPv4 address, with its prefix
// length if it has one, or the name of one in the reverse DNS.
func addressAt(s string) hit {
	if len(s) >= 17 && s[2] == ':' {
		if m, err := ParseMAC(s[:17]); err == nil && !m.IsZero() && (len(s) == 17 || !isHexDigit(s[17])) {
			return hit{length: 17, mac: m}
		}
	}
	run := 0
	for run < len(s) && run < 48 && (isHexDigit(s[run]) || s[run] == ':' || s[run] == '.') {
		run++
	}
	six := strings.TrimRight(s[:run], ".")
	if strings.Count(six, ":") >= 2 {
		for _, try := range []string{six, strings.TrimSuffix(six, ":")} {
			if a, err := netip.ParseAddr(try); err == nil && ends(s, len(try)) {
				return withBits(s, len(try), a)
			}
		}
	}
	return fourAt(s)
}

func fourAt(s string) hit {
	end, dots := 0, 0
	for end < len(s) && end < 16 && (isDigit(s[end]) || s[end] == '.' && dots < 3) {
		if s[end] == '.' {
			dots++
		}
		end++
	}
	if dots != 3 || !ends(s, end) {
		return hit{}
	}
	a, err := netip.ParseAddr(s[:end])
	if err != nil {
		return hit{}
	}
	const reverse = ".in-addr.arpa"
	if len(s) >= end+len(reverse) && strings.EqualFold(s[end:end+len(reverse)], reverse) {
		return hit{length: end, addr: reversed(a), bits: -1, reverse: true}
	}
	return withBits(s, end, a)
}

func reversed(a netip.Addr) netip.Addr {
	b := a.As4()
	slices.Reverse(b[:])
	return netip.AddrFrom4(b)
}

// withBits reads the "/24" that may follow an address.
func withBits(s string, end int, a netip.Addr) hit {
	n := end + 1
	for n < len(s) && n < end+4 && isDigit(s[n]) {
		n++
	}
	if end < len(s) && s[end] == '/' && ends(s, n) {
		bits, err := strconv.Atoi(s[end+1 : n])
		if err == nil && netip.PrefixFrom(a, bits).IsValid() {
			return hit{length: n, addr: a, bits: bits}
		}
	}
	return hit{length: end, addr: a, bits: -1}
}

// wordEnd is where the word ends that begins at i; i where none does.
func wordEnd(s string, i int) int {
	for i < len(s) && (isDigit(s[i]) || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= utf8.RuneSelf) {
		i++
	}
	return i
}

// ends says that no word goes on at i.
func ends(s string, i int) bool { return wordEnd(s, i) == i }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHexDigit(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// escape is the length of an escape at i that ends in letters or digits: what
// follows it begins a word.
func escape(s string, i int) int {
	digits, from := 0, 2 // of \x1b and \u001b two bytes come before the digits
	switch rest := s[i:]; {
	case len(rest) < 2:
		return 0
	case rest[0] == '%':
		digits, from = 2, 1
	case rest[0] != '\\':
		return 0
	case strings.IndexByte(`ntr\`, rest[1]) >= 0:
		return 2
	case rest[1] == 'x':
		digits = 2
	case rest[1] == 'u':
		digits = 4
	default:
		return 0
	}
	end := i + from + digits
	if end > len(s) || strings.ContainsFunc(s[i+from:end], func(c rune) bool { return c >= utf8.RuneSelf || !isHexDigit(byte(c)) }) {
		return 0
	}
	return end - i
}
