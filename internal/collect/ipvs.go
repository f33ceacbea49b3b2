//go:build linux

package collect

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"fairway/internal/collect/ipvs"
	"fairway/internal/fact"
)

// procIPVS is there exactly where the kernel has IPVS, and anybody may read it.
const procIPVS = procNet + "ip_vs"

// procConns is IPVS's table of connections, one line each; expireNodest says
// whether the kernel forgets those whose backend is gone.
const (
	procConns    = procNet + "ip_vs_conn"
	expireNodest = procSys + "net/ipv4/vs/expire_nodest_conn"
)

// flowFiles is what to read of a balancer's connections: nothing where the kernel
// forgets by itself those in question, for the table may be long.
func (s *space) flowFiles() []string {
	if !s.balances() || sysctlValue(s.texts[expireNodest].data) != "0" {
		return nil
	}
	return []string{procConns}
}

// balancing returns the number of the kernel's IPVS family; 0 without IPVS, and
// then nothing was asked that could load it.
func balancing(root fs.FS) (uint16, error) {
	if !exists(root, "proc/net/ip_vs") {
		return 0, nil
	}
	c, err := ipvs.Dial(answerWithin)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var family uint16
	err = safely(func() (err error) { family, err = ipvs.Family(c); return err })
	if err == nil && family == 0 {
		err = errNoFamily
	}
	return family, err
}

// balancerFiles is what to read in a namespace before its balancer is asked;
// nothing in an overlay's, where nothing is balanced.
func balancerFiles(role fact.NSRole) []string {
	if role == fact.RoleOverlay {
		return nil
	}
	return []string{procIPVS}
}

var errNoFamily = fmt.Errorf("the kernel has IPVS and no netlink family for it: %w", errors.ErrUnsupported)

// openIPVS makes the socket where there may be something to ask about: in the
// balancers' namespaces always, elsewhere where the kernel's own table has a
// row. It must run inside.
func (s *space) openIPVS() {
	t, asked := s.texts[procIPVS]
	if !asked || s.gate.ipvs == 0 || t.err != nil || !s.balances() && !anyService(t.data) {
		return
	}
	s.vs, s.vsErr = ipvs.Dial(answerWithin)
}

// balances: the engine makes these namespaces for nothing else (18.09 and later).
func (s *space) balances() bool {
	return s.held.Role == fact.RoleLB || s.held.Role == fact.RoleIngress
}

// readIPVS fills the virtual services.
func (s *space) readIPVS() error {
	t, asked := s.texts[procIPVS]
	switch {
	case !asked:
		return nil
	case errors.Is(t.err, fs.ErrNotExist):
		return nil // the feature ip_vs tells
	case t.err != nil:
		return t.err
	case !s.balances() && !anyService(t.data):
		s.held.IPVS = &fact.IPVS{Version: versionOf(t.data)}
		return nil
	case s.vs == nil:
		return cmp.Or(s.gate.noIPVS, s.vsErr, errNoFamily)
	}
	v, err := ipvs.Read(s.vs, s.gate.ipvs)
	s.held.IPVS = v
	flows, asked := s.texts[procConns]
	if err != nil || !asked || errors.Is(flows.err, fs.ErrNotExist) {
		return torn(err, ipvs.ErrTorn)
	}
	if err = flows.err; err == nil {
		v.Stranded, err = ipvs.Stranded(flows.data, v)
	}
	return err
}

// anyService reports whether /proc/net/ip_vs has more than its three lines of
// heading: a service's row begins with FWM, TCP, UDP or SCTP.
func anyService(table []byte) bool { return bytes.Count(table, []byte("\n")) > 3 }

// versionOf reads "IP Virtual Server version 1.2.1 (size=4096)".
func versionOf(table []byte) string {
	_, rest, _ := bytes.Cut(table[:min(len(table), 256)], []byte("version "))
	version, _, _ := bytes.Cut(rest, []byte(" "))
	return string(version)
}
