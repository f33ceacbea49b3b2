package lab

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

func TestAnswerName(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  uint16
		rcode int
		addr  string // none: no record
	}{
		{"db.outside.test.", dns.TypeA, dns.RcodeSuccess, Outside.Addr().String()},
		{"DB.Outside.Test.", dns.TypeA, dns.RcodeSuccess, Outside.Addr().String()},
		{"db.outside.test.", dns.TypeAAAA, dns.RcodeSuccess, ""},
		{spelled(netip.MustParseAddr("10.0.1.210")) + ".", dns.TypeA, dns.RcodeSuccess, "10.0.1.210"},
		{"nobody.outside.test.", dns.TypeA, dns.RcodeNameError, ""},
		{"outside.test.", dns.TypeA, dns.RcodeNameError, ""},
		{"1-2-3-4.", dns.TypeA, dns.RcodeNameError, ""},
		{"api.", dns.TypeAAAA, dns.RcodeNameError, ""},
	} {
		q := new(dns.Msg).SetQuestion(c.name, c.kind).SetEdns0(1232, false)
		b, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		a := new(dns.Msg)
		if err := a.Unpack(answerName(b)); err != nil {
			t.Fatal(err)
		}
		if a.Id != q.Id || !a.Response || !a.RecursionAvailable || a.Rcode != c.rcode || (len(a.Answer) > 0) != (c.addr != "") {
			t.Errorf("%s %s: %v", c.name, dns.TypeToString[c.kind], a)
		}
		for _, r := range a.Answer {
			if got, ok := r.(*dns.A); !ok || got.A.String() != c.addr || r.Header().Ttl != 60 || r.Header().Name != c.name {
				t.Errorf("%s: %v", c.name, r)
			}
		}
		if answerName(answerName(b)) != nil {
			t.Errorf("%s: an answer was answered", c.name)
		}
	}
	for _, b := range [][]byte{nil, make([]byte, 11), make([]byte, 12), []byte("no question at all")} {
		if a := answerName(b); a != nil {
			t.Errorf("%x was answered: %x", b, a)
		}
	}
}
