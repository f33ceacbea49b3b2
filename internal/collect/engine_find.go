package collect

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/opts"
)

// Where says which engine is meant, as the operator and his environment put
// it. The rules are those of the Docker CLI (29.x, resolveContextName).
type Where struct {
	// Host and Context are the flags of those names; empty when not given.
	Host, Context string
	// Getenv reads the environment; nil means an empty one.
	Getenv func(string) string
	// Home is the operator's home folder, where .docker is; empty: none.
	Home string
	// Limit is how long one call to the engine may take; 0 means ten seconds.
	Limit time.Duration
	// Now tells the time; nil means the clock of this host.
	Now func() time.Time
}

// place is an engine found: how to get there, nothing sent yet.
type place struct {
	// host is the address as a Docker client writes it.
	host string
	// url is what HTTP requests start with, filled in by transport.
	url string
	// version is a fixed API version, empty for an agreed one.
	version string
	tls     *tls.Config
	ssh     *connhelper.ConnectionHelper
}

// find decides which engine is meant, without speaking to it.
func (w Where) find() (place, error) {
	if w.Host != "" && w.Context != "" {
		return place{}, errors.New("--host and --context contradict each other: give one of them")
	}
	var p place
	var err error
	if name := w.context(); name != "default" {
		p, err = w.named(name)
	} else {
		p, err = w.direct()
	}
	if err != nil {
		return place{}, err
	}
	p.version = w.env("DOCKER_API_VERSION")
	if p.ssh, err = connhelper.GetConnectionHelper(p.host); err != nil {
		return place{}, fmt.Errorf("read the engine's address %s: %w", p.host, err)
	}
	return p, nil
}

func (w Where) env(key string) string {
	if w.Getenv == nil {
		return ""
	}
	return w.Getenv(key)
}

// context returns the name of the context to use; "default" stands for the
// host of flag and environment.
func (w Where) context() string {
	switch {
	case w.Context != "":
		return w.Context
	case w.Host != "" || w.env("DOCKER_HOST") != "":
		return "default"
	case w.env("DOCKER_CONTEXT") != "":
		return w.env("DOCKER_CONTEXT")
	}
	return w.currentContext()
}

func (w Where) configDir() string {
	if d := w.env("DOCKER_CONFIG"); d != "" {
		return d
	}
	if w.Home == "" {
		return ""
	}
	return filepath.Join(w.Home, ".docker")
}

// currentContext reads one field of config.json, which also holds registry
// passwords: the Docker CLI's own reader would load those. A file that cannot
// be read is no reason to stop; the CLI only warns, too.
func (w Where) currentContext() string {
	dir := w.configDir()
	if dir == "" {
		return "default"
	}
	b, err := os.ReadFile(filepath.Join(dir, "config.json"))
	var c struct{ CurrentContext string }
	if err != nil || json.Unmarshal(b, &c) != nil || c.CurrentContext == "" {
		return "default"
	}
	return c.CurrentContext
}

// direct is the engine of --host, DOCKER_HOST or the local socket, with the
// certificates of DOCKER_TLS, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
func (w Where) direct() (place, error) {
	host := w.Host
	if host == "" {
		host = w.env("DOCKER_HOST")
	}
	verify := w.env("DOCKER_TLS_VERIFY") != ""
	useTLS := verify || w.env("DOCKER_TLS") != ""
	p := place{}
	var err error
	if p.host, err = opts.ParseHost(useTLS, host); err != nil {
		return place{}, fmt.Errorf("read the engine's address %q: %w", host, err)
	}
	if !useTLS {
		return p, nil
	}
	dir := w.env("DOCKER_CERT_PATH")
	if dir == "" {
		dir = w.configDir()
	}
	pem := map[string][]byte{}
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && (name == "ca.pem" || !errors.Is(err, fs.ErrNotExist)) {
			return place{}, fmt.Errorf("read the TLS files for %s: %w; check DOCKER_CERT_PATH", p.host, err)
		}
		pem[name] = b
	}
	p.tls, err = tlsConfig(p.host, pem["ca.pem"], pem["cert.pem"], pem["key.pem"], !verify)
	return p, err
}

// named is the engine of a context made with `docker context create`.
func (w Where) named(name string) (place, error) {
	dir := w.configDir()
	s := store.New(filepath.Join(dir, "contexts"), store.NewConfig(
		func() any { return &struct{}{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} })))
	meta, err := s.GetMetadata(name)
	if err != nil {
		return place{}, fmt.Errorf("read the Docker context %q: %w; `docker context ls` lists those there are", name, err)
	}
	bare, err := docker.EndpointFromContext(meta)
	if err != nil {
		return place{}, fmt.Errorf("read the Docker context %q: %w", name, err)
	}
	ep, err := docker.WithTLSData(s, name, bare)
	if err != nil {
		return place{}, fmt.Errorf("read the TLS files of the Docker context %q: %w", name, err)
	}
	p := place{}
	if p.host, err = opts.ParseHost(ep.TLSData != nil, ep.Host); err != nil {
		return place{}, fmt.Errorf("read the address in the Docker context %q: %w", name, err)
	}
	if ep.TLSData == nil && !ep.SkipTLSVerify {
		return p, nil
	}
	var ca, cert, key []byte
	if ep.TLSData != nil {
		ca, cert, key = ep.TLSData.CA, ep.TLSData.Cert, ep.TLSData.Key
	}
	p.tls, err = tlsConfig(p.host, ca, cert, key, ep.SkipTLSVerify)
	return p, err
}

// tlsConfig makes a client's TLS settings of PEM files; a nil file was not
// given.
func tlsConfig(host string, ca, cert, key []byte, trustAny bool) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: trustAny}
	if ca != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("read ca.pem for %s: it holds no certificate", host)
		}
	}
	if cert != nil && key != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("read cert.pem and key.pem for %s: %w", host, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
