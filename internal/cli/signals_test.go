package cli

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals runs a process that holds on to something when it is asked to and
// takes half a second to put it back, as agents do.
func TestSignals(t *testing.T) {
	if role := os.Getenv("SIGNALS_CHILD"); role != "" {
		signalled(role)
	}
	for _, row := range []struct {
		name, role string
		sent       []syscall.Signal
		out        string
		ended      syscall.Signal // 0: by itself
	}{
		{"one", "free", []syscall.Signal{syscall.SIGINT}, "stopped back ", 0},
		{"a terminal that goes away", "free", []syscall.Signal{syscall.SIGHUP}, "stopped back ", 0},
		{"the second one ends it", "free", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, "stopped ", syscall.SIGINT},
		{"not while it holds on", "holds", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, "stopped patience back ", 0},
		{"the third one does", "holds", []syscall.Signal{syscall.SIGINT, syscall.SIGINT, syscall.SIGTERM}, "stopped patience ", syscall.SIGTERM},
		{"a reader that goes away", "holds", []syscall.Signal{syscall.SIGPIPE, syscall.SIGINT}, "stopped back ", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, state := signalling(t, row.role, row.sent, 150*time.Millisecond)
			status := state.Sys().(syscall.WaitStatus)
			if out != "ready "+row.out || status.Signaled() != (row.ended != 0) || row.ended != 0 && status.Signal() != row.ended {
				t.Errorf("it said %q and %v; want %q and signal %d", out, state, "ready "+row.out, row.ended)
			}
		})
	}
}

// Two may come before the first one is dealt with.
func TestSignalsAtOnce(t *testing.T) {
	for range 20 {
		if out, state := signalling(t, "free", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 0); !state.Sys().(syscall.WaitStatus).Signaled() {
			t.Fatalf("it said %q and %v; want it ended by the second one", out, state)
		}
	}
}

// signalled is the process: it says what happens to it.
func signalled(role string) {
	ctx, s := Listen(context.Background())
	say := func(what string) { _, _ = os.Stdout.WriteString(what + " ") }
	release := func() {}
	if role == "holds" {
		release = s.Hold(func() { say("patience") })
	}
	say("ready")
	<-ctx.Done()
	say("stopped")
	time.Sleep(700 * time.Millisecond)
	say("back")
	release()
	os.Exit(0)
}

// signalling starts the process, sends signals and returns what it said.
func signalling(t *testing.T, role string, sent []syscall.Signal, gap time.Duration) (string, *os.ProcessState) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	// Below nohup SIGHUP is ignored, and stays so: the process begins without that.
	cmd := exec.CommandContext(ctx, "env", "--default-signal=HUP", os.Args[0], "-test.run=^TestSignals$")
	cmd.Env = append(os.Environ(), "SIGNALS_CHILD="+role)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	buf := make([]byte, 100)
	for {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			break
		}
		if said.String() == "ready " {
			for _, sig := range sent {
				_ = cmd.Process.Signal(sig)
				time.Sleep(gap)
			}
		}
	}
	_ = cmd.Wait()
	return said.String(), cmd.ProcessState
}
