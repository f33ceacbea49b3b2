//go:build unix

package journal

import (
	"os"
	"syscall"
)

// openRegular follows no link and waits for no pipe.
func openRegular(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
