package fact

import (
	"net/netip"
	"strings"
)

// id is what stands for an ID: of the same length and alphabet. Each character
// depends on those before it alone, so the short form of an ID has the short form
// of its alias. Hexadecimal digits stay such, other letters stay letters.
func (r *redactor) id(s string) string {
	if y, ok := r.ids[s]; ok {
		return r.note(s, y)
	}
	y := []byte(s)
	from := 0
	if strings.HasPrefix(s, "veth") {
		from = len("veth") // random digits, not of an ID
	}
	upper := strings.ContainsAny(s, "GHIJKLMNOPQRSTUVWXYZ") && strings.ToUpper(s) == s
	for i := from; i < len(y); i++ {
		for _, letters := range alphabets(upper) {
			if at := strings.IndexByte(letters, y[i]); at >= 0 {
				y[i] = letters[permuted(r.key, "id", []byte(s[:i]), len(letters), at)]
				break
			}
		}
	}
	r.ids[s] = string(y)
	return r.note(s, string(y))
}

// alphabets are the letters that stand for each other. Engines before 24 have IDs
// of base 32 (A-Z and 2-7).
func alphabets(upper bool) []string {
	if upper {
		return []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "234567"}
	}
	return []string{"0123456789abcdef", "ghijklmnopqrstuvwxyz", "0123456789ABCDEF", "GHIJKLMNOPQRSTUVWXYZ"}
}

func (r *redactor) addr(a netip.Addr) netip.Addr {
	b := r.addrs.alias(a)
	if a.IsValid() {
		r.note(a.String(), b.String())
	}
	return b
}

// prefix is what stands for a subnet, or for an address with its prefix length.
func (r *redactor) prefix(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	q := netip.PrefixFrom(r.addr(p.Addr()), p.Bits())
	if p == p.Masked() {
		return q.Masked()
	}
	return q
}

// addrRange is what stands for a range. In subnets whose hosts keep their bits it is
// the range of the aliases.
func (r *redactor) addrRange(x AddrRange) AddrRange {
	y := AddrRange{First: r.addr(x.First), Last: r.addr(x.Last)}
	if y.First.Compare(y.Last) > 0 && x.First.Compare(x.Last) <= 0 {
		y.First, y.Last = y.Last, y.First
	}
	return y
}

func (r *redactor) mac(m MAC) MAC {
	b := r.addrs.mac(m)
	if !m.IsZero() {
		r.note(m.String(), b.String())
	}
	return b
}
