// Package fact is the vocabulary of a diagnosis: what Swarm wanted, what each
// engine believed, what each kernel held, what probes saw, and what could not
// be looked at.
//
// Everything here is a plain value. Nothing in this package touches a file, a
// socket or a clock, so a Snapshot can be saved, read back and asked every
// question again.
package fact

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// Typed identifiers. The zero value of each means "not known".
type (
	// NodeID is a Swarm node ID (25 characters), not an engine ID and not a
	// NetworkDB peer name.
	NodeID string
	// ServiceID is a Swarm service ID (25 characters).
	ServiceID string
	// TaskID is a Swarm task ID (25 characters).
	TaskID string
	// NetworkID is a full network ID: 25 characters for Swarm scope, 64 hex
	// digits for a network local to one engine.
	NetworkID string
	// ContainerID is a full container ID (64 hex digits).
	ContainerID string
	// EndpointID is a libnetwork endpoint ID (64 hex digits), the key of both
	// NetworkDB tables.
	EndpointID string
)

// MAC is an Ethernet address; the zero value means "none".
type MAC [6]byte

// OverlayMAC returns the address the engine gives an overlay endpoint that
// asked for none: 02:42 followed by the four bytes of its IPv4 address
// (libnetwork, all versions; bridge endpoints differ since 28.0). For anything
// but an IPv4 address it returns the zero MAC.
func OverlayMAC(a netip.Addr) MAC {
	a = a.Unmap()
	if !a.Is4() {
		return MAC{}
	}
	b := a.As4()
	return MAC{0x02, 0x42, b[0], b[1], b[2], b[3]}
}

// ParseMAC reads six hex pairs separated by colons.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(b) != len(m) || len(s) != 17 {
		return m, fmt.Errorf("parse MAC address %q: want six hex pairs with colons", s)
	}
	copy(m[:], b)
	return m, nil
}

// IsZero reports whether m is unset.
func (m MAC) IsZero() bool { return m == MAC{} }

// String returns the usual form, 02:42:0a:00:01:03.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// MarshalText writes the usual form, and nothing for the zero value.
func (m MAC) MarshalText() ([]byte, error) {
	if m.IsZero() {
		return nil, nil
	}
	return []byte(m.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (m *MAC) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*m = MAC{}
		return nil
	}
	p, err := ParseMAC(string(b))
	*m = p
	return err
}
