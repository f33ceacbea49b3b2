package collect

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// defaultLimit is how long one call may take unless the operator says otherwise.
const defaultLimit = 10 * time.Second

// Engine is an open line to one Docker engine. Its methods may be called at
// the same time.
type Engine struct {
	// host is the engine's address as a Docker client writes it.
	host string
	// base is the address every request starts with, API version included.
	base string
	// api is the greatest API version the engine speaks.
	api     string
	http    *http.Client
	limit   time.Duration
	now     func() time.Time
	workers int
	local   bool
	manager bool
}

// Dial finds the engine that Where means, greets it, and agrees on an API
// version. Its errors are one sentence for the operator: what is in the way and
// what to do. An engine that is in no swarm is such an error, too.
func Dial(ctx context.Context, w Where) (*Engine, error) {
	place, err := w.find()
	if err != nil {
		return nil, err
	}
	limit, now := w.Limit, w.Now
	if limit <= 0 {
		limit = defaultLimit
	}
	if now == nil {
		now = time.Now
	}
	tr, err := place.transport()
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to the engine at %s: %w", place.host, err)
	}
	e := &Engine{host: place.host, limit: limit, now: now, workers: tr.MaxConnsPerHost,
		local: strings.HasPrefix(place.host, "unix://"),
		http:  &http.Client{Transport: allowed{tr, place.base()}, CheckRedirect: client.CheckRedirect}}
	if err := e.greet(ctx, place); err != nil {
		tr.CloseIdleConnections()
		return nil, err
	}
	return e, nil
}

// Host returns the engine's address, such as "unix:///var/run/docker.sock".
func (e *Engine) Host() string { return e.host }

// Local reports whether the engine is spoken to over a socket of this host's
// file system. It is a hint, not a proof: the socket may be forwarded.
func (e *Engine) Local() bool { return e.local }

// Manager reports whether the engine said, when greeted, that it is a manager.
func (e *Engine) Manager() bool { return e.manager }

// Close ends the idle connections.
func (e *Engine) Close() { e.http.CloseIdleConnections() }

// greet pings the engine, agrees on an API version and learns its part in the
// swarm: from the ping's header where there is one (23.0 and later), else from
// its info.
func (e *Engine) greet(ctx context.Context, p place) error {
	c, err := p.client(e.http.Transport)
	if err != nil {
		return fmt.Errorf("prepare the connection to the engine at %s: %w", e.host, err)
	}
	limited, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	ping, err := c.Ping(limited, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil {
		return e.noEngine(ctx, err)
	}
	if ping.APIVersion == "" {
		return fmt.Errorf("something answers at %s, but it is no Docker engine: check --host, --context and DOCKER_HOST", e.host)
	}
	e.api = ping.APIVersion
	e.base = p.url + "/v" + c.ClientVersion()
	state := ""
	if ping.SwarmStatus != nil {
		state, e.manager = string(ping.SwarmStatus.NodeState), ping.SwarmStatus.ControlAvailable
	} else if in, err := e.info(ctx, &garbled{}); err == nil {
		state, e.manager = in.Swarm.LocalNodeState, in.Swarm.ControlAvailable
	}
	if state == "inactive" {
		return fmt.Errorf("the engine at %s is in no swarm: run fairway on a node of the swarm, or point --host or --context at one", e.host)
	}
	return nil
}
