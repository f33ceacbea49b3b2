package ipvs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"

	"fairway/internal/fact"
)

// Asker puts a question to the kernel and returns the whole answer, as
// netlink.Conn does.
type Asker interface {
	Execute(netlink.Message) ([]netlink.Message, error)
}

// Family returns the number that this kernel gave IPVS, the same in every
// namespace until it boots again; 0 when it has none loaded. It asks for all
// families: asking for one by name would load its module.
func Family(c Asker) (uint16, error) {
	list, err := c.Execute(request(controller, ctrlGetFamily, true, nil))
	if err != nil {
		return 0, fmt.Errorf("list the kernel's netlink families: %w", err)
	}
	return familyID(list)
}

const (
	// tries is how often services are read until they stay the same meanwhile.
	tries = 4
	// maxServices bounds what is read; a busy node has some hundreds.
	maxServices = 4096
)

// ErrTorn says that services came and went while they were read, so some may be
// missing.
var ErrTorn = errors.New("the kernel's virtual services kept changing while they were read")

// Read asks for everything, through a socket of the namespace in question. The
// answer is sorted. The kernel wants NET_ADMIN for it, and refuses with an error
// that wraps fs.ErrPermission. With ErrTorn it returns what it got.
func Read(c Asker, family uint16) (*fact.IPVS, error) {
	v := &fact.IPVS{}
	for _, q := range []struct {
		cmd  byte
		what string
		read func([]netlink.Message, *fact.IPVS) error
	}{{cmdGetInfo, "version", info}, {cmdGetConfig, "timeouts", config}} {
		list, err := c.Execute(request(family, q.cmd, false, nil))
		if err == nil {
			err = q.read(list, v)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.what, err)
		}
	}
	var err error
	v.Services, err = all(c, family)
	if err != nil && !errors.Is(err, ErrTorn) {
		return nil, err
	}
	return v, err
}

// all reads the services with their backends. A service that ends meanwhile
// would look like one without backends, so the list must be the same afterwards.
func all(c Asker, family uint16) ([]fact.VirtualService, error) {
	for try := 1; ; try++ {
		found, err := list(c, family)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if found[i].Backends, err = ask(c, family, &found[i]); err != nil {
				return nil, err
			}
		}
		if len(found) == 0 {
			return nil, nil
		}
		again, err := list(c, family)
		switch {
		case err != nil:
			return nil, err
		case slices.EqualFunc(found, again, func(a, b fact.VirtualService) bool { return order(&a, &b) == 0 }):
			return found, nil
		case try == tries:
			return found, ErrTorn
		}
	}
}

// list reads the services without their backends.
func list(c Asker, family uint16) ([]fact.VirtualService, error) {
	answer, err := c.Execute(request(family, cmdGetService, true, nil))
	if err != nil {
		return nil, fmt.Errorf("services: %w", err)
	}
	if len(answer) > maxServices {
		return nil, fmt.Errorf("services: more than %d: %w", maxServices, errors.ErrUnsupported)
	}
	out, err := services(answer)
	slices.SortFunc(out, func(a, b fact.VirtualService) int { return order(&a, &b) })
	if err != nil {
		return nil, fmt.Errorf("services: %w", err)
	}
	return out, nil
}

// ask reads the backends of one service.
func ask(c Asker, family uint16, s *fact.VirtualService) ([]fact.RealServer, error) {
	which, err := name(s)
	if err != nil {
		return nil, err
	}
	answer, err := c.Execute(request(family, cmdGetDest, true, which))
	if err != nil {
		return nil, fmt.Errorf("backends: %w", err)
	}
	out, err := backends(answer, s.Family)
	if err != nil {
		return nil, fmt.Errorf("backends: %w", err)
	}
	slices.SortFunc(out, func(a, b fact.RealServer) int { return a.Addr.Compare(b.Addr) })
	return out, nil
}

// name makes the attribute by which the kernel knows a service: its mark, or its
// protocol, address and port.
func name(s *fact.VirtualService) ([]byte, error) {
	family := uint16(familyInet)
	if s.Family == "ip6" {
		family = familyInet6
	}
	e := netlink.NewAttributeEncoder()
	e.Nested(attrService, func(n *netlink.AttributeEncoder) error {
		n.Uint16(svcFamily, family)
		if s.Mark != 0 {
			n.Uint32(svcMark, s.Mark)
			return nil
		}
		n.Uint16(svcProto, number(s.Proto))
		n.Bytes(svcAddr, padded(s.Addr.Addr().AsSlice()))
		n.Bytes(svcPort, binary.BigEndian.AppendUint16(nil, s.Addr.Port()))
		return nil
	})
	return e.Encode()
}

// padded fills an address up to the 16 bytes of the kernel's union.
func padded(addr []byte) []byte { return append(bytes.Clone(addr), make([]byte, 16-len(addr))...) }

func order(a, b *fact.VirtualService) int {
	return cmp.Or(cmp.Compare(a.Mark, b.Mark), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Proto, b.Proto), a.Addr.Compare(b.Addr))
}
