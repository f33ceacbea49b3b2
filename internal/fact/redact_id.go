package fact

import (
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// id is what stands for an ID: of the same length and alphabet. Each character
// depends on those before it alone, so the short form of an ID has the short form
// of its alias. Hexadecimal digits stay such, other letters stay letters; known IDs
// keep their order, for lists are sorted by them.
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
	near := r.known
	for i := from; i < len(y); i++ {
		for _, letters := range alphabets(upper) {
			if strings.IndexByte(letters, y[i]) >= 0 {
				y[i] = r.letter(s[:i], y[i], letters, near)
				break
			}
		}
		near = beginning(near, s[:i+1])
	}
	r.ids[s] = string(y)
	return r.note(s, string(y))
}

// letter permutes the letters that may follow a part of an ID. Those that follow it
// in known IDs, which near holds, share their images in order.
func (r *redactor) letter(head string, c byte, letters string, near []string) byte {
	table := permutation(r.key, "id", []byte(head), len(letters))
	image := func(c byte) byte { return letters[table[strings.IndexByte(letters, c)]] }
	var follow, images []byte
	for len(near) > 0 {
		if len(near[0]) == len(head) {
			near = near[1:]
			continue
		}
		next := near[0][len(head)]
		if strings.IndexByte(letters, next) >= 0 {
			follow, images = append(follow, next), append(images, image(next))
		}
		near = near[len(beginning(near, near[0][:len(head)+1])):]
	}
	at := slices.Index(follow, c)
	if at < 0 {
		return image(c)
	}
	slices.Sort(images)
	return images[at]
}

// beginning is the part of a sorted list that begins with s.
func beginning(list []string, s string) []string {
	from, _ := slices.BinarySearch(list, s)
	n := sort.Search(len(list)-from, func(i int) bool { return !strings.HasPrefix(list[from+i], s) })
	return list[from : from+n]
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
