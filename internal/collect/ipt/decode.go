package ipt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"fairway/internal/collect/xt"
	"fairway/internal/fact"
)

// row is one entry of a table: a rule, a policy, or the head of a chain.
type row struct {
	at uint32 // its offset, by which jumps and hooks name it
	b  []byte
}

func (r row) end() uint32 { return r.at + uint32(len(r.b)) }

// decode turns a table's entries into chains. It fails on what no kernel would
// hand out.
func decode(l *layout, name string, in info, blob []byte) (fact.RuleTable, error) {
	t := fact.RuleTable{Backend: fact.Legacy, Family: l.family, Name: name}
	rows, err := split(l, in, blob)
	if err != nil {
		return t, err
	}
	found, err := group(l, in, rows)
	if err != nil {
		return t, err
	}
	names := make(map[uint32]string, len(found))
	for _, c := range found {
		names[c.at] = c.name
	}
	for _, c := range found {
		out, err := c.decode(l, name, names)
		if err != nil {
			return t, err
		}
		t.Chains = append(t.Chains, out)
	}
	return t, nil
}

// split cuts the blob into rows.
func split(l *layout, in info, blob []byte) ([]row, error) {
	if uint32(len(blob)) != in.size {
		return nil, fmt.Errorf("%d bytes of entries where %d were promised", len(blob), in.size)
	}
	var rows []row
	for at := 0; at < len(blob); {
		b := blob[at:]
		if len(b) < l.size+extHeader {
			return nil, fmt.Errorf("entry %d is cut off", len(rows)+1)
		}
		target, next := u16(b, l.target), u16(b, l.next)
		if target < l.size || next < target+extHeader || next > len(b) || next%8 != 0 || target%8 != 0 {
			return nil, fmt.Errorf("entry %d has its target at %d and ends at %d", len(rows)+1, target, next)
		}
		rows = append(rows, row{uint32(at), b[:next]})
		at += next
	}
	if uint32(len(rows)) != in.entries {
		return nil, fmt.Errorf("%d entries where %d were promised", len(rows), in.entries)
	}
	return rows, nil
}

// chain is a chain whose rules are not decoded yet.
type chain struct {
	name   string
	at     uint32 // where a jump to it leads
	hook   int    // -1 for a user's chain
	rules  []row
	policy row // of a base chain
}

// errorTarget is what heads of users' chains and the table's last entry have for a target.
const errorTarget = "ERROR"

// group finds the chains: base chains begin where a hook does and end with its
// underflow, users' begin behind a head that names them and end with a RETURN.
// The last entry is a head that heads nothing.
func group(l *layout, in info, rows []row) ([]chain, error) {
	starts := make(map[uint32]int)
	for h := range hooks {
		if in.valid&(1<<h) != 0 {
			starts[in.start[h]] = h
		}
	}
	var out []chain
	for i := 0; i < len(rows); {
		h, base := starts[rows[i].at]
		name, _, data := rows[i].target(l)
		switch {
		case base:
			n := until(rows[i:], func(r row) bool { return r.at == in.underflow[h] })
			if i+n == len(rows) {
				return nil, fmt.Errorf("chain %s has no policy", chainNames[h])
			}
			out = append(out, chain{name: chainNames[h], at: rows[i].at, hook: h, rules: rows[i : i+n], policy: rows[i+n]})
			i += n + 1
		case name == errorTarget && i == len(rows)-1:
			return out, missing(in, out)
		case name == errorTarget:
			i++
			n := until(rows[i:], func(r row) bool {
				_, base := starts[r.at]
				name, _, _ := r.target(l)
				return base || name == errorTarget
			})
			out = append(out, chain{name: cString(data), at: rows[i].at, hook: -1, rules: ended(l, rows[i:i+n])})
			i += n
		default:
			return nil, fmt.Errorf("entry %d stands in no chain", i+1)
		}
	}
	return nil, fmt.Errorf("the last entry is none")
}

// until counts the rows before the first that is wanted.
func until(rows []row, wanted func(row) bool) int {
	for i, r := range rows {
		if wanted(r) {
			return i
		}
	}
	return len(rows)
}

// missing: every hook must have its own chain.
func missing(in info, found []chain) error {
	hooked := 0
	for _, c := range found {
		if c.hook >= 0 {
			hooked++
		}
	}
	if want := bits.OnesCount32(in.valid & (1<<hooks - 1)); hooked != want {
		return fmt.Errorf("%d base chains where %d hooks are", hooked, want)
	}
	return nil
}

// ended leaves out the RETURN with which iptables ends a user's chain.
func ended(l *layout, rows []row) []row {
	if n := len(rows); n > 0 && rows[n-1].bare(l) && rows[n-1].verdict(l).Kind == fact.TargetReturn {
		return rows[:n-1]
	}
	return rows
}

// bare: it has no condition.
func (r row) bare(l *layout) bool {
	return u16(r.b, l.target) == l.size && bytes.Count(r.b[:l.invert+1], []byte{0}) == l.invert+1
}

// target cuts the target out.
func (r row) target(l *layout) (name string, rev uint8, data []byte) {
	at := u16(r.b, l.target)
	name, rev, data, _ = extension(r.b[at:])
	return name, rev, data
}

// extension cuts a match or target off the front; ok says that its size fits.
func extension(b []byte) (name string, rev uint8, data []byte, ok bool) {
	size := u16(b, 0)
	if size < extHeader || size > len(b) {
		return "", 0, nil, false
	}
	return cString(b[2:31]), b[31], b[extHeader:size], true
}

// verdict is a standard target's, opaque for a jump and for other targets.
func (r row) verdict(l *layout) fact.Target {
	name, rev, data := r.target(l)
	if name != "" {
		return fact.Target{Kind: fact.TargetOpaque}
	}
	return xt.Target(l.family, name, rev, data)
}

func cString(b []byte) string {
	head, _, _ := bytes.Cut(b, []byte{0})
	return string(head)
}

func u16(b []byte, at int) int { return int(binary.NativeEndian.Uint16(b[at:])) }
