package ipvs

import (
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dial opens a socket in the namespace of the calling thread. It stays there and
// can be used from anywhere, by one goroutine at a time. No question waits
// longer than the limit, counted from now.
func Dial(limit time.Duration) (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		return nil, fmt.Errorf("open generic netlink: %w", err)
	}
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		c.Close()
		return nil, fmt.Errorf("open generic netlink: %w", err)
	}
	return c, nil
}
