package cli

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"fairway/internal/fact"
)

// redacted puts aliases into a snapshot and returns who is who as JSON.
func redacted(s *fact.Snapshot) (*fact.Snapshot, []byte, error) {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // it never fails (crypto/rand, since Go 1.24)
	out, aliases := fact.Redact(s, seed)
	b, err := json.MarshalIndent(aliases, "", "  ")
	if err != nil {
		return nil, nil, fmt.Errorf("write the aliases: %w", err)
	}
	return out, append(b, '\n'), nil
}
