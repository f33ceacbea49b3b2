//go:build !linux

package collect

import (
	"context"
	"errors"
	"fmt"
	"time"
)

func kmsg(context.Context, func(time.Time, []byte)) error {
	return fmt.Errorf("open /dev/kmsg: %w", errors.ErrUnsupported)
}
