package ipvs

import (
	"bytes"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
)

// tape answers questions from a recording: netlink messages one after the other,
// each question followed by what the kernel answered.
type tape struct {
	t    *testing.T
	left []syscall.NetlinkMessage
}

func play(t *testing.T, name string) *tape {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	list, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	return &tape{t, list}
}

func (p *tape) Execute(q netlink.Message) ([]netlink.Message, error) {
	if len(p.left) == 0 || p.left[0].Header.Flags != uint16(q.Header.Flags) || !bytes.Equal(p.left[0].Data, q.Data) {
		p.t.Fatalf("question % x (flags %v) was not asked when this was recorded", q.Data, q.Header.Flags)
	}
	p.left = p.left[1:]
	var out []netlink.Message
	for len(p.left) > 0 && p.left[0].Header.Flags&uint16(netlink.Request) == 0 {
		m := p.left[0]
		p.left = p.left[1:]
		if m.Header.Type == syscall.NLMSG_ERROR {
			return nil, syscall.EPERM
		}
		out = append(out, netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(m.Header.Type)}, Data: m.Data})
	}
	return out, nil
}

// TestRecorded reads what Linux 6.1 answered (little-endian) about the services
// that testdata/services.txt, in ipvsadm's words, had made.
func TestRecorded(t *testing.T) {
	p := play(t, "services.bin")
	family, err := Family(p)
	if err != nil || family == 0 {
		t.Fatalf("family %d, %v", family, err)
	}
	v, err := Read(p, family)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/services.txt")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sorted(string(want)), sorted(saved(v))); d != "" {
		t.Error(d)
	}
	if v.Version != "1.2.1" || v.TCPTimeout.Seconds() != 900 || v.TCPFinTimeout.Seconds() != 120 || v.UDPTimeout.Seconds() != 300 {
		t.Errorf("version %s, timeouts %v %v %v", v.Version, v.TCPTimeout, v.TCPFinTimeout, v.UDPTimeout)
	}
	if len(p.left) != 0 {
		t.Errorf("%d messages were not asked for", len(p.left))
	}
}

// asker answers every question the same.
type asker func(netlink.Message) ([]netlink.Message, error)

func (a asker) Execute(q netlink.Message) ([]netlink.Message, error) { return a(q) }

func TestRefused(t *testing.T) {
	refuse := asker(func(netlink.Message) ([]netlink.Message, error) { return nil, os.ErrPermission })
	if v, err := Read(refuse, 33); v != nil || !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := Family(refuse); !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v", err)
	}
	none := asker(func(netlink.Message) ([]netlink.Message, error) { return nil, nil })
	if id, err := Family(none); id != 0 || err != nil {
		t.Errorf("family %d of a kernel without it, %v", id, err)
	}
	if v, err := Read(none, 33); v != nil || !errors.Is(err, ErrAnswer) {
		t.Errorf("%v, %v", v, err)
	}
}

// TestTorn has another service in every list.
func TestTorn(t *testing.T) {
	mark := byte(0)
	c := asker(func(q netlink.Message) ([]netlink.Message, error) {
		switch q.Data[0] {
		case cmdGetService:
			mark++
			e := netlink.NewAttributeEncoder()
			e.Nested(attrService, func(n *netlink.AttributeEncoder) error {
				n.Uint16(svcFamily, familyInet)
				n.Uint32(svcMark, uint32(mark))
				return nil
			})
			b, err := e.Encode()
			return []netlink.Message{{Data: append(make([]byte, genlHeaderLen), b...)}}, err
		case cmdGetDest:
			return nil, nil
		}
		return []netlink.Message{{Data: make([]byte, genlHeaderLen)}}, nil
	})
	v, err := Read(c, 33)
	if !errors.Is(err, ErrTorn) || v == nil || len(v.Services) != 1 || mark != 2*tries {
		t.Errorf("%+v, %v after %d lists", v, err, mark)
	}
}

// FuzzAnswers: whatever comes back, reading it ends without a panic.
func FuzzAnswers(f *testing.F) {
	if b, err := os.ReadFile("testdata/services.bin"); err == nil {
		list, _ := syscall.ParseNetlinkMessage(b)
		for _, m := range list {
			f.Add(m.Data)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list := []netlink.Message{{Data: b}}
		_, _ = familyID(list)
		if found, err := services(list); err == nil {
			for i := range found {
				if _, err := name(&found[i]); err != nil {
					t.Errorf("%+v cannot be asked about: %v", found[i], err)
				}
			}
		}
		for _, of := range []string{"ip", "ip6"} {
			_, _ = backends(list, of)
		}
		c := asker(func(netlink.Message) ([]netlink.Message, error) { return list, nil })
		_, _ = Read(c, 33)
	})
}
