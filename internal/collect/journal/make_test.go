package journal

import (
	"bytes"
	"slices"
	"strconv"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// maker writes small journals, for fuzzing and to damage on purpose: systemd's
// have 8 MiB at least.
type maker struct {
	flags uint32
	b     []byte
	data  map[string]uint64
	// lists are the entries of each data object.
	lists map[uint64][]uint64
	all   []uint64
	tail  uint64
	times []uint64
}

const (
	madeHeader = 272
	madePlaces = 17
)

// small is a journal of entries, written with those flags; packed fields are those
// of 100 bytes and more.
func small(t testing.TB, flags uint32, all []fields) []byte {
	m := &maker{flags: flags, b: make([]byte, madeHeader), data: map[string]uint64{}, lists: map[uint64][]uint64{}}
	copy(m.b, "LPKSHHRH")
	copy(m.b[24:], "the id of a file")
	m.object(kindDataTable, 0, make([]byte, madePlaces*16))
	for _, f := range all {
		m.entry(t, f)
	}
	for off, list := range m.lists {
		le.PutUint64(m.b[off+40:], list[0])
		le.PutUint64(m.b[off+56:], uint64(len(list)))
		first := m.chain(list[1:])
		le.PutUint64(m.b[off+48:], first)
	}
	first := m.chain(m.all)
	le.PutUint32(m.b[12:], flags)
	for at, v := range map[int]uint64{88: madeHeader, 96: uint64(len(m.b) - madeHeader), 104: madeHeader + objectLen, 112: madePlaces * 16, 136: m.tail,
		152: uint64(len(m.all)), 176: first, 184: slices.Min(m.times), 192: slices.Max(m.times)} {
		le.PutUint64(m.b[at:], v)
	}
	return m.b
}

// object adds one and returns its place.
func (m *maker) object(kind, flags byte, body []byte) uint64 {
	m.tail = uint64(len(m.b))
	m.b = append(m.b, kind, flags, 0, 0, 0, 0, 0, 0)
	m.b = le.AppendUint64(m.b, uint64(objectLen+len(body)))
	m.b = append(m.b, body...)
	m.b = append(m.b, make([]byte, -len(m.b)&7)...)
	return m.tail
}

func (m *maker) field(t testing.TB, text string) uint64 {
	if off := m.data[text]; off != 0 {
		return off
	}
	hash := jenkins([]byte(text))
	if m.flags&flagKeyed != 0 {
		hash = siphash([16]byte(m.b[24:]), []byte(text))
	}
	how, stored := packed(t, m.flags, text)
	body := le.AppendUint64(nil, hash)
	body = append(body, make([]byte, 40)...)
	if m.flags&flagCompact != 0 {
		body = append(body, make([]byte, 8)...)
	}
	off := m.object(kindData, how, append(body, stored...))
	place := madeHeader + objectLen + hash%madePlaces*16
	if last := le.Uint64(m.b[place+8:]); last != 0 {
		le.PutUint64(m.b[last+24:], off)
	} else {
		le.PutUint64(m.b[place:], off)
	}
	le.PutUint64(m.b[place+8:], off)
	m.data[text] = off
	return off
}

func packed(t testing.TB, flags uint32, text string) (byte, []byte) {
	if len(text) < 100 {
		return 0, []byte(text)
	}
	switch {
	case flags&flagLZ4 != 0:
		return packedLZ4, packLZ4(t, text)
	case flags&flagZstd != 0:
		z, _ := zstd.NewWriter(nil)
		return packedZstd, z.EncodeAll([]byte(text), nil)
	case flags&flagXZ != 0:
		var out bytes.Buffer
		w, err := xz.WriterConfig{DictCap: 1 << 16}.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
		w.Close()
		return packedXZ, out.Bytes()
	}
	return 0, []byte(text)
}

func packLZ4(t testing.TB, text string) []byte {
	out := make([]byte, 8+lz4.CompressBlockBound(len(text)))
	le.PutUint64(out, uint64(len(text)))
	n, err := lz4.CompressBlock([]byte(text), out[8:], nil)
	if err != nil || n == 0 {
		t.Fatalf("pack %d bytes: %d, %v", len(text), n, err)
	}
	return out[:8+n]
}

func (m *maker) entry(t testing.TB, f fields) {
	var offs []uint64
	var at, xor uint64
	for _, kv := range f {
		if kv[0] == "__REALTIME_TIMESTAMP" {
			at, _ = strconv.ParseUint(kv[1], 10, 64)
		}
		if kv[0][:2] != "__" {
			offs = append(offs, m.field(t, kv[0]+"="+kv[1]))
			xor ^= jenkins([]byte(kv[0] + "=" + kv[1]))
		}
	}
	body := le.AppendUint64(nil, uint64(len(m.all)+1))
	body = le.AppendUint64(body, at)
	body = le.AppendUint64(body, at)
	body = append(body, "the id of a boot"...)
	body = le.AppendUint64(body, xor)
	for _, off := range offs {
		if m.flags&flagCompact != 0 {
			body = le.AppendUint32(body, uint32(off))
			continue
		}
		body = le.AppendUint64(le.AppendUint64(body, off), 0)
	}
	off := m.object(kindEntry, 0, body)
	for _, d := range offs {
		m.lists[d] = append(m.lists[d], off)
	}
	m.all, m.times = append(m.all, off), append(m.times, at)
}

// chain writes arrays of 4, 8, 16 … entries and returns the first's place.
func (m *maker) chain(list []uint64) uint64 {
	first, last := uint64(0), uint64(0)
	for n := 4; len(list) > 0; n *= 2 {
		body := make([]byte, 8)
		for i := range n {
			off := uint64(0)
			if i < len(list) {
				off = list[i]
			}
			if m.flags&flagCompact != 0 {
				body = le.AppendUint32(body, uint32(off))
			} else {
				body = le.AppendUint64(body, off)
			}
		}
		list = list[min(n, len(list)):]
		off := m.object(kindArray, 0, body)
		if last != 0 {
			le.PutUint64(m.b[last+16:], off)
		}
		if first == 0 {
			first = off
		}
		last = off
	}
	return first
}
