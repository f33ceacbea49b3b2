//go:build !linux

package netns

import (
	"errors"
	"fmt"
)

// NS stands for an opened network namespace; on this system none can be opened.
type NS struct{}

// Open returns an error that wraps errors.ErrUnsupported.
func Open(path string) (*NS, error) { return nil, fmt.Errorf("open namespace %s: %w", path, errNone) }

// Self returns an error that wraps errors.ErrUnsupported.
func Self() (*NS, error) { return nil, errNone }

// Inode returns 0.
func (n *NS) Inode() uint64 { return 0 }

// Path returns "".
func (n *NS) Path() string { return "" }

// Do returns an error that wraps errors.ErrUnsupported; f is not run.
func (n *NS) Do(func() error) error { return errNone }

// Socket returns an error that wraps errors.ErrUnsupported.
func (n *NS) Socket(domain, typ, proto int) (int, error) { return -1, errNone }

// Close does nothing.
func (n *NS) Close() error { return nil }

var errNone = fmt.Errorf("network namespaces exist on Linux only: %w", errors.ErrUnsupported)
