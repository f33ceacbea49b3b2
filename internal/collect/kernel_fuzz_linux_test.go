package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// TestDiagAnswer reads what Linux 6.18 answered (little-endian) for two IPv6
// listeners, the second for IPv6 only.
func TestDiagAnswer(t *testing.T) {
	a := diagAnswer{seq: 1}
	if err := a.take(captured(t, "inet_diag")); err != nil || !a.done || a.torn {
		t.Fatalf("done %v, torn %v, %v", a.done, a.torn, err)
	}
	sortSockets(a.rows)
	var got []string
	for _, s := range a.rows {
		got = append(got, fmt.Sprintf("%v v6only=%v queue=%d/%d known=%v", s.Local, s.V6Only, s.Queue, s.Backlog, s.BacklogKnown))
	}
	want := "[::]:8080 v6only=false queue=0/77 known=true, [::]:8081 v6only=true queue=0/7 known=true"
	if g := strings.Join(got, ", "); g != want {
		t.Errorf("got %s, want %s", g, want)
	}
}

func TestDiagAnswerToAnotherQuestion(t *testing.T) {
	a := diagAnswer{seq: 2}
	if err := a.take(captured(t, "inet_diag")); err != nil || a.done || len(a.rows) != 0 {
		t.Errorf("took it: %+v, %v", a, err)
	}
}

// message makes one netlink message.
func message(kind, flags uint16, data []byte) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(data))
	binary.NativeEndian.PutUint32(b, uint32(cap(b)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags)
	binary.NativeEndian.PutUint32(b[8:], 1)
	return append(b, data...)
}

func TestDiagAnswerThatIsTrouble(t *testing.T) {
	errno := binary.NativeEndian.AppendUint32(nil, ^uint32(unix.ENOENT)+1)
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"refused at once":       {message(unix.NLMSG_ERROR, 0, errno), unix.ENOENT},
		"refused at the end":    {message(unix.NLMSG_DONE, 0, errno), unix.ENOENT},
		"a row cut short":       {message(unix.SOCK_DIAG_BY_FAMILY, 0, make([]byte, 40)), errDiag},
		"a family of its own":   {message(unix.SOCK_DIAG_BY_FAMILY, 0, make([]byte, diagMsgLen)), errDiag},
		"longer than it is":     {[]byte("\xff\xff\x00\x00aaaaaaaaaaaaaaaa"), errDiag},
		"the end, nothing else": {message(unix.NLMSG_DONE, 0, nil), nil},
	} {
		a := diagAnswer{seq: 1}
		if err := a.take(c.bytes); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	a := diagAnswer{seq: 1}
	if err := a.take(message(unix.NLMSG_DONE, unix.NLM_F_DUMP_INTR, nil)); err != nil || !a.torn || !a.done {
		t.Errorf("a torn dump: %+v, %v", a, err)
	}
}

func TestOffloads(t *testing.T) {
	names := make([]string, 34)
	names[0], names[3], names[33] = "tx-checksum-ipv4", "highdma", "rx-gro"
	b := make([]byte, 32)
	binary.NativeEndian.PutUint32(b[0:], 1|8)   // available
	binary.NativeEndian.PutUint32(b[8:], 8)     // active
	binary.NativeEndian.PutUint32(b[24:], 1<<1) // active, second block
	got := fmt.Sprint(offloads(names, b))
	if want := "[{tx-checksum-ipv4 false} {highdma true} {rx-gro true}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := offloads(names, b[:20]); len(got) != 2 {
		t.Errorf("short blocks: %v", got)
	}
}

func FuzzDiagAnswer(f *testing.F) {
	f.Add(captured(f, "inet_diag"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := diagAnswer{seq: 1}
		a.take(b)
		for _, s := range a.rows {
			if !s.Local.IsValid() {
				t.Errorf("a socket nowhere: %+v", s)
			}
		}
	})
}

func FuzzOffloads(f *testing.F) {
	f.Add("a\nb\nc", make([]byte, 16))
	f.Fuzz(func(t *testing.T, names string, b []byte) {
		var out []fact.OffloadFeature = offloads(strings.Split(names, "\n"), b)
		if len(out) > len(b)*2 {
			t.Errorf("%d features out of %d bytes", len(out), len(b))
		}
	})
}
