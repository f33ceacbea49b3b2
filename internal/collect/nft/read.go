package nft

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/mdlayher/netlink"

	"fairway/internal/fact"
)

// Asker puts questions to the kernel, as netlink.Conn does.
type Asker interface {
	Send(netlink.Message) (netlink.Message, error)
	ReceiveIter() iter.Seq2[netlink.Message, error]
}

// tries is how often rules are read until they stay the same meanwhile.
const tries = 4

// ErrTorn says that rules kept changing while they were read, so nothing of them
// can be trusted.
var ErrTorn = errors.New("the kernel's rules kept changing while they were read")

// Ruleset is what nf_tables held at one moment.
type Ruleset struct {
	// Generation grows with every change of the rules; 0 never happens.
	Generation uint32
	// Tables are of all families, by family and name.
	Tables []fact.RuleTable
}

// Read asks for all rules of the namespace in which the socket was born. The
// names of its links, by index, say what a rule that has only the index means;
// without them such a rule is opaque.
//
// The kernel wants NET_ADMIN and refuses with an error that wraps
// fs.ErrPermission. ErrTorn stands for rules that would not keep still,
// errors.ErrUnsupported for more of them than we read, and
// context.DeadlineExceeded for a kernel that did not answer in time.
func Read(c Asker, links map[uint32]string) (*Ruleset, error) {
	for try := 1; ; try++ {
		before, err := generation(c)
		if err != nil {
			return nil, err
		}
		d := dump{}
		if err := d.read(c); err != nil {
			return nil, err
		}
		if len(d.tables) == 0 { // one answer: nothing to fit together
			return &Ruleset{Generation: before}, nil
		}
		after, err := generation(c)
		if err != nil {
			return nil, err
		}
		if before == after {
			return &Ruleset{before, d.decode(links)}, nil
		}
		if try == tries {
			return nil, ErrTorn
		}
	}
}

// generation is the number of the ruleset in force.
func generation(c Asker) (id uint32, err error) {
	err = ask(c, request(msgGetGen, 0, 0, nil), func(m netlink.Message) error {
		a, _, ok := attributes(m.Data[genMsgLen:])
		if !ok || len(a[genID]) != 4 {
			return errGarbled
		}
		id = uint32(value(a[genID]))
		return nil
	})
	if err == nil && id == 0 {
		err = errGarbled
	}
	if err != nil {
		return 0, fmt.Errorf("generation: %w", err)
	}
	return id, nil
}

// ask sends a question and hands on each message of the answer. After an error
// of take the rest is read and dropped.
func ask(c Asker, q netlink.Message, take func(netlink.Message) error) error {
	if _, err := c.Send(q); err != nil {
		return err
	}
	for m, err := range c.ReceiveIter() {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return context.DeadlineExceeded
		}
		if err != nil {
			return err
		}
		if m.Header.Type>>8 != subsystem>>8 || len(m.Data) < genMsgLen {
			return errGarbled
		}
		if err := take(m); err != nil {
			return err
		}
	}
	return nil
}

// The bounds. A node of a large Kubernetes cluster has some 40 000 rules.
const (
	maxTables = 1024
	maxChains = 1 << 16
	maxRules  = 1 << 16
	maxBytes  = 32 << 20 // of rules
	maxSets   = 1 << 14
	maxElems  = 1 << 14 // of one set; what is beyond makes the set not whole
	maxAll    = 1 << 18 // elements of all sets, and of those looked at by all rules
	maxFacts  = 1 << 17 // rules as they are said; beyond it none becomes several
)

// read dumps everything once: tables, chains, rules, and the sets in which rules
// look something up.
func (d *dump) read(c Asker) error {
	for _, q := range []struct {
		what string
		msg  uint16
		take func(netlink.Message) error
	}{{"tables", msgGetTable, d.takeTable}, {"chains", msgGetChain, d.takeChain}, {"rules", msgGetRule, d.takeRule}} {
		if err := ask(c, request(q.msg, 0, netlink.Dump, nil), q.take); err != nil {
			return fmt.Errorf("%s: %w", q.what, err)
		}
		if len(d.tables) == 0 {
			return nil
		}
	}
	wanted := d.lookedUp()
	if len(wanted) == 0 {
		return nil
	}
	if err := ask(c, request(msgGetSet, 0, netlink.Dump, nil), d.takeSet); err != nil {
		return fmt.Errorf("sets: %w", err)
	}
	return d.fillSets(c, wanted)
}

// fillSets asks for the elements of each set in turn. A set that went meanwhile
// changed the generation too.
func (d *dump) fillSets(c Asker, wanted []setKey) error {
	for _, k := range wanted {
		s := d.sets[k]
		if s == nil {
			continue
		}
		q := attribute(nil, elemsTable, append([]byte(k.table), 0))
		q = attribute(q, elemsSet, append([]byte(k.name), 0))
		s.whole = true
		err := ask(c, request(msgGetElem, k.family, netlink.Dump, q), func(m netlink.Message) error { return d.takeElems(s, m) })
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, errFull) {
			s.whole = false
			continue
		}
		if err != nil {
			return fmt.Errorf("elements of set %s: %w", k.name, err)
		}
	}
	return nil
}
