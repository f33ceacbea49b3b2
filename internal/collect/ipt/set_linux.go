//go:build linux && (amd64 || arm64)

package ipt

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/collect/xt"
	"fairway/internal/fact"
	"fairway/internal/netns"
)

const (
	soIPSet      = 83 // SO_IP_SET
	setByIndex   = 7  // IP_SET_OP_GET_BYINDEX
	setNameBytes = 32 // IPSET_MAXNAMELEN
	// setWait bounds the wait for all sets together.
	setWait = 5 * time.Second
)

// FillSets puts names and members of the namespace's sets into rules that know
// them by number, of either backend. Tables without such rules cost nothing; with
// one, ip_set is loaded, and nfnetlink with it.
func FillSets(at *netns.NS, tables []fact.RuleTable) (err error) {
	r := setReader{known: make(map[uint16]xt.Set)}
	defer r.close()
	for i := range tables {
		xt.FillSets(&tables[i], func(index uint16) xt.Set {
			s, known := r.known[index]
			if known || err != nil {
				return s
			}
			if s, err = r.read(at, index); err != nil {
				err = fmt.Errorf("read set %s of number %d: %w", s.Name, index, err)
			}
			r.known[index] = s
			return s
		})
	}
	return err
}

// setReader asks for sets; its sockets are made with the first question.
type setReader struct {
	known map[uint16]xt.Set
	conn  *netlink.Conn
	fd    int
}

func (r *setReader) open(at *netns.NS) error {
	return at.Do(func() (err error) {
		if r.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if r.conn, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
			unix.Close(r.fd)
			return err
		}
		return r.conn.SetDeadline(time.Now().Add(setWait))
	})
}

func (r *setReader) close() {
	if r.conn != nil {
		r.conn.Close()
		unix.Close(r.fd)
	}
}

// read reads one set. Its members are asked for only when they are few and of a
// kind we understand.
func (r *setReader) read(at *netns.NS, index uint16) (xt.Set, error) {
	if r.conn == nil {
		if err := r.open(at); err != nil {
			return xt.Set{}, err
		}
	}
	name, err := setName(r.fd, index)
	if err != nil || name == "" {
		return xt.Set{}, err
	}
	head, err := r.ask(name, onlyHeader)
	if err != nil || !head.simple() {
		return xt.Set{Name: name}, err
	}
	all, err := r.ask(name, 0)
	if err != nil {
		return xt.Set{Name: name}, err
	}
	return all.set(name), nil
}

func (r *setReader) ask(name string, flags uint32) (*setAnswer, error) {
	q, err := question(name, flags)
	if err != nil {
		return nil, err
	}
	answer, err := r.conn.Execute(q)
	if err != nil {
		return nil, err
	}
	a := &setAnswer{}
	for _, m := range answer {
		if err := a.take(m.Data); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// setName asks for a name, in struct ip_set_req_get_set: op, version, name or
// index.
func setName(fd int, index uint16) (string, error) {
	b := make([]byte, 8+setNameBytes)
	binary.NativeEndian.PutUint32(b, setByIndex)
	binary.NativeEndian.PutUint32(b[4:], setProtocol)
	binary.NativeEndian.PutUint16(b[8:], index)
	if err := getsockopt(fd, unix.SOL_IP, soIPSet, b); err != nil {
		return "", err
	}
	return cString(b[8:]), nil
}
