//go:build linux

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// readOffload fills driver and offload features of the NICs that packets to
// peers leave by, and of all hardware.
func (s *space) readOffload() error {
	var failed error
	for i := range s.held.Links {
		l := &s.held.Links[i]
		if !s.carries(l) {
			continue
		}
		if err := s.askNIC(l); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", l.Name, err))
		}
	}
	return failed
}

// carries reports whether a link is hardware, or is where a route to a peer
// leaves, or is a port of such a bond or bridge.
func (s *space) carries(l *fact.Link) bool {
	if l.Name == "lo" || !l.Up {
		return false
	}
	for _, r := range s.held.Lookups {
		if r.Link != 0 && (r.Link == l.Index || r.Link == l.Master) {
			return true
		}
	}
	return l.Kind == ""
}

// askNIC asks one link. A driver without features is no gap: it has none.
func (s *space) askNIC(l *fact.Link) error {
	info, err := unix.IoctlGetEthtoolDrvinfo(s.ctl, l.Name)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("ask for its driver: %w", err)
	}
	if err == nil {
		l.Driver = unix.ByteSliceToString(info.Driver[:])
	}
	names, err := featureNames(s.ctl, l.Name)
	if err != nil {
		return fmt.Errorf("ask for the names of its features: %w", err)
	}
	blocks := (len(names) + 31) / 32
	b := make([]byte, 8+16*blocks)
	binary.NativeEndian.PutUint32(b, unix.ETHTOOL_GFEATURES)
	binary.NativeEndian.PutUint32(b[4:], uint32(blocks))
	if err := ethtool(s.ctl, l.Name, b); err != nil {
		return fmt.Errorf("ask for its features: %w", err)
	}
	l.Offload = offloads(names, b[8:])
	return nil
}

// offloads reads the blocks of struct ethtool_gfeatures: for each 32 features
// the masks available, requested, active and never changed. What can neither be
// on nor be switched is left out.
func offloads(names []string, blocks []byte) []fact.OffloadFeature {
	var out []fact.OffloadFeature
	for i, name := range names {
		at, bit := i/32*16, uint32(1)<<(i%32)
		if at+16 > len(blocks) {
			break
		}
		available := binary.NativeEndian.Uint32(blocks[at:])
		active := binary.NativeEndian.Uint32(blocks[at+8:])
		if name != "" && (available|active)&bit != 0 {
			out = append(out, fact.OffloadFeature{Name: name, On: active&bit != 0})
		}
	}
	return out
}

const (
	// featureNameLen is ETH_GSTRING_LEN of linux/ethtool.h.
	featureNameLen = 32
	// featureSet is ETH_SS_FEATURES, the set of strings that names features.
	featureSet = 4
	// maxFeatures bounds the answer; kernels know about 60.
	maxFeatures = 1024
)

// featureNames asks the kernel how it calls the bits of its feature masks.
func featureNames(fd int, link string) ([]string, error) {
	// struct ethtool_sset_info: command, padding, a mask of sets, then a count
	// for each set of the mask that exists.
	b := make([]byte, 20)
	binary.NativeEndian.PutUint32(b, unix.ETHTOOL_GSSET_INFO)
	binary.NativeEndian.PutUint64(b[8:], 1<<featureSet)
	if err := ethtool(fd, link, b); err != nil {
		return nil, err
	}
	n := binary.NativeEndian.Uint32(b[16:])
	if bits.OnesCount64(binary.NativeEndian.Uint64(b[8:])) != 1 || n > maxFeatures {
		return nil, fmt.Errorf("%d features: %w", n, errors.ErrUnsupported)
	}
	// struct ethtool_gstrings: command, set, count, then the strings.
	b = make([]byte, 12+n*featureNameLen)
	binary.NativeEndian.PutUint32(b, unix.ETHTOOL_GSTRINGS)
	binary.NativeEndian.PutUint32(b[4:], featureSet)
	binary.NativeEndian.PutUint32(b[8:], n)
	if err := ethtool(fd, link, b); err != nil {
		return nil, err
	}
	var names []string
	for at := 12; at < len(b); at += featureNameLen {
		names = append(names, unix.ByteSliceToString(b[at:at+featureNameLen]))
	}
	return names, nil
}

// ethtool does one SIOCETHTOOL request: b starts with the command and takes the
// answer. The link exists, so no module is looked for by its name.
func ethtool(fd int, link string, b []byte) error {
	// struct ifreq, of which the kernel uses the name and one pointer.
	var request struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	if copy(request.name[:unix.IFNAMSIZ-1], link) != len(link) {
		return unix.EINVAL
	}
	request.data = unsafe.Pointer(&b[0])
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return errno
	}
	return nil
}
