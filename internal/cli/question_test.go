package cli

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"fairway/internal/fact"
)

func TestQuestion(t *testing.T) {
	for _, row := range []struct {
		args []string
		want fact.Question
	}{
		{[]string{"api"}, fact.Question{To: "api", Proto: "tcp"}},
		{[]string{"web", "api:8080"}, fact.Question{From: "web", To: "api", Port: 8080, Proto: "tcp"}},
		{[]string{"web.2", "dns.1:53/udp"}, fact.Question{From: "web.2", To: "dns.1", Port: 53, Proto: "udp"}},
		{[]string{"shop.example.com:65535/tcp"}, fact.Question{To: "shop.example.com", Port: 65535, Proto: "tcp"}},
		{[]string{"10.0.1.3", "10.0.1.4:8080"}, fact.Question{From: "10.0.1.3", To: "10.0.1.4", Port: 8080, Proto: "tcp"}},
		{[]string{"fd00::3", "[fd00::4]:53/udp"}, fact.Question{From: "fd00::3", To: "fd00::4", Port: 53, Proto: "udp"}},
		{[]string{"::1"}, fact.Question{To: "::1", Proto: "tcp"}},
		{[]string{"web", "https://example.com/a?b"}, fact.Question{From: "web", To: "example.com", Port: 443, Proto: "tcp"}},
		{[]string{"web", "http://intra"}, fact.Question{From: "web", To: "intra.", Port: 80, Proto: "tcp"}},
		{[]string{"web", "postgres://u:p@db.example.com:5432/x"}, fact.Question{From: "web", To: "db.example.com", Port: 5432, Proto: "tcp"}},
		{[]string{"web", "https://[2001:db8::5]:8443"}, fact.Question{From: "web", To: "2001:db8::5", Port: 8443, Proto: "tcp"}},
		{[]string{":8080"}, fact.Question{Published: 8080}},
		{[]string{":53/udp"}, fact.Question{Published: 53, PublishedProto: "udp"}},
		{[]string{":80", "web", "api:8080"}, fact.Question{From: "web", To: "api", Port: 8080, Proto: "tcp", Published: 80}},
		{[]string{":80", "api"}, fact.Question{To: "api", Proto: "tcp", Published: 80}},
	} {
		if got, err := question(row.args); err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%q: %+v, %v; want %+v", row.args, got, err, row.want)
		}
	}
}

func TestQuestionRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {""}, {":80", "a", "b", "c"}, {"web", "api", ":80"}, {"web", ":80"}, {"a", "b", "c"}, {"", "api"}, {"web:80", "api"},
		{"api:"}, {"api:0"}, {"api:65536"}, {"api:99999999999999999999"}, {"api:-1"}, {"api:+80"}, {"api:http"}, {"api:80/sctp"}, {"api:80/"}, {"api/udp"},
		{"api:80:90"}, {"10.0.0.1:0"}, {"[::1]80"}, {"[api]:80"}, {"10.0.0.1:80", "api"}, {"https://"}, {"postgres://u:p@db.example.com/x"}, {"https://db.example.com:0"},
		{"https://db.example.com:99999"}, {"https://[x]/"}, {"tcp://a.example:1,b.example:2/x"}} {
		q, err := question(args)
		var usage usageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %+v, %v; want a usage error", args, q, err)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add("web", "api:8080/udp")
	f.Add("", ":80")
	f.Fuzz(func(t *testing.T, from, to string) {
		q, err := question([]string{from, to})
		if err == nil && (q.To == "" || q.From != from || q.Proto != "tcp" && q.Proto != "udp") {
			t.Errorf("%q %q: %+v", from, to, q)
		}
	})
}

// TestNoPasswordInAnError: a URL is copied with what stands in it.
func TestNoPasswordInAnError(t *testing.T) {
	for _, to := range []string{"postgres://u:sec/ret@db.example.com/x", "postgres://u:secret@db.example.com/x?password=secret", "x://u:s@secret@"} {
		if _, err := question([]string{"web", to}); err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: %v", to, err)
		}
	}
}
