package probe

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// packed builds the answer to a question with id 7 and lets edit change it.
func packed(t testing.TB, name, kind string, edit func(*dns.Msg)) (dns.Question, []byte) {
	t.Helper()
	q, query, err := question(7, name, kind)
	if err != nil {
		t.Fatal(err)
	}
	var asked dns.Msg
	if err := asked.Unpack(query); err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetReply(&asked)
	edit(m)
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return q, b
}

func aRecord(name, addr string, ttl uint32) dns.RR {
	return &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: net.ParseIP(addr)}
}

func ptrRecord(owner, name string) dns.RR {
	return &dns.PTR{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 600}, Ptr: name}
}

func TestParseReplyAddresses(t *testing.T) {
	q, b := packed(t, "tasks.api", "A", func(m *dns.Msg) {
		m.Answer = []dns.RR{aRecord("tasks.api.", "10.0.1.10", 600), aRecord("tasks.api.", "10.0.1.9", 30)}
	})
	r, err := parseReply(7, q, b, false)
	want := []netip.Addr{netip.MustParseAddr("10.0.1.9"), netip.MustParseAddr("10.0.1.10")}
	if err != nil || r.rcode != "NOERROR" || r.ttl != 30*time.Second || r.truncated || !slices.Equal(r.addrs, want) {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestParseReplyNames(t *testing.T) {
	for _, name := range []string{"10.0.1.3", "3.1.0.10.in-addr.arpa"} {
		q, b := packed(t, name, "PTR", func(m *dns.Msg) {
			m.Answer = []dns.RR{ptrRecord(q3, "b.app."), ptrRecord(q3, "api.1.x.app.")}
		})
		r, err := parseReply(7, q, b, false)
		if err != nil || !slices.Equal(r.names, []string{"api.1.x.app", "b.app"}) || q.Name != q3 {
			t.Errorf("asked for %s: got %+v, %v to %s", name, r, err, q.Name)
		}
	}
}

const q3 = "3.1.0.10.in-addr.arpa."

func TestParseReplyRefusesWhatIsNotOurs(t *testing.T) {
	for name, edit := range map[string]func(*dns.Msg){
		"another id":       func(m *dns.Msg) { m.Id = 8 },
		"a question":       func(m *dns.Msg) { m.Response = false },
		"another name":     func(m *dns.Msg) { m.Question[0].Name = "web." },
		"another type":     func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		"no question":      func(m *dns.Msg) { m.Question = nil },
		"two questions":    func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"a hidden NOERROR": func(m *dns.Msg) { m.Question, m.Truncated = nil, true },
	} {
		q, b := packed(t, "api", "A", edit)
		if r, err := parseReply(7, q, b, false); err == nil {
			t.Errorf("%s: taken as %+v", name, r)
		}
	}
}

func TestParseReplyWithoutRecords(t *testing.T) {
	for name, edit := range map[string]func(*dns.Msg){
		"NXDOMAIN": func(m *dns.Msg) { m.Rcode = dns.RcodeNameError },
		"SERVFAIL": func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure },
		"FORMERR":  func(m *dns.Msg) { m.Rcode, m.Question = dns.RcodeFormatError, nil },
		"NOERROR":  func(m *dns.Msg) { m.Question[0].Name = "API." },
	} {
		q, b := packed(t, "api", "A", edit)
		r, err := parseReply(7, q, b, false)
		if err != nil || r.rcode != name || len(r.addrs) != 0 {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
}

func TestParseReplyCutShort(t *testing.T) {
	q, b := packed(t, "api", "A", func(m *dns.Msg) {
		for range 40 {
			m.Answer = append(m.Answer, aRecord("api.", "10.0.1.9", 600))
		}
	})
	if _, err := parseReply(7, q, b[:300], false); err == nil {
		t.Error("garbage at the end was taken")
	}
	if r, err := parseReply(7, q, b[:300], true); err != nil || !r.truncated {
		t.Errorf("cut by us: got %+v, %v", r, err)
	}
	b[2] |= 0x02 // TC
	if r, err := parseReply(7, q, b[:300], false); err != nil || !r.truncated {
		t.Errorf("cut by the server: got %+v, %v", r, err)
	}
}

func TestQuestionErrors(t *testing.T) {
	for _, c := range [][2]string{{"api", "AAAA"}, {"api", ""}, {"a..b", "A"}, {string(make([]byte, 300)), "A"}} {
		if _, _, err := question(7, c[0], c[1]); err == nil {
			t.Errorf("%q %s: packed", c[0], c[1])
		}
	}
}

func FuzzParseReply(f *testing.F) {
	q, b := packed(f, "api", "A", func(m *dns.Msg) { m.Answer = []dns.RR{aRecord("api.", "10.0.1.9", 600), ptrRecord("api.", "x.")} })
	f.Add(b, false)
	f.Add(b[:30], true)
	f.Fuzz(func(t *testing.T, b []byte, cut bool) {
		r, err := parseReply(7, q, b, cut)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(r.addrs, netip.Addr.Compare) || !slices.IsSorted(r.names) || r.rcode == "" || r.ttl < 0 {
			t.Errorf("got %+v", r)
		}
		if len(r.addrs)+len(r.names) > len(b)/11 {
			t.Errorf("%d bytes made %d answers", len(b), len(r.addrs)+len(r.names))
		}
	})
}
