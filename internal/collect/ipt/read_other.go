//go:build !linux || !(amd64 || arm64)

package ipt

import (
	"errors"
	"fmt"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// Read returns an error that wraps errors.ErrUnsupported: what the kernel hands
// out has another shape here.
func Read(*netns.NS) ([]fact.RuleTable, error) { return nil, errNone }

// FillSets does nothing: no table was read.
func FillSets(*netns.NS, []fact.RuleTable) error { return nil }

var errNone = fmt.Errorf("the rules of iptables-legacy are read on 64-bit Linux for x86 and ARM only: %w", errors.ErrUnsupported)
