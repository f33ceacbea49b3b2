package fleet

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"time"
)

// AgentName is the only name in an agent's certificate. Nodes are told apart by
// their Swarm node ID, which CheckHello compares: every agent of a Swarm shows
// the same certificate.
const AgentName = "fairway-agent"

// Certificates hold from validBefore before they were made, so that a node
// whose clock is late still takes them, for validFor.
const (
	validBefore = 30 * 24 * time.Hour
	validFor    = 10 * 365 * 24 * time.Hour
)

// Purpose is what a certificate is for; one of the other purpose is refused.
type Purpose x509.ExtKeyUsage

// The purposes.
const (
	ForAgent    = Purpose(x509.ExtKeyUsageServerAuth)
	ForOperator = Purpose(x509.ExtKeyUsageClientAuth)
)

// Authority signs the certificates of one deployment. Its key lives in memory
// only: more certificates mean a new deployment.
type Authority struct {
	cert *x509.Certificate
	key  ed25519.PrivateKey
}

// NewAuthority makes a certificate authority; random is crypto/rand.Reader but
// in tests.
func NewAuthority(random io.Reader, now time.Time) (*Authority, error) {
	public, key, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("make the key of the certificate authority: %w", err)
	}
	c, err := template(random, now, "fairway CA")
	if err != nil {
		return nil, err
	}
	c.IsCA, c.BasicConstraintsValid, c.MaxPathLenZero = true, true, true
	c.KeyUsage = x509.KeyUsageCertSign
	signed, err := sign(random, c, c, public, key)
	return &Authority{signed, key}, err
}

// Certificate is the authority's own, in PEM.
func (a *Authority) Certificate() []byte { return inPEM("CERTIFICATE", a.cert.Raw) }

// Issue makes a key and its certificate, both in PEM.
func (a *Authority) Issue(random io.Reader, now time.Time, p Purpose) (cert, key []byte, err error) {
	public, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	c, err := template(random, now, "fairway operator")
	if err != nil {
		return nil, nil, err
	}
	if p == ForAgent {
		c.Subject.CommonName, c.DNSNames = AgentName, []string{AgentName}
	}
	c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsage(p)}
	signed, err := sign(random, c, a.cert, public, a.key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("write a key: %w", err)
	}
	return inPEM("CERTIFICATE", signed.Raw), inPEM("PRIVATE KEY", der), nil
}

func template(random io.Reader, now time.Time, name string) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	serial[0] &= 0x7f // at most 20 octets and positive (RFC 5280)
	return &x509.Certificate{SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-validBefore), NotAfter: now.Add(validFor)}, nil
}

func sign(random io.Reader, c, by *x509.Certificate, public ed25519.PublicKey, key ed25519.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(random, c, by, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", c.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// ServerTLS are an agent's settings: TLS 1.3 and nothing older, and only
// operators with a certificate of this very authority. All three are PEM; now
// is the clock that certificates are judged by.
func ServerTLS(ca, cert, key []byte, now func() time.Time) (*tls.Config, error) {
	c, roots, err := settings(ca, cert, key, now)
	if err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, roots
	// A session taken up again would outlive a change of certificates.
	c.SessionTicketsDisabled = true
	return c, nil
}

// ClientTLS are an operator's settings: only an agent with a certificate of
// this very authority is spoken to, whatever address it is found at.
func ClientTLS(ca, cert, key []byte, now func() time.Time) (*tls.Config, error) {
	c, roots, err := settings(ca, cert, key, now)
	if err != nil {
		return nil, err
	}
	c.RootCAs, c.ServerName = roots, AgentName
	return c, nil
}

func settings(ca, cert, key []byte, now func() time.Time) (*tls.Config, *x509.CertPool, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, nil, errors.New("read the certificate authority: it holds no certificate in PEM")
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, nil, fmt.Errorf("read certificate and key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, Time: now}, roots, nil
}

// unfit says in plain words why two ends did not come to terms; nil where err
// is about something else.
func unfit(err error) error {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var remote *net.OpError
	var record tls.RecordHeaderError
	const again = "run `fairway deploy --rotate`"
	switch {
	case errors.As(err, &authority):
		return errors.New("its certificate is of another authority than the one kept here; " + again)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("its certificate does not hold at this host's time (%s); set the clock, or %s", invalid.Detail, again)
	case errors.As(err, &invalid), errors.As(err, &host):
		return errors.New("it shows a certificate that is not an agent's")
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("what answers there does not speak TLS, so it is no agent")
	case errors.As(err, &remote) && remote.Op == "remote error": // as crypto/tls calls an alert
		return refusedUs(remote.Err, again)
	}
	return nil
}

// refusedUs reads the alert by which an agent turned us down (RFC 8446, 6.2).
// crypto/tls keeps its type to itself, so its text is looked at.
func refusedUs(alert error, again string) error {
	is := func(codes ...tls.AlertError) bool {
		return slices.ContainsFunc(codes, func(c tls.AlertError) bool { return c.Error() == alert.Error() })
	}
	switch {
	case is(45): // certificate_expired, by the agent's clock
		return errors.New("it says that the certificate kept here does not hold at its time; set its clock, or " + again)
	case is(42, 43, 46, 48, 116): // bad, unsupported, unknown, unknown authority, required
		return errors.New("it does not accept the certificate kept here; " + again)
	case is(40, 70): // handshake failure, protocol version
		return errors.New("it does not speak TLS 1.3, so it is no agent of ours")
	}
	return alert
}
