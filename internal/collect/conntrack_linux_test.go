package collect

import (
	"errors"
	"os"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// TestConntrackByNetlink: netlink says what /proc says, where there are both.
func TestConntrackByNetlink(t *testing.T) {
	need(t, "root", os.Geteuid() == 0)
	need(t, "nf_conntrack_netlink", readModules(os.DirFS("/"), release()).conntrack())
	s := space{texts: map[string]text{}}
	s.slurp(procConntrack)
	table, err := s.texts[procConntrack].data, s.texts[procConntrack].err
	need(t, "NF_CONNTRACK_PROCFS", err == nil)
	want, err := perCPU("nf_conntrack", table)
	if err != nil {
		t.Fatal(err)
	}
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.ct = c
	if err := s.readConntrack(); err != nil {
		t.Fatal(err)
	}
	got := values(s.held.Counters)
	for name, v := range values(want) {
		if g, ok := got[name]; !ok || g < v {
			t.Errorf("%s: %d (told: %v), /proc says %d", name, g, ok, v)
		}
	}
	if len(got) != len(ctStatNames) {
		t.Errorf("%v", got)
	}
}

func TestConntrackOfTwoProcessors(t *testing.T) {
	one := netlink.Message{Data: []byte{0, 0, 0, 0, 8, 0, 10, 0, 0, 0, 1, 2, 8, 0, 2, 0, 9, 9, 9, 9}} // drop=258, found
	rows, err := conntrackStats([]netlink.Message{one, one})
	if err != nil || len(rows) != 1 || rows[0].Name != "nf_conntrack.drop" || rows[0].Before != 516 {
		t.Errorf("%+v, %v", rows, err)
	}
	for _, b := range [][]byte{nil, {0, 0, 0, 0, 9, 0, 10, 0, 1}, {0, 0, 0, 0, 6, 0, 10, 0, 1, 2, 0, 0}} {
		if _, err := conntrackStats([]netlink.Message{{Data: b}}); !errors.Is(err, errCounters) {
			t.Errorf("% x: %v", b, err)
		}
	}
}

func FuzzConntrackStats(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 8, 0, 10, 0, 0, 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := conntrackStats([]netlink.Message{{Data: b}})
		if err == nil && len(rows) > len(ctStatNames) {
			t.Errorf("%d counters", len(rows))
		}
	})
}
