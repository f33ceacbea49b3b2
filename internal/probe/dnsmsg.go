package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// question packs a recursive question without EDNS, as the resolvers of glibc
// and musl ask by default: an answer over 512 bytes is truncated for them too.
func question(id uint16, name, kind string) (dns.Question, []byte, error) {
	types := map[string]uint16{"A": dns.TypeA, "PTR": dns.TypePTR}
	t, ok := types[kind]
	if !ok {
		return dns.Question{}, nil, fmt.Errorf("ask for %s of %s: only A and PTR are asked", kind, name)
	}
	if addr, err := netip.ParseAddr(name); err == nil && t == dns.TypePTR {
		if name, err = dns.ReverseAddr(addr.Unmap().String()); err != nil {
			return dns.Question{}, nil, fmt.Errorf("ask for %s of %s: %w", kind, name, err)
		}
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), t)
	m.Id = id
	b, err := m.Pack()
	if err != nil {
		return dns.Question{}, nil, fmt.Errorf("ask for %s of %s: %w", kind, name, err)
	}
	return m.Question[0], b, nil
}

// reply is what an answer says.
type reply struct {
	rcode     string
	addrs     []netip.Addr
	names     []string
	ttl       time.Duration
	truncated bool
}

// parseReply reads the answer to q asked with id. Anything else is an error: to
// be ignored, for the true answer may still come. cut says that b is only the
// beginning.
func parseReply(id uint16, q dns.Question, b []byte, cut bool) (r reply, err error) {
	const header, response = 12, 0x80
	if len(b) < header || binary.BigEndian.Uint16(b) != id || b[2]&response == 0 {
		return reply{}, errors.New("not the answer to our question")
	}
	defer func() {
		if p := recover(); p != nil {
			r, err = reply{}, fmt.Errorf("unpack an answer: %v", p)
		}
	}()
	var m dns.Msg
	err = m.Unpack(b)
	cut = cut || m.Truncated
	if err != nil && !cut {
		return reply{}, fmt.Errorf("unpack an answer: %w", err)
	}
	if !answers(&m, q) {
		return reply{}, errors.New("the answer to another question")
	}
	// What was read before the cut stands; what counts is that there is more.
	r = reply{rcode: rcode(m.Rcode), truncated: cut}
	r.read(m.Answer)
	return r, nil
}

// answers reports whether m repeats q. A server that could not even read the
// question may leave it out.
func answers(m *dns.Msg, q dns.Question) bool {
	if len(m.Question) == 0 {
		return m.Rcode != dns.RcodeSuccess && len(m.Answer) == 0
	}
	got := m.Question[0]
	return len(m.Question) == 1 && got.Qtype == q.Qtype && got.Qclass == q.Qclass && strings.EqualFold(got.Name, q.Name)
}

func (r *reply) read(records []dns.RR) {
	for i, rr := range records {
		switch rr := rr.(type) {
		case *dns.A:
			if addr, ok := netip.AddrFromSlice(rr.A); ok {
				r.addrs = append(r.addrs, addr.Unmap())
			}
		case *dns.PTR:
			r.names = append(r.names, strings.TrimSuffix(rr.Ptr, "."))
		}
		if ttl := time.Duration(rr.Header().Ttl) * time.Second; i == 0 || ttl < r.ttl {
			r.ttl = ttl
		}
	}
	slices.SortFunc(r.addrs, netip.Addr.Compare)
	slices.Sort(r.names)
}

func rcode(n int) string {
	if s, ok := dns.RcodeToString[n]; ok {
		return s
	}
	return fmt.Sprintf("RCODE%d", n)
}
