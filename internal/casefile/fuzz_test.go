package casefile_test

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"

	"fairway/internal/casefile"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// small keeps one input of a fuzz target quick.
var small = casefile.Limits{Size: 4 << 20, Parts: 100}

// FuzzRead reads any bytes as a case.
func FuzzRead(f *testing.F) {
	raw := written(f, little())
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 1, 2, 0, 0})
	f.Fuzz(func(_ *testing.T, raw []byte) {
		_, _ = casefile.Read(bytes.NewReader(raw), small)
	})
}

// FuzzArchive reads any bytes that were compressed well.
func FuzzArchive(f *testing.F) {
	press := presser(f)
	f.Add([]byte("format.json"))
	f.Add(archived(f, unpacked(f, written(f, little()))...))
	f.Fuzz(func(_ *testing.T, plain []byte) {
		_, _ = casefile.Read(bytes.NewReader(press.EncodeAll(plain, nil)), small)
	})
}

// FuzzParts reads a case whose parts hold anything.
func FuzzParts(f *testing.F) {
	press := presser(f)
	list := unpacked(f, written(f, little()))
	for i, e := range list {
		f.Add(uint8(i), []byte(e.data))
	}
	f.Add(uint8(1), []byte(`{"Parts":["nodes/001-n1/engine.json","x"],"Nodes":[{},{"Name":"a"}],"Earlier":{}}`))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		parts := append([]entry(nil), list...)
		set(&parts[int(which)%len(parts)], string(data))
		_, _ = casefile.Read(bytes.NewReader(press.EncodeAll(archived(t, sealed(t, parts...)...), nil)), small)
	})
}

func presser(f *testing.F) *zstd.Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10), zstd.WithEncoderConcurrency(1))
	must(f, err)
	return z
}

// little is a snapshot with one of each, so that inputs are short.
func little() *fact.Snapshot {
	s := facttest.OneNode()
	n := &s.Nodes[0]
	n.Kernel.Namespaces, n.Engine.Networks, n.Engine.Containers = n.Kernel.Namespaces[:1], n.Engine.Networks[:1], n.Engine.Containers[:1]
	ns := &n.Kernel.Namespaces[0]
	ns.Sysctls, ns.Counters, ns.Netfilter = ns.Sysctls[:1], ns.Counters[:1], nil
	n.Said = &fact.Said{Lines: []fact.LogLine{{At: facttest.Taken, From: fact.FromEngine, Text: "hi"}}}
	s.Wanted.Tasks, s.Wanted.Services, s.Seen = s.Wanted.Tasks[:1], s.Wanted.Services[:1], fact.Seen{}
	return s
}
