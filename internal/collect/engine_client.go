package collect

import (
	"context"
	"fmt"
	"net/http"

	"github.com/moby/moby/client"
)

// Client returns a Docker client of the engine that Where means, greeted, for
// what changes a Swarm: this package itself only reads. Its errors are those of
// Dial.
func Client(ctx context.Context, w Where) (*client.Client, error) {
	place, err := w.find()
	if err != nil {
		return nil, err
	}
	tr, err := place.transport()
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to the engine at %s: %w", place.host, err)
	}
	limit := w.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	e := &Engine{host: place.host, limit: limit, http: &http.Client{Transport: tr}}
	if err := e.greet(ctx, place); err != nil {
		tr.CloseIdleConnections()
		return nil, err
	}
	c, err := place.client(tr)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to the engine at %s: %w", place.host, err)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := c.Ping(limited, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, e.noEngine(ctx, err)
	}
	return c, nil
}
