package nft

import (
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dial opens a socket in the namespace of the calling thread. It stays there and
// can be used from anywhere, by one goroutine at a time. All answers together
// may take as long as the limit, counted from now. Opening it loads a module
// unless the kernel has NETLINK_NETFILTER already.
func Dial(limit time.Duration) (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open netfilter netlink: %w", err)
	}
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		c.Close()
		return nil, fmt.Errorf("open netfilter netlink: %w", err)
	}
	return c, nil
}
