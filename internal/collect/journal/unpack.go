package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// How a field is packed: flags of its object.
const (
	packedXZ = 1 << iota
	packedLZ4
	packedZstd
	packedAny = packedXZ | packedLZ4 | packedZstd
)

const (
	// maxPacked is how long a packed field may be in the file, maxPlain unpacked; xz
	// is slow, and stops at maxCut. A line of dockerd has at most 48 KiB (journald's
	// LineMax), but a core dump is a field too.
	maxPacked = 1 << 20
	maxPlain  = 4 << 20
	maxCut    = maxMessage + 1<<10
)

var errBig = errors.New("too large")

// unpacker unpacks fields, one at a time. Its zero value is ready.
type unpacker struct {
	out []byte
	// cut says that out is only its start.
	cut bool
	// of and off are whose field out is.
	of   *file
	off  uint64
	zstd *zstd.Decoder
	// spent is how many bytes were taken in and given out.
	spent int64
}

// unpack returns the field, valid until the next call. The libraries read what
// others wrote: their panic is damage, not our end.
func (u *unpacker) unpack(how byte, b []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("unpack: %v", p)
		}
	}()
	if u.spent > maxSpent {
		return nil, errSpent
	}
	u.cut = false
	u.spent += int64(len(b))
	switch how {
	case packedXZ:
		err = u.xz(b)
	case packedLZ4:
		err = u.lz4(b)
	case packedZstd:
		err = u.zst(b)
	default:
		err = fmt.Errorf("flags %#x", how)
	}
	u.spent += int64(len(u.out))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return u.out, nil
}

// room makes out n bytes long.
func (u *unpacker) room(n int) {
	if cap(u.out) < n {
		u.out = make([]byte, n)
	}
	u.out = u.out[:n]
}

// lz4 unpacks one block; its plain size stands before it.
func (u *unpacker) lz4(b []byte) error {
	u.out = u.out[:0]
	if len(b) < 8 {
		return io.ErrUnexpectedEOF
	}
	n := le.Uint64(b)
	// A byte of a block stands for at most 255.
	if n > maxPlain || n > 255*uint64(len(b)) {
		return errBig
	}
	u.room(int(n))
	got, err := lz4.UncompressBlock(b[8:], u.out)
	if err == nil && got != int(n) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (u *unpacker) zst(b []byte) error {
	u.out = u.out[:0]
	if u.zstd == nil {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxPlain),
			zstd.WithDecoderMaxWindow(maxPlain*2))
		if err != nil {
			return err
		}
		u.zstd = z
	}
	out, err := u.zstd.DecodeAll(b, u.out)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return errBig
	}
	if err == nil {
		u.out = out
	}
	return err
}

// xz unpacks the one block that journald writes, without the library's reader of
// the file format: that one takes as much memory as the file asks for (4 GiB).
func (u *unpacker) xz(b []byte) error {
	u.out = u.out[:0]
	dict, b, err := xzBlock(b)
	if err != nil {
		return err
	}
	z, err := lzma.Reader2Config{DictCap: dict}.NewReader2(bytes.NewReader(b))
	if err != nil {
		return err
	}
	out := bytes.NewBuffer(u.out)
	n, err := out.ReadFrom(io.LimitReader(z, maxCut))
	u.out, u.cut = out.Bytes(), n == maxCut
	return err
}

// xzBlock finds the LZMA2 data of the first block, and how large its dictionary is
// (The .xz File Format 1.2.1, 2.1.1 and 3.1).
func xzBlock(b []byte) (dict int, rest []byte, err error) {
	const stream = 12
	if len(b) < stream+12 || string(b[:6]) != "\xfd7zXZ\x00" {
		return 0, nil, errors.New("this is no xz")
	}
	b = b[stream:]
	size := (int(b[0]) + 1) * 4
	if len(b) < size {
		return 0, nil, io.ErrUnexpectedEOF
	}
	// One filter; the sizes before it are not needed.
	filter := b[2:size]
	for range bits.OnesCount8(b[1] & 0xc0) {
		_, n := binary.Uvarint(filter)
		filter = filter[max(n, 0):]
	}
	if b[1]&0x3f != 0 || len(filter) < 3 || filter[0] != 0x21 || filter[1] != 1 {
		return 0, nil, errors.New("an xz block of another kind than journald's")
	}
	c, err := lzma.DecodeDictCap(filter[2])
	if err != nil {
		return 0, nil, err
	}
	if c > 2*maxPlain {
		return 0, nil, errBig
	}
	return int(max(c, lzma.MinDictCap)), b[size:], nil
}
