package casefile

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"fairway/internal/fact"
)

// Open reads the case of that name within the default limits. A NAME.part that
// was left behind can be opened as well.
func Open(path string) (*Case, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read case: %w", err)
	}
	defer func() { _ = f.Close() }()
	c, err := Read(f, Limits{})
	if err != nil {
		return nil, fmt.Errorf("read case %s: %w", path, err)
	}
	return c, nil
}

// Read reads a case from anywhere. What is cut or damaged costs what it held, and
// is a gap of the snapshot; an error is returned when nothing of it can be used,
// when it is too large, when it takes a newer fairway, and when it is made to
// deceive.
func Read(r io.Reader, limits Limits) (*Case, error) {
	if limits.Size <= 0 {
		limits.Size = defaultSize
	}
	if limits.Parts <= 0 {
		limits.Parts = defaultParts
	}
	in := bufio.NewReader(io.LimitReader(r, limits.Size))
	if err := isCase(in); err != nil {
		return nil, err
	}
	press, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(max(limits.Size/8, 1<<20))), zstd.WithDecoderMaxMemory(uint64(limits.Size/2)))
	if err != nil {
		return nil, err
	}
	defer press.Close()
	rd := &reader{limits: limits, scale: scale{most: limits.Size}, left: limits.Size + 1, seen: map[string]*held{}}
	rd.tar = tar.NewReader(&metered{press, &rd.left})
	if err := rd.all(); err != nil {
		return nil, err
	}
	return rd.assemble()
}

// isCase tells what is no case at all.
func isCase(in *bufio.Reader) error {
	start, err := in.Peek(4)
	switch {
	case len(start) == 0 && err == io.EOF:
		return errors.New("it is empty: the fairway that began it was stopped before it had seen anything; take the case again")
	case err != nil && err != io.EOF:
		return err
	case !bytes.Equal(start, []byte{0x28, 0xb5, 0x2f, 0xfd}[:len(start)]):
		return errors.New("it is no case: it does not begin like a file that zstd compressed; name the file that `fairway collect` wrote")
	}
	return nil
}

// metered counts down what may still be read.
type metered struct {
	r    io.Reader
	left *int64
}

var errLarge = errors.New("it holds more than fairway reads")

func (m *metered) Read(b []byte) (int, error) {
	if *m.left <= 0 {
		return 0, errLarge
	}
	n, err := m.r.Read(b[:min(int64(len(b)), *m.left)])
	*m.left -= int64(n)
	return n, err
}

// held is one part after it was read.
type held struct {
	size int64
	sum  [sha256.Size]byte
	// into is what it was decoded into, a pointer; nil for a part that is not known.
	into any
	// bad says why it cannot be used; empty: it can.
	bad string
}

// reader reads the parts of one case.
type reader struct {
	limits Limits
	scale  scale
	tar    *tar.Reader
	left   int64
	head   head
	seen   map[string]*held
	files  []File
	// cut says why the parts end early.
	cut    string
	damage []string
}

func (r *reader) all() error {
	for {
		h, err := r.tar.Next()
		if err == nil {
			err = r.entry(h)
		}
		var no *refusal
		switch {
		case err == nil:
			continue
		case errors.As(err, &no):
			return no
		case errors.Is(err, errLarge):
			return fmt.Errorf("it holds more than the %d MiB that fairway reads: that is no case of a Swarm; do not trust it", r.limits.Size>>20)
		case r.head.Format == 0:
			return fmt.Errorf("it is no case, or damaged from its very start (%s); take the case again", endOr(err))
		case err != io.EOF:
			r.cut = endOr(err)
		case r.seen[manifestPart] == nil:
			r.cut = "fairway was stopped while it wrote it"
		}
		return nil
	}
}

// endOr says what ended the parts.
func endOr(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the rest of the file is missing"
	}
	return "the rest of the file cannot be read: " + fact.OneLine(err.Error())
}

// refusal is an error that ends the reading, however much was read.
type refusal struct{ why string }

func (r *refusal) Error() string { return r.why }

func refuse(format string, a ...any) error { return &refusal{fmt.Sprintf(format, a...)} }

// entry reads one entry of the archive.
func (r *reader) entry(h *tar.Header) error {
	name := strings.TrimPrefix(h.Name, "./")
	shown := fact.Quoted(fact.OneLine(name))
	switch {
	case len(r.seen) >= r.limits.Parts:
		return refuse("it has more than the %d parts that fairway reads: that is no case of a Swarm; do not trust it", r.limits.Parts)
	case h.Typeflag == tar.TypeDir:
		name = strings.TrimSuffix(name, "/")
		if name == "" || name == "." {
			return nil
		}
	case h.Typeflag != tar.TypeReg || len(h.PAXRecords) > 0 && sparse(h):
		return refuse("its part %s is a link or a device, which fairway never writes: do not trust it, and do not unpack it", shown)
	}
	if !harmless(name) {
		return refuse("its part %s would lead out of the folder it is unpacked in, which fairway never writes: do not trust it, and do not unpack it", shown)
	}
	if r.seen[name] != nil {
		return refuse("it holds %s twice, which fairway never writes: do not trust it", shown)
	}
	if h.Size > r.limits.Size {
		return refuse("its part %s claims to hold %d MiB, more than fairway reads: do not trust it", shown, h.Size>>20)
	}
	if r.head.Format == 0 && name != formatPart {
		return refuse("it is no case of fairway: it begins with %s and not with %s", shown, formatPart)
	}
	return r.part(name, h.Size)
}

// sparse files claim to be longer than they are.
func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse") {
			return true
		}
	}
	return false
}

// harmless names stay below the folder they are unpacked in.
func harmless(name string) bool {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, "\\\x00:") {
		return false
	}
	for s := range strings.SplitSeq(name, "/") {
		if s == "" || s == "." || s == ".." {
			return false
		}
	}
	return true
}

// part reads one part to its end and decodes it if it is known. A part that is
// damaged costs itself; one that costs too much memory ends the reading.
func (r *reader) part(name string, size int64) error {
	p := &held{into: target(name)}
	sum := sha256.New()
	var data []byte
	var err error
	switch {
	case p.into == nil:
		p.size, err = io.Copy(sum, r.tar)
	case size > r.limits.Size/8:
		return refuse("its part %s holds %d MiB, more than fairway reads of one: do not trust it", name, size>>20)
	default:
		data, err = io.ReadAll(r.tar)
		p.size = int64(len(data))
		sum.Write(data)
	}
	if err != nil {
		return err
	}
	sum.Sum(p.sum[:0])
	r.seen[name] = p
	r.files = append(r.files, File{Name: fact.OneLine(name), Size: p.size, Known: p.into != nil})
	if p.into == nil {
		return nil
	}
	err = r.decode(name, data, p.into)
	switch {
	case errors.Is(err, errHeavy):
		return refuse("its part %s would take more memory than the %d MiB that fairway gives a case: do not trust it", name, r.limits.Size>>20)
	case name == formatPart:
		return r.opened(err)
	case err != nil:
		p.bad = fact.OneLine(err.Error())
	}
	return nil
}

func (r *reader) decode(name string, data []byte, into any) error {
	lines, ok := into.(*[]fact.LogLine)
	if !ok {
		return r.scale.decode(data, into)
	}
	const line = 64 // bytes of a fact.LogLine
	r.scale.weight += textWeight(data) + line*int64(bytes.Count(data, []byte{'\n'})+1)
	if r.scale.weight > r.scale.most {
		return errHeavy
	}
	var err error
	*lines, err = readLog(data)
	return err
}
