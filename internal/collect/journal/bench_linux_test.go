package journal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestMain lets `make bench` run this test program as a program: `make DIR` writes
// a journal with systemd's code, `window DIR FROM TO` prints the engine's lines of
// some seconds as journalctl does.
func TestMain(m *testing.M) {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "make":
		err = makeLarge(args[1])
	case len(args) == 4 && args[0] == "window":
		err = printWindow(args[1:], os.Stdout)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// largeEntries are in the journal that is measured, one every half second.
const largeEntries = 300_000

func makeLarge(dir string) error {
	cmd := exec.Command(remote, "-o", filepath.Join(dir, "system.journal"), "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriter(in)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range largeEntries {
		at := int64(i) * 500_000
		unit := []string{"docker", "docker", "ssh", "cron"}[r.IntN(4)]
		fmt.Fprintf(w, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n"+
			"_TRANSPORT=stdout\nPRIORITY=6\nSYSLOG_FACILITY=3\n_UID=0\n_GID=0\n_CAP_EFFECTIVE=1ffffffffff\n_SELINUX_CONTEXT=unconfined\n"+
			"_MACHINE_ID=fedcba9876543210fedcba9876543210\n_HOSTNAME=n1\n_SYSTEMD_SLICE=system.slice\n_STREAM_ID=%032x\n"+
			"_SYSTEMD_UNIT=%s.service\nSYSLOG_IDENTIFIER=%sd\n_COMM=%sd\n_PID=%d\n_EXE=/usr/bin/%sd\n_CMDLINE=/usr/bin/%sd -H fd://\n"+
			"_SYSTEMD_CGROUP=/system.slice/%s.service\nMESSAGE=time=\"2026-11-23T11:00:00.%09dZ\" level=debug msg=\"memberlist: Stream connection "+
			"from=10.77.0.%d:%d\" number=%d\n\n",
			start.UnixMicro()+at, 5_000_000+at, r.IntN(8), unit, unit, unit, 900+len(unit), unit, unit, unit, r.IntN(1e9), r.IntN(254), r.IntN(65536), i)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	in.Close()
	return cmd.Wait()
}

// printWindow writes lines as `journalctl -o cat` does.
func printWindow(args []string, out io.Writer) error {
	q := Query{Engine: true}
	for i, at := range []*time.Time{&q.From, &q.To} {
		s, err := strconv.ParseInt(args[i+1], 10, 64)
		if err != nil {
			return err
		}
		*at = time.Unix(s, 0)
	}
	w := bufio.NewWriter(out)
	s, err := Read(context.Background(), args[:1], q, func(e Entry) bool {
		w.Write(e.Message)
		w.WriteByte('\n')
		return true
	})
	if err == nil && (len(s.Damage) > 0 || s.Entries == 0) {
		err = fmt.Errorf("%+v", s)
	}
	if err != nil {
		return err
	}
	return w.Flush()
}
