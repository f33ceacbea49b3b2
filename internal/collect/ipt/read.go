package ipt

import (
	"errors"
	"fmt"
)

var (
	// ErrTorn: a table kept changing while it was read.
	ErrTorn     = errors.New("the table kept changing while it was read")
	errTooLarge = fmt.Errorf("it is larger than 64 MiB: %w", errors.ErrUnsupported)
)
