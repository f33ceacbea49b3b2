package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/docker/go-connections/sockets"
	"github.com/moby/moby/client"

	"fairway/internal/fact"
)

// A few kept-alive connections answer a whole node faster than one, and more
// gain nothing: the engine itself is the limit. Over ssh each connection is a
// process and a login, and a server refuses many at once (MaxStartups).
const (
	connections    = 6
	connectionsSSH = 2
)

// transport makes the HTTP transport to a place and fills in its url. All
// requests to the engine share it.
func (p *place) transport() (*http.Transport, error) {
	u, err := client.ParseHostURL(p.host)
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{
		MaxConnsPerHost: connections, MaxIdleConns: connections, MaxIdleConnsPerHost: connections,
		IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		// The engine's buffers hold an answer's first piece; small ones keep six connections cheap.
		ReadBufferSize: 16 << 10,
	}
	if p.ssh != nil {
		tr.MaxConnsPerHost, tr.DialContext = connectionsSSH, p.ssh.Dialer
		p.url = strings.TrimSuffix(p.ssh.Host, "/")
		return tr, nil
	}
	if err := sockets.ConfigureTransport(tr, u.Scheme, u.Host); err != nil {
		return nil, err
	}
	// A compressed answer could be a thousand times what was sent.
	tr.DisableCompression = true
	switch {
	case u.Scheme != "tcp":
		p.url = "http://" + client.DummyHost
	case p.tls != nil:
		tr.TLSClientConfig = p.tls
		p.url = "https://" + u.Host + strings.TrimSuffix(u.Path, "/")
	default:
		p.url = "http://" + u.Host + strings.TrimSuffix(u.Path, "/")
	}
	return tr, nil
}

// shared keeps the Docker client from cloning the transport: a clone would have
// connections of its own.
type shared struct{ http.RoundTripper }

// client makes the Docker client that agrees with the engine on a version.
func (p place) client(over http.RoundTripper) (*client.Client, error) {
	host, scheme := p.host, "http"
	if p.ssh != nil {
		host = "tcp://" + strings.TrimPrefix(p.ssh.Host, "http://")
	}
	if p.tls != nil && strings.HasPrefix(host, "tcp://") {
		scheme = "https"
	}
	return client.New(client.WithHost(host), client.WithScheme(scheme), client.WithAPIVersion(p.version),
		client.WithHTTPClient(&http.Client{Transport: shared{over}, CheckRedirect: client.CheckRedirect}))
}

// SilentError is an engine that did not answer its greeting in time.
type SilentError struct {
	// Host is its address, Limit how long it had.
	Host  string
	Limit time.Duration
	// Local is as Engine.Local says: then somebody took the connection, and that
	// is something known about this host.
	Local bool
}

// Error says what was seen; Do what can be done about it.
func (e *SilentError) Error() string {
	return fmt.Sprintf("the engine at %s did not answer within %v: %s", e.Host, e.Limit, e.Do())
}

// Do is what the operator can do about it.
func (e *SilentError) Do() string {
	return "see whether dockerd hangs there (`journalctl -u docker`), or allow more with --timeout"
}

// noEngine puts a failed greeting into one sentence that says what to do. The
// client keeps some causes as text only, so text is what is looked at.
func (e *Engine) noEngine(ctx context.Context, err error) error {
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	text := err.Error()
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("greet the engine at %s: %w", e.host, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return &SilentError{Host: e.host, Limit: e.limit, Local: e.local}
	case has("permission denied while trying to connect"), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("permission denied on %s: run with sudo, or as a member of the docker group", e.host)
	case has("not supported by this client"):
		return fmt.Errorf("the engine at %s is too old (%s): fairway needs API %s, which is Docker 19.03, or newer", e.host, fact.OneLine(text), client.MinAPIVersion)
	case errors.As(err, &authority), errors.As(err, &name), errors.As(err, &invalid):
		return fmt.Errorf("the engine at %s shows a certificate that is not trusted (%s): check ca.pem of the context or of DOCKER_CERT_PATH", e.host, fact.OneLine(text))
	case errors.As(err, &alert), has("bad certificate"), has("handshake failure"), has("certificate required"):
		return fmt.Errorf("the engine at %s wants a client certificate that it trusts: check cert.pem and key.pem of the context or of DOCKER_CERT_PATH", e.host)
	case errors.As(err, &record), has("HTTP response to HTTPS client"):
		return fmt.Errorf("the engine at %s does not speak TLS: unset DOCKER_TLS and DOCKER_TLS_VERIFY, or use its TLS port", e.host)
	case has("HTTP request to an HTTPS server"), has("TLS-enabled daemon without TLS"):
		return fmt.Errorf("the engine at %s speaks TLS only: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a context that has the certificates", e.host)
	case has("stderr="):
		_, said, _ := strings.Cut(text, "stderr=")
		return fmt.Errorf("no way to the engine at %s (ssh says: %s): see that `ssh … docker version` works there without a password", e.host, fact.OneLine(said))
	case client.IsErrConnectionFailed(err):
		why := " (" + fact.OneLine(strings.TrimPrefix(text, "error during connect: ")) + ")"
		switch {
		case errors.Is(err, fs.ErrNotExist):
			why = " (it does not exist)"
		case has("Cannot connect to the Docker daemon"):
			why = ""
		}
		return fmt.Errorf("no engine answers at %s%s: start Docker there, or say where it is with --host or --context", e.host, why)
	}
	return fmt.Errorf("greet the engine at %s: %s", e.host, fact.OneLine(text))
}
