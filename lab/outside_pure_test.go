package lab

import (
	"testing"

	"github.com/miekg/dns"
)

func TestAnswerName(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    uint16
		rcode   int
		answers int
	}{
		{"db.outside.test.", dns.TypeA, dns.RcodeSuccess, 1},
		{"DB.Outside.Test.", dns.TypeA, dns.RcodeSuccess, 1},
		{"db.outside.test.", dns.TypeAAAA, dns.RcodeSuccess, 0},
		{"nobody.outside.test.", dns.TypeA, dns.RcodeNameError, 0},
		{"outside.test.", dns.TypeA, dns.RcodeNameError, 0},
		{"api.", dns.TypeAAAA, dns.RcodeNameError, 0},
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
		if a.Id != q.Id || !a.Response || !a.RecursionAvailable || a.Rcode != c.rcode || len(a.Answer) != c.answers {
			t.Errorf("%s %s: %v", c.name, dns.TypeToString[c.kind], a)
		}
		for _, r := range a.Answer {
			if got, ok := r.(*dns.A); !ok || got.A.String() != Outside.Addr().String() || r.Header().Ttl != 60 || r.Header().Name != c.name {
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
