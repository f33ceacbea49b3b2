package textlog

import (
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxUnpacked is how much of a compressed file is read, unpacked; it is streamed,
// so this bounds time only.
const maxUnpacked = 4 << 30

// unpacker undoes one kind of compression.
type unpacker func(io.Reader) (io.ReadCloser, error)

// unpackers are the compressors that logrotate is told to use, by the ending they leave.
var unpackers = map[string]unpacker{
	".xz":  unread,
	".lz4": unread,
	".gz":  func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
	".bz2": func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil },
	".zst": func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(32<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	},
}

var errUnknown = errors.New("it is compressed in a way that fairway does not read")

func unread(io.Reader) (io.ReadCloser, error) { return nil, errUnknown }

// cutPacked cuts the ending of a compressor off.
func cutPacked(name string) (plain, ending string) {
	ext := filepath.Ext(name)
	if unpackers[ext] == nil {
		return name, ""
	}
	return strings.TrimSuffix(name, ext), ext
}

// unpacked streams the content of a file from its start.
func (f *file) unpacked() (io.ReadCloser, error) {
	in := io.NewSectionReader(f, 0, f.size)
	if f.packed == nil {
		return io.NopCloser(in), nil
	}
	var out careful
	err := safely(func() (err error) { out.r, err = f.packed(in); return err })
	if err != nil {
		return nil, err
	}
	out.left = maxUnpacked
	return &out, nil
}

// careful reads from a decompressor: it ends after a bound, and a panic is an error.
type careful struct {
	r    io.ReadCloser
	left int64
}

var errTooLong = errors.New("there is more in it than fairway unpacks")

func (c *careful) Read(b []byte) (n int, err error) {
	if c.left <= 0 {
		return 0, errTooLong
	}
	err = safely(func() (err error) { n, err = c.r.Read(b); return err })
	c.left -= int64(n)
	return n, err
}

func (c *careful) Close() error { return safely(c.r.Close) }

func safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decompressor stumbled: %v", p)
		}
	}()
	return do()
}
