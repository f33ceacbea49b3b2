package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/collect/ipvs"
	"fairway/internal/fact"
)

// noServices is what /proc/net/ip_vs says without services.
const noServices = "IP Virtual Server version 1.2.1 (size=4096)\n" +
	"Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"

// TestIPVSWithoutASocket: what is said of a namespace where netlink was not asked.
func TestIPVSWithoutASocket(t *testing.T) {
	for name, c := range map[string]struct {
		role  fact.NSRole
		table text
		gate  gates
		want  error
		known bool
	}{
		"no IPVS in the kernel":        {role: fact.RoleLB, table: text{err: fs.ErrNotExist}},
		"an overlay":                   {role: fact.RoleOverlay},
		"nothing balanced":             {role: fact.RoleContainer, table: text{data: []byte(noServices)}, known: true},
		"the table is out of reach":    {role: fact.RoleContainer, table: text{err: fs.ErrPermission}, want: fs.ErrPermission},
		"a balancer, and no family":    {role: fact.RoleIngress, table: text{data: []byte(noServices)}, gate: gates{noIPVS: errors.ErrUnsupported}, want: errors.ErrUnsupported},
		"a service, and no family":     {role: fact.RoleContainer, table: text{data: []byte(noServices + "FWM  00000100 rr\n")}, gate: gates{noIPVS: unix.EPERM}, want: unix.EPERM},
		"no service, and nothing lost": {role: fact.RoleHost, table: text{data: []byte(noServices)}, gate: gates{noIPVS: unix.EPERM}, known: true},
	} {
		s := space{held: fact.NetNS{Role: c.role}, gate: c.gate, texts: map[string]text{procIPVS: c.table}}
		if c.role == fact.RoleOverlay {
			s.texts = nil
		}
		err := s.readIPVS()
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (s.held.IPVS != nil) != c.known {
			t.Errorf("%s: %+v, %v", name, s.held.IPVS, err)
		}
		if c.known && s.held.IPVS.Version != "1.2.1" {
			t.Errorf("%s: version %q", name, s.held.IPVS.Version)
		}
	}
}

// TestNoIPVSIsNotAskedFor: on a kernel without it, nothing is asked that would
// load it.
func TestNoIPVSIsNotAskedFor(t *testing.T) {
	if family, err := balancing(fstest.MapFS{}); family != 0 || err != nil {
		t.Errorf("family %d, %v", family, err)
	}
}

// TestSilenceOfTheBalancerIsATimeout, and refusal a matter of permission.
func TestSilenceOfTheBalancerIsATimeout(t *testing.T) {
	for err, want := range map[error]fact.Class{
		&netlink.OpError{Op: "receive", Err: os.ErrDeadlineExceeded}: fact.ClassTimeout,
		&netlink.OpError{Op: "receive", Err: unix.EPERM}:             fact.ClassPermission,
		ipvs.ErrAnswer:                   fact.ClassGarbled,
		torn(ipvs.ErrTorn, ipvs.ErrTorn): fact.ClassInterrupted,
	} {
		if got := classOf(fmt.Errorf("read IPVS of lb: %w", err)); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}
