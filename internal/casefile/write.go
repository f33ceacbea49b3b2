package casefile

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"fairway/internal/fact"
)

// Write writes a snapshot with the looks before it as a case. The same snapshot
// gives the same bytes.
func Write(w io.Writer, tool string, s *fact.Snapshot) error {
	out := &stream{to: w, tool: tool}
	if err := out.looks(s); err != nil {
		return err
	}
	return out.close()
}

// looks writes a snapshot after the looks before it.
func (s *stream) looks(last *fact.Snapshot) error {
	var all []*fact.Snapshot
	for l := last; l != nil; l = l.Earlier {
		all = append([]*fact.Snapshot{l}, all...)
	}
	for i, l := range all {
		if err := s.look(i+1, l); err != nil {
			return err
		}
	}
	return nil
}

// stream writes the parts of a case into a writer.
type stream struct {
	to   io.Writer
	tool string
	// press and tar are nil until the first look is there: its size decides how far
	// back the compression looks.
	press *zstd.Encoder
	tar   *tar.Writer
	taken time.Time
	done  manifest
}

// piece is a part before it is written.
type piece struct {
	name string
	data []byte
}

// look writes the parts of one look, and has them reach the writer.
func (s *stream) look(i int, snap *fact.Snapshot) error {
	pieces, err := lookPieces(fmt.Sprintf("look-%d/", i), snap)
	if err != nil {
		return err
	}
	if s.tar == nil {
		if err := s.begin(snap, pieces); err != nil {
			return err
		}
	}
	for _, p := range pieces {
		if err := s.part(p); err != nil {
			return err
		}
	}
	if err := s.tar.Flush(); err != nil {
		return err
	}
	return s.press.Flush()
}

func (s *stream) begin(snap *fact.Snapshot, pieces []piece) error {
	size := 0
	for _, p := range pieces {
		size += len(p.data) + 1024
	}
	var err error
	s.press, err = zstd.NewWriter(s.to, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(window(size)))
	if err != nil {
		return err
	}
	s.tar, s.taken = tar.NewWriter(s.press), snap.Taken
	p, err := encode(formatPart, head{Format: Format, Needs: needs[Format], Tool: s.tool, Taken: snap.Taken})
	if err != nil {
		return err
	}
	return s.part(p)
}

// window is how far back the compression looks: over two looks, for the second
// repeats most of the first. Readers need as much memory.
func window(look int) int {
	const least, most = 256 << 10, 64 << 20
	w := least
	for w < most && w < 2*look+look/2 {
		w *= 2
	}
	return w
}

func (s *stream) part(p piece) error {
	h := &tar.Header{Name: p.name, Mode: 0o600, Size: int64(len(p.data)), ModTime: stamp(s.taken), Format: tar.FormatUSTAR}
	if err := s.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write part %s: %w", p.name, err)
	}
	if _, err := s.tar.Write(p.data); err != nil {
		return fmt.Errorf("write part %s: %w", p.name, err)
	}
	sum := sha256.Sum256(p.data)
	s.done.Parts = append(s.done.Parts, listed{Name: p.name, Size: int64(len(p.data)), SHA256: hex.EncodeToString(sum[:])})
	return nil
}

// stamp is a time as tar can hold it.
func stamp(t time.Time) time.Time {
	if t.Unix() < 0 || t.Year() > 2200 {
		return time.Unix(0, 0)
	}
	return t.Truncate(time.Second)
}

func (s *stream) close() error {
	if s.tar == nil {
		return fmt.Errorf("write case: no look was taken")
	}
	p, err := encode(manifestPart, s.done)
	if err != nil {
		return err
	}
	if err := s.part(p); err != nil {
		return err
	}
	if err := s.tar.Close(); err != nil {
		return err
	}
	return s.press.Close()
}

// lookPieces are the parts of one look: what is small and says most comes first.
func lookPieces(under string, s *fact.Snapshot) ([]piece, error) {
	first := lookPart{Snapshot: *s}
	first.Wanted, first.Earlier = nil, nil
	if s.Nodes != nil {
		first.Nodes = make([]fact.Node, len(s.Nodes))
	}
	pieces := make([]piece, 1, 2+3*len(s.Nodes))
	add := func(name string, v any) error {
		p, err := encode(under+name, v)
		pieces, first.Parts = append(pieces, p), append(first.Parts, name)
		return err
	}
	if s.Wanted != nil {
		if err := add("wanted.json", s.Wanted); err != nil {
			return nil, err
		}
	}
	for i := range s.Nodes {
		n := s.Nodes[i]
		dir := folder(i, n.Name)
		if err := addNode(add, dir, &n); err != nil {
			return nil, err
		}
		if n.Said != nil {
			name := dir + "log.txt"
			pieces, first.Parts = append(pieces, piece{under + name, logText(n.Said.Lines)}), append(first.Parts, name)
		}
		n.Engine, n.Kernel, n.Said = nil, nil, nil
		first.Nodes[i] = n
	}
	var err error
	pieces[0], err = encode(under+"snapshot.json", first)
	return pieces, err
}

func addNode(add func(string, any) error, dir string, n *fact.Node) error {
	if n.Engine != nil {
		if err := add(dir+"engine.json", n.Engine); err != nil {
			return err
		}
	}
	if n.Kernel != nil {
		if err := add(dir+"kernel.json", n.Kernel); err != nil {
			return err
		}
	}
	if n.Said == nil {
		return nil
	}
	said := *n.Said
	if len(said.Lines) > 0 { // they are log.txt
		said.Lines = said.Lines[:0]
	}
	return add(dir+"said.json", said)
}

// folder is where the parts of the node of that place in the list are. The name
// is for people; readers go by the number.
func folder(i int, name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	return fmt.Sprintf("nodes/%03d-%.40s/", i+1, name)
}

// encode is a part in JSON. An address that was never valid has no form that
// can be read again.
func encode(name string, v any) (piece, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return piece{}, fmt.Errorf("write part %s: %w", name, err)
	}
	data := b.Bytes()
	for _, no := range []string{`"invalid Prefix"`, `"invalid AddrPort"`} {
		data = bytes.ReplaceAll(data, []byte(no), []byte(`""`))
	}
	return piece{name, data}, nil
}
