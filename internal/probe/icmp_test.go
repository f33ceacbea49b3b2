package probe

import (
	"encoding/binary"
	"testing"
)

var testToken = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}

// echoed turns a request into the packet its reply would be.
func echoed(request []byte, options int) []byte {
	b := make([]byte, ipHeader+options, ipHeader+options+len(request))
	b[0] = 4<<4 | byte((ipHeader+options)/4)
	b = append(b, request...)
	b[ipHeader+options] = 0
	return b
}

func TestEchoRoundTrip(t *testing.T) {
	for _, size := range []int{smallest, 69, 575, 1450, largest} {
		request := echoRequest(7, 9, size, testToken)
		if checksum(request) != 0 {
			t.Errorf("size %d: bad checksum", size)
		}
		if len(request)+ipHeader != size {
			t.Errorf("size %d: made a packet of %d", size, len(request)+ipHeader)
		}
		for _, options := range []int{0, 8} {
			if seq, got, ok := echoReply(echoed(request, options), 7, testToken); !ok || seq != 9 || got != size {
				t.Errorf("size %d, options %d: got %d %d %v", size, options, seq, got, ok)
			}
		}
	}
}

func TestEchoReplyRefusesWhatIsNotOurs(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"another id":        func(b []byte) []byte { b[25]++; return b },
		"a request":         func(b []byte) []byte { b[20] = 8; return b },
		"another code":      func(b []byte) []byte { b[21] = 1; return b },
		"IPv6":              func(b []byte) []byte { b[0] = 0x60; return b },
		"header too short":  func(b []byte) []byte { b[0] = 0x41; return b },
		"header past end":   func(b []byte) []byte { b[0] = 0x4f; return b[:40] },
		"another token":     func(b []byte) []byte { b[30]++; return b },
		"spoilt at the end": func(b []byte) []byte { b[len(b)-1]++; return b },
	} {
		b := spoil(echoed(echoRequest(7, 9, 101, testToken), 0))
		if _, _, ok := echoReply(b, 7, testToken); ok {
			t.Errorf("%s: taken", name)
		}
	}
	if _, size, _ := echoReply(echoed(echoRequest(7, 9, 100, testToken), 0)[:80], 7, testToken); size == 100 {
		t.Error("a reply cut short passes for a whole one")
	}
}

func FuzzEchoReply(f *testing.F) {
	f.Add(echoed(echoRequest(7, 9, 100, testToken), 0))
	f.Add(echoed(echoRequest(7, 9, 69, testToken), 40))
	f.Add([]byte{0x45})
	f.Fuzz(func(t *testing.T, b []byte) {
		seq, size, ok := echoReply(b, 7, testToken)
		if !ok {
			return
		}
		again := echoRequest(7, seq, size, testToken)
		reply := b[len(b)-len(again):]
		if binary.BigEndian.Uint16(reply[4:]) != 7 || string(reply[8:]) != string(again[8:]) {
			t.Errorf("took %x for the reply to %x", b, again)
		}
	})
}
