package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestWhoMayTalk: who gets an answer from an agent, and what the others are
// told.
func TestWhoMayTalk(t *testing.T) {
	a := agent(t, fake{}, Limits{})
	other := deployment(t, made)
	day := 24 * time.Hour
	for _, c := range []struct {
		name   string
		client func() *tls.Config
		want   string // of the error; empty: it is answered
	}{
		{"operator", func() *tls.Config { return a.client(t, at(made)) }, ""},
		{"operator's clock a day early", func() *tls.Config { return a.client(t, at(made.Add(day))) }, ""},
		{"operator's clock a day late", func() *tls.Config { return a.client(t, at(made.Add(-day))) }, ""},
		{"operator's clock 29 days late", func() *tls.Config { return a.client(t, at(made.Add(-29*day))) }, ""},
		{"operator's clock years early", func() *tls.Config { return a.client(t, at(made.Add(9*365*day))) }, ""},
		{"expired", func() *tls.Config { return a.client(t, at(made.Add(11*365*day))) }, "does not hold at this host's time"},
		{"not yet valid", func() *tls.Config { return a.client(t, at(made.Add(-31*day))) }, "does not hold at this host's time"},
		{"another authority", func() *tls.Config { return other.client(t, at(made)) }, "of another authority than the one kept here"},
		{"another authority, trusting ours", func() *tls.Config {
			c := a.client(t, at(made))
			c.Certificates = other.client(t, at(made)).Certificates
			return c
		}, "does not accept the certificate kept here"},
		{"no client certificate", func() *tls.Config {
			c := a.client(t, at(made))
			c.Certificates = nil
			return c
		}, "does not accept the certificate kept here"},
		{"the agent's own certificate", func() *tls.Config {
			c := a.client(t, at(made))
			c.Certificates = a.server(t, at(made)).Certificates
			return c
		}, "does not accept the certificate kept here"},
		{"TLS 1.2", func() *tls.Config {
			c := a.client(t, at(made))
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
			return c
		}, "does not speak TLS 1.3"},
		{"another name", func() *tls.Config {
			c := a.client(t, at(made))
			c.ServerName = "example.org"
			return c
		}, "not an agent's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := a.dial(t, c.client()).Hello(t.Context())
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, c.want)
		})
	}
	a.alive(t)
}

// TestAgentsClock: an agent whose clock is off by a month still takes its
// operator, and one that is off by more says so.
func TestAgentsClock(t *testing.T) {
	p := deployment(t, made)
	day := 24 * time.Hour
	for _, c := range []struct {
		off  time.Duration
		want string
	}{
		{day, ""}, {-day, ""}, {-29 * day, ""}, {29 * day, ""}, {9 * 365 * day, ""},
		{-31 * day, "does not hold at its time"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		door := Listen(l, p.server(t, at(made.Add(c.off))), func(Event) {})
		go func() {
			conn, err := door.Accept()
			if err == nil {
				conn.Write([]byte{1})
				conn.Close()
			}
		}()
		conn, err := tls.Dial("tcp", l.Addr().String(), p.client(t, at(made)))
		if err == nil {
			// What an agent thinks of our certificate comes with the first reading.
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		door.Close()
		if c.want == "" && err != nil {
			t.Errorf("agent's clock off by %v: %v", c.off, err)
		} else if c.want != "" {
			wantError(t, unfit(err), c.want)
		}
	}
}

// TestAgentsCertificate: whom an operator takes for an agent.
func TestAgentsCertificate(t *testing.T) {
	p, other := deployment(t, made), deployment(t, made)
	swapped := p
	swapped.agentCert, swapped.agentKey = p.clientCert, p.clientKey
	for _, c := range []struct {
		name   string
		server func() *tls.Config
		want   string
	}{
		{"of another authority", func() *tls.Config { return other.server(t, at(made)) }, "of another authority"},
		{"an operator's", func() *tls.Config { return swapped.server(t, at(made)) }, "not an agent's"},
		{"TLS 1.2 only", func() *tls.Config {
			c := p.server(t, at(made))
			c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			return c
		}, "does not speak TLS 1.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := tls.Listen("tcp", "127.0.0.1:0", c.server())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if conn, err := l.Accept(); err == nil {
					io.Copy(io.Discard, conn)
					conn.Close()
				}
			}()
			r := &running{addr: l.Addr().String()}
			_, err = r.dial(t, p.client(t, at(made))).Hello(t.Context())
			wantError(t, err, c.want)
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if conn, err := l.Accept(); err == nil {
				io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\n{}")
				conn.Close()
			}
		}()
		r := &running{addr: l.Addr().String()}
		_, err = r.dial(t, p.client(t, at(made))).Hello(t.Context())
		wantError(t, err, "does not speak TLS")
	})
}

// TestPapers: what is in the certificates, and what makes no settings.
func TestPapers(t *testing.T) {
	p := deployment(t, made)
	b, _ := pem.Decode(p.agentCert)
	c, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if before, after := made.Sub(c.NotBefore), c.NotAfter.Sub(made); before != validBefore || after < 9*365*24*time.Hour {
		t.Errorf("valid from %v to %v", c.NotBefore, c.NotAfter)
	}
	if len(c.DNSNames) != 1 || c.DNSNames[0] != AgentName || c.IsCA || len(c.IPAddresses) > 0 {
		t.Errorf("certificate: %+v", c)
	}
	for name, args := range map[string][3][]byte{
		"no authority": {nil, p.agentCert, p.agentKey},
		"garbage":      {[]byte("x"), p.agentCert, p.agentKey},
		"no key":       {p.ca, p.agentCert, nil},
		"other's key":  {p.ca, p.agentCert, p.clientKey},
	} {
		if _, err := ServerTLS(args[0], args[1], args[2], at(made)); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
