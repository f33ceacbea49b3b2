//go:build linux

package collect

import (
	"context"
	"errors"
	"fmt"

	"fairway/internal/collect/ipt"
	"fairway/internal/collect/nft"
	"fairway/internal/fact"
)

// readRules fills the packet rules of both backends. What could not be read of
// one does not hide the other. Gaps are of that kind: the rules themselves, or
// their counters only.
func (s *space) readRules(ctx context.Context, kind fact.Kind) {
	s.held.Netfilter = &fact.Netfilter{}
	s.step(ctx, kind, "read rules of iptables-legacy", s.readLegacy)
	s.step(ctx, kind, "read rules of nf_tables", s.readNFTables)
}

func (s *space) readLegacy() error {
	tables, err := ipt.Read(s.at)
	s.held.Netfilter.Tables = append(s.held.Netfilter.Tables, tables...)
	return torn(err, ipt.ErrTorn)
}

// openNFTables makes the socket where the kernel has nf_tables already. It must
// run inside.
func (s *space) openNFTables() {
	if s.gate.nft {
		s.nf, s.nfErr = nft.Dial(answerWithin)
	}
}

func (s *space) readNFTables() error {
	switch {
	case s.gate.noNFT != nil:
		return s.gate.noNFT
	case s.nfErr != nil:
		return s.nfErr
	case s.nf == nil:
		return nil // without nf_tables there are no rules of it
	}
	links := make(map[uint32]string, len(s.held.Links))
	for _, l := range s.held.Links {
		links[uint32(l.Index)] = l.Name
	}
	set, err := nft.Read(s.nf, links)
	if err != nil {
		return torn(err, nft.ErrTorn)
	}
	err = ipt.FillSets(s.at, set.Tables)
	s.held.Netfilter.Generation = set.Generation
	s.held.Netfilter.Tables = append(s.held.Netfilter.Tables, set.Tables...)
	return torn(err, ipt.ErrTorn)
}

// torn says in this package's words that something changed while it was read.
func torn(err, theirs error) error {
	if errors.Is(err, theirs) {
		return fmt.Errorf("%w: %w", errTorn, err)
	}
	return err
}

// tables reports whether nf_tables may be asked. Where nobody can tell whether
// the kernel has it, its rules are not known.
func (m *modules) tables() (bool, error) {
	present, known := m.nfTables()
	if !known {
		return false, fmt.Errorf("nothing here tells whether the kernel has nf_tables loaded, and asking would load it: %w", errors.ErrUnsupported)
	}
	return present, nil
}
