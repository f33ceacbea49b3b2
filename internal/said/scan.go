package said

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// scanner finds which lines hold any of some literals (Wu and Manber's way): of
// each literal one window of equal length is looked for, by its blocks of four
// bytes, from the window's end. A table says for every block how far one may jump,
// so most bytes are never looked at.
type scanner struct {
	literals []string
	// window is the length of the part of each literal that is looked for, at least
	// block; with shorter literals every line is searched for each.
	window int
	// shift is how far the window may move when this (hashed) block is at its end.
	shift [1 << hashBits]uint8
	// ends says, by the hash of a window's last block, where in candidates it stands:
	// one too many, 0 for none.
	ends       [1 << hashBits]uint16
	candidates []candidate
}

type candidate struct {
	literal string
	// before is how many bytes of the literal stand before the end of its window.
	before int
	// next is the place of another one with the same hash, one too many.
	next uint16
}

const (
	block    = 4
	hashBits = 14
	// longest is more than which a window gains nothing.
	longest = 24
)

func hash(v uint32) uint32 { return v * 0x9E3779B1 >> (32 - hashBits) }

func newScanner(literals []string) *scanner {
	s := &scanner{literals: literals, window: longest}
	for _, l := range literals {
		s.window = min(s.window, len(l))
	}
	if s.window < block {
		return s
	}
	for i := range s.shift {
		s.shift[i] = uint8(s.window - block + 1)
	}
	// Short literals have no choice of windows; longer ones take what they left.
	ordered := slices.Clone(literals)
	slices.SortStableFunc(ordered, func(a, b string) int { return len(a) - len(b) })
	for _, l := range ordered {
		s.add(l)
	}
	return s
}

// add enters the window of a literal that makes the fewest jumps shorter.
func (s *scanner) add(l string) {
	best, least := 0, 1<<30
	for at := 0; at+s.window <= len(l); at++ {
		if c := s.cost(l[at : at+s.window]); c < least {
			best, least = at, c
		}
	}
	w := l[best : best+s.window]
	for i := block; i <= len(w); i++ {
		h := hash(word(w, i))
		s.shift[h] = min(s.shift[h], uint8(len(w)-i))
	}
	h := hash(word(w, len(w)))
	s.candidates = append(s.candidates, candidate{l, best + s.window, s.ends[h]})
	s.ends[h] = uint16(len(s.candidates))
}

// cost is how much shorter all jumps together would get; a block of which text is
// full costs more.
func (s *scanner) cost(w string) int {
	sum := 0
	for i := block; i <= len(w); i++ {
		if was, now := int(s.shift[hash(word(w, i))]), len(w)-i; now < was {
			sum += (was - now) * common(w[i-block:i])
		}
	}
	return sum
}

// common guesses how often a block occurs in logs of engines.
func common(b string) int {
	n := 1
	for i := range len(b) {
		switch c := b[i]; {
		case c == ' ' || c == 'e' || c == 't' || c == 'n' || c == 'o' || c == 'r' || c == 'i' || c == 'a' || c == 's':
			n *= 3
		case c >= 'a' && c <= 'z' || c == '=' || c == '"':
			n *= 2
		}
	}
	return n
}

// word is the block of w that ends before i.
func word(w string, i int) uint32 {
	return uint32(w[i-4]) | uint32(w[i-3])<<8 | uint32(w[i-2])<<16 | uint32(w[i-1])<<24
}

// next finds the first literal in data that begins at or after from and returns
// where it begins; -1: there is none.
func (s *scanner) next(data []byte, from int) int {
	if s.window < block {
		return s.slow(data, from)
	}
	for i := from + s.window; i <= len(data); {
		h := hash(binary.LittleEndian.Uint32(data[i-block:]))
		if d := s.shift[h]; d > 0 {
			i += int(d)
			continue
		}
		if at := s.compare(data, from, i, h); at >= 0 {
			return at
		}
		i++
	}
	return -1
}

// compare looks whether a literal's window ends before i.
func (s *scanner) compare(data []byte, from, i int, h uint32) int {
	for n := s.ends[h]; n > 0; {
		c := &s.candidates[n-1]
		n = c.next
		at := i - c.before
		if at >= from && at+len(c.literal) <= len(data) && string(data[at:at+len(c.literal)]) == c.literal {
			return at
		}
	}
	return -1
}

// slow is for literals too short to jump.
func (s *scanner) slow(data []byte, from int) int {
	first := -1
	for _, l := range s.literals {
		if at := bytes.Index(data[from:], []byte(l)); at >= 0 && (first < 0 || from+at < first) {
			first = from + at
		}
	}
	return first
}

func (s *scanner) contains(text string) bool { return s.next([]byte(text), 0) >= 0 }

// lines calls each for every line with a literal in it. No literal has a line break.
func (s *scanner) lines(data []byte, each func([]byte)) {
	for from := 0; ; {
		at := s.next(data, from)
		if at < 0 {
			return
		}
		// The rest of an earlier line with a hit has been passed already.
		start := from + bytes.LastIndexByte(data[from:at], '\n') + 1
		end := len(data)
		if n := bytes.IndexByte(data[at:], '\n'); n >= 0 {
			end = at + n
		}
		each(data[start:end])
		if end == len(data) {
			return
		}
		from = end + 1
	}
}
