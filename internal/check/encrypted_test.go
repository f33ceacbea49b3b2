package check_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestDatagramsSayNothingOfESP: a pair that is dead on an encrypted network is
// not called fine because datagrams pass, nor dead for VXLAN's port because they
// do not.
func TestDatagramsSayNothingOfESP(t *testing.T) {
	for name, c := range map[string]struct {
		wire, host int
		blind      bool
	}{
		"they arrive":                 {3, 3, true},
		"they get lost":               {0, 0, true},
		"the peer's own host has one": {3, 0, false},
	} {
		for _, secret := range []bool{true, false} {
			s := facttest.Healthy()
			if secret {
				encrypt(s)
			}
			loseVXLAN(s, 1, 3)
			for _, p := range [][2]int{{1, 3}, {3, 1}} {
				small(s, p[0], p[1], c.wire, c.host)
			}
			a := answerOf(t, s, "underlay-vxlan-udp-blocked")
			if said := strings.Contains(a.Reason, "ESP"); said != (secret && c.blind) {
				t.Errorf("%s, encrypted %t: %+v", name, secret, a)
			}
			if want := map[bool]check.Answer{true: check.Unknown, false: check.Failed}[secret && c.blind]; a.Answer != want && name != "they arrive" {
				t.Errorf("%s, encrypted %t: %s, want %s", name, secret, a.Answer, want)
			}
		}
	}
}

// small adds what became of three of the smallest datagrams from node i to k.
func small(s *fact.Snapshot, i, k, wire, host int) {
	p := fact.DataPathProbe{Node: facttest.NodeOf(s, i).Name, Peer: facttest.Node(k), Target: netip.AddrPortFrom(facttest.VTEP(k), 4789),
		VNI: 0xFFFFF0, Size: expect.DataPathSmall, Sent: 3, Wire: wire, Host: host, Counted: true}
	s.Seen.DataPath = append(s.Seen.DataPath, p)
}

func answerOf(t *testing.T, s *fact.Snapshot, id string) check.CheckAnswer {
	t.Helper()
	for _, a := range run(t, s).Checks {
		if a.ID == id {
			return a
		}
	}
	t.Fatalf("no answer of %s", id)
	return check.CheckAnswer{}
}

// TestEncryptedLadder: datagrams that pass in full size say nothing of packets
// that ESP makes larger.
func TestEncryptedLadder(t *testing.T) {
	s := facttest.Healthy()
	encrypt(s)
	for i := range s.Seen.MTU {
		if m := &s.Seen.MTU[i]; m.From.Node == "n1" && m.To == facttest.Api(3) {
			m.Passed, m.Failed = 1300, 1301
		}
	}
	for _, p := range [][2]int{{1, 3}, {3, 1}} {
		small(s, p[0], p[1], 3, 3)
		full := s.Seen.DataPath[len(s.Seen.DataPath)-1]
		full.Size = 1500
		s.Seen.DataPath = append(s.Seen.DataPath, full)
	}
	if a := answerOf(t, s, "underlay-mtu-blackhole"); a.Answer != check.Failed {
		t.Errorf("%+v", a)
	}
}
