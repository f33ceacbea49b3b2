package ipvs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"fairway/internal/fact"
)

// maxStranded bounds what is kept: one flow tells as much as a thousand.
const maxStranded = 64

var errFlow = errors.New("not a row of IPVS's connections")

// Stranded reads /proc/net/ip_vs_conn and returns the UDP flows over IPv4 whose
// backend no service has, sorted, at most 64. Its rows are "UDP 0A000103 9C40
// 0A000064 0202 0A000016 0202 UDP 287" (Linux, all versions): client, virtual
// address, backend, each in hexadecimal, state, seconds left.
func Stranded(table []byte, v *fact.IPVS) ([]fact.StrandedFlow, error) {
	known := map[netip.Addr]bool{}
	for i := range v.Services {
		for j := range v.Services[i].Backends {
			known[v.Services[i].Backends[j].Addr.Addr()] = true
		}
	}
	var out []fact.StrandedFlow
	for line := range bytes.Lines(table) {
		f := bytes.Fields(line)
		if len(f) == 0 || string(f[0]) != "UDP" || len(f) > 1 && len(f[1]) != 8 {
			continue // the heading, TCP, IPv6
		}
		flow, err := flowOf(f)
		if err != nil {
			return out, err
		}
		if !known[flow.Backend.Addr()] {
			out = append(out, flow)
		}
		if len(out) > 4*maxStranded {
			break
		}
	}
	slices.SortFunc(out, func(a, b fact.StrandedFlow) int {
		if n := a.Client.Compare(b.Client); n != 0 {
			return n
		}
		return a.Virtual.Compare(b.Virtual)
	})
	return out[:min(len(out), maxStranded)], nil
}

func flowOf(f [][]byte) (fact.StrandedFlow, error) {
	var ends [3]netip.AddrPort
	if len(f) < 9 {
		return fact.StrandedFlow{}, fmt.Errorf("%w: %d words", errFlow, len(f))
	}
	for i := range ends {
		addr, err := hex.DecodeString(string(f[1+2*i]))
		port, bad := strconv.ParseUint(string(f[2+2*i]), 16, 16)
		if err != nil || bad != nil || len(addr) != 4 {
			return fact.StrandedFlow{}, fmt.Errorf("%w: end %d", errFlow, i+1)
		}
		ends[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte(addr)), uint16(port))
	}
	left, err := strconv.ParseUint(string(f[8]), 10, 31)
	if err != nil {
		return fact.StrandedFlow{}, fmt.Errorf("%w: time left", errFlow)
	}
	return fact.StrandedFlow{Client: ends[0], Virtual: ends[1], Backend: ends[2], Left: time.Duration(left) * time.Second}, nil
}
