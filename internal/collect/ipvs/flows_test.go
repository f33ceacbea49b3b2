package ipvs_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/collect/ipvs"
	"fairway/internal/fact"
)

// flows is what Linux 7.2 prints: a UDP flow to a backend that is there, one to a
// backend that is gone, connections of TCP and one over IPv6.
const flows = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
UDP 0A00010B 9C40 0A000164 0202 0A000115 0202 UDP             299
UDP 0A00010B 9C41 0A000164 0202 0A000116 0202 UDP             287
TCP 0A00010B 9C42 0A000164 1F90 0A000116 1F90 ESTABLISHED     893
UDP [fd00::1] 9C40 [fd00::2] 0202 [fd00::3] 0202 UDP             299
`

func backends(addrs ...string) *fact.IPVS {
	v := &fact.IPVS{Services: make([]fact.VirtualService, 1)}
	for _, a := range addrs {
		v.Services[0].Backends = append(v.Services[0].Backends, fact.RealServer{Addr: netip.MustParseAddrPort(a + ":0")})
	}
	return v
}

func TestStranded(t *testing.T) {
	got, err := ipvs.Stranded([]byte(flows), backends("10.0.1.21", "10.0.1.23"))
	want := []fact.StrandedFlow{{Client: netip.MustParseAddrPort("10.0.1.11:40001"), Virtual: netip.MustParseAddrPort("10.0.1.100:514"),
		Backend: netip.MustParseAddrPort("10.0.1.22:514"), Left: 287 * time.Second}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if got, _ := ipvs.Stranded([]byte(flows), backends("10.0.1.21", "10.0.1.22")); len(got) != 0 {
		t.Errorf("%v lead to backends that are there", got)
	}
	if _, err := ipvs.Stranded([]byte("UDP 0A00010B 9C40 0A0\n"), backends()); err == nil {
		t.Error("a torn row is taken")
	}
}

func FuzzStranded(f *testing.F) {
	f.Add([]byte(flows))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, _ := ipvs.Stranded(b, backends("10.0.1.21")); len(got) > 64 {
			t.Errorf("%d flows", len(got))
		}
	})
}
