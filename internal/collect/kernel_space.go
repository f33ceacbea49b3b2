//go:build linux

package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	generic "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// space is one namespace while it is read. What must be born inside is made by
// open; everything else works from outside.
type space struct {
	req  *KernelRequest
	gate gates
	at   *netns.NS
	held fact.NetNS
	gaps []fact.Gap
	// tables are the machine's; only the host's space asks for them.
	tables []fact.NeighbourTable
	// gone: it ended before it could be read.
	gone bool

	rt    *netlink.Handle
	diag  *diagConn     // nil where the gate is shut
	vs    *generic.Conn // nil where IPVS has nothing to tell
	vsErr error         // why it could not be opened
	nf    *generic.Conn // nil without nf_tables
	ct    *generic.Conn // nil where /proc tells conntrack's counters
	ctErr error
	nfErr error
	nt    *generic.Conn // nil where neighbour tables are not asked for
	ntErr error
	ctl   int // a socket for ethtool, -1 for none
	texts map[string]text
}

// gates say what may be asked of this kernel without loading a module.
type gates struct {
	diagGate
	// ipvs is the number of its family, 0 without; noIPVS says why it is not known.
	ipvs   uint16
	noIPVS error
	// nft: nf_tables is there; noNFT says why it is not known.
	nft   bool
	noNFT error
	// conntrack: it may be asked by netlink.
	conntrack bool
}

// text is a file of /proc as it was read inside.
type text struct {
	data []byte
	err  error
}

// answerWithin bounds the wait for one piece of a netlink answer.
const answerWithin = 5 * time.Second

// read fills everything that is wanted of the namespace.
func (s *space) read(ctx context.Context) {
	defer s.close()
	if !s.open(true) {
		return
	}
	s.step(ctx, fact.KindLinks, "read links", s.readLinks)
	s.step(ctx, fact.KindLinks, "read addresses", s.readAddrs)
	s.step(ctx, fact.KindRoutes, "read routes", s.readRoutes)
	s.step(ctx, fact.KindNeighbours, "read neighbours", s.readNeighbours)
	s.step(ctx, fact.KindFDB, "read FDB", s.readFDB)
	s.step(ctx, fact.KindSockets, "read sockets", s.readSockets)
	s.step(ctx, fact.KindSysctls, "read sysctls", s.readSysctls)
	s.step(ctx, fact.KindCounters, "read counters", s.readCounters)
	s.step(ctx, fact.KindCounters, "read conntrack's counters", s.readConntrack)
	s.step(ctx, fact.KindIPVS, "read IPVS", s.readIPVS)
	s.readRules(ctx, fact.KindRules)
	if s.held.Role == fact.RoleHost {
		s.step(ctx, fact.KindNeighbours, "read neighbour tables", s.readNeighbourTables)
		s.step(ctx, fact.KindCounters, "read the engine's waits", s.readEngine)
		s.step(ctx, fact.KindRoutes, "look up routes to peers", s.lookUpPeers)
		s.step(ctx, fact.KindOffload, "read offload features", s.readOffload)
	}
}

// count fills the counters only, and what carries some.
func (s *space) count(ctx context.Context, again Again) {
	defer s.close()
	s.gate.nft = s.gate.nft && again.Rules
	if !again.IPVS {
		s.gate.ipvs = 0
	}
	if !s.open(false) {
		return
	}
	s.step(ctx, fact.KindCounters, "read link counters", s.readLinks)
	s.step(ctx, fact.KindCounters, "read counters", s.readCounters)
	s.step(ctx, fact.KindCounters, "read conntrack's counters", s.readConntrack)
	if s.held.Role == fact.RoleHost {
		s.step(ctx, fact.KindCounters, "read neighbour tables", s.readNeighbourTables)
		s.step(ctx, fact.KindCounters, "read the engine's waits", s.readEngine)
	}
	if again.IPVS {
		s.step(ctx, fact.KindCounters, "read IPVS again", s.readIPVS)
	}
	if again.Rules {
		s.readRules(ctx, fact.KindCounters)
	}
}

// open makes handles inside and reads the files of /proc that name the
// namespace of who reads them. With all set, it does so for everything.
func (s *space) open(all bool) bool {
	s.ctl, s.texts = -1, make(map[string]text)
	err := s.at.Do(func() (err error) {
		if s.rt, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
			return fmt.Errorf("open netlink: %w", err)
		}
		s.slurp(append(counterFiles(s.held.Role), balancerFiles(s.held.Role)...)...)
		s.openIPVS()
		s.openNFTables()
		s.openConntrack()
		if s.held.Role == fact.RoleHost {
			s.nt, s.ntErr = generic.Dial(unix.NETLINK_ROUTE, nil)
		}
		if !all {
			return nil
		}
		s.slurp(sysctlFiles(s.held.Role)...)
		s.slurp(s.flowFiles()...)
		if s.gate.tcp || s.gate.udp {
			if s.diag, err = dialDiag(); err != nil {
				return err
			}
		}
		s.slurp(s.gate.files()...)
		if s.held.Role == fact.RoleHost {
			s.ctl, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		}
		return err
	})
	if err == nil {
		err = s.rt.SetSocketTimeout(answerWithin)
	}
	if err != nil {
		s.gone = true
		s.gaps = append(s.gaps, s.req.gap(fact.KindKernel, s.held.Name, err))
	}
	return err == nil
}

func (s *space) close() {
	if s.rt != nil {
		s.rt.Close()
	}
	if s.diag != nil {
		s.diag.close()
	}
	for _, c := range []*generic.Conn{s.vs, s.nf, s.ct, s.nt} {
		if c != nil {
			c.Close()
		}
	}
	if s.ctl >= 0 {
		unix.Close(s.ctl)
	}
	s.at.Close()
	s.texts = nil
}

// step does one piece of looking. An error, a panic of a library included,
// becomes a gap of that kind.
func (s *space) step(ctx context.Context, kind fact.Kind, doing string, do func() error) {
	err := ctx.Err()
	if err == nil {
		err = safely(do)
	}
	if err != nil {
		err = fmt.Errorf("%s of %s: %w", doing, s.held.Name, err)
		s.gaps = append(s.gaps, s.req.gap(kind, s.held.Name, err))
	}
}

// safely turns a panic into an error.
func safely(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errStumbled, r)
		}
	}()
	return do()
}

// dumpTries is how often a dump is asked for until it comes untorn.
const dumpTries = 4

// dump asks until a dump comes whole. Torn to the end, it returns the rows it
// got together with errTorn.
func dump[T any](list func() ([]T, error)) ([]T, error) {
	for try := 1; ; try++ {
		rows, err := list()
		switch {
		case !errors.Is(err, netlink.ErrDumpInterrupted) && !errors.Is(err, errTorn):
			return rows, err
		case try == dumpTries:
			return rows, errTorn
		}
	}
}
