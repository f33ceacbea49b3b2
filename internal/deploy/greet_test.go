package deploy

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
)

func TestSilenceOfAnAgentIsSaidPlainly(t *testing.T) {
	at := netip.MustParseAddrPort("10.77.0.13:9747")
	for want, err := range map[string]error{
		"nothing came from 10.77.0.13:9747 within 2s": fmt.Errorf("ask n3 to hello: dial tcp 10.77.0.13:9747: %w", context.DeadlineExceeded),
		"10.77.0.13:9747 refuses the connection":      fmt.Errorf("ask n3 to hello: dial: %w", syscall.ECONNREFUSED),
		"another program":                             fmt.Errorf("another program"),
	} {
		if got := plainly(at, err); got.Error() != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if plainly(at, nil) != nil {
		t.Error("an answer is no trouble")
	}
}
