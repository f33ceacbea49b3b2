package deploy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// Agent is the agent of a node, behind mutual TLS with the operator's keys.
// Nothing is sent yet. hash is what its program must have; empty: any.
func (k *Keys) Agent(id fact.NodeID, name string, at netip.AddrPort, hash string, now func() time.Time) (fleet.Node, error) {
	config, err := fleet.ClientTLS(k.CA, k.Cert, k.Key, now)
	if err != nil {
		return nil, err
	}
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: config}
	n := fleet.Dial(name, func(ctx context.Context) (net.Conn, error) {
		if !at.Addr().IsValid() {
			return nil, errors.New("the managers do not know its address")
		}
		return d.DialContext(ctx, "tcp", at.String())
	})
	return fleet.Checked(id, hash, n), nil
}

// patience is how long one greeting may take, on any network that is of use.
const patience = 2 * time.Second

// Greeting returns a Greet for agents that listen on a port.
func Greeting(port uint16, hash string, now func() time.Time) func(context.Context, NodeState, *Keys) error {
	return func(ctx context.Context, n NodeState, k *Keys) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		agent, err := k.Agent(fact.NodeID(n.ID), n.Name, netip.AddrPortFrom(n.Addr, port), hash, now)
		if err != nil {
			return err
		}
		defer agent.Close()
		_, err = agent.Hello(ctx)
		return plainly(netip.AddrPortFrom(n.Addr, port), err)
	}
}

// plainly says why nobody answers without the words of the machinery that asked.
func plainly(at netip.AddrPort, err error) error {
	var slow net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s refuses the connection", at)
	case errors.As(err, &slow) && slow.Timeout():
		return fmt.Errorf("nothing came from %s within %v", at, patience)
	}
	return err
}
