package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The network between the machine and User Mode Linux: one tap in a namespace that only the keeper is in.
const (
	umlTap   = "uml0"
	umlOuter = "10.78.0.1"
	umlInner = "10.78.0.2"
	umlPort  = ":9"
)

// keeperSpec is what a keeper reads.
type keeperSpec struct {
	Dir, Name string
	Kernel    umlKernel
	CPU       int
	MemoryMB  int
	Leash     bool
}

// runKeeper boots User Mode Linux and ends with it; everything inside ends with the keeper, by whatever it is ended.
func runKeeper(file string) error {
	var s keeperSpec
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if s.Leash {
		defer s.vanish()
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			s.vanish()
			os.Exit(0)
		}()
	}
	memory := filepath.Join(s.Dir, "memory")
	err = mountAll([]nodeMount{
		{to: "/", flags: unix.MS_REC | unix.MS_PRIVATE},
		{kind: "proc", from: "proc", to: "/proc"},
		// Its memory is a file that must be executable, which /dev/shm is not everywhere.
		{kind: "tmpfs", from: "tmpfs", to: memory, data: "size=100%,huge=within_size"},
	})
	if err != nil {
		return err
	}
	wires := fmt.Sprintf("tuntap add mode tap name %s\naddr add %s/24 dev %s\nlink set %s up\n", umlTap, umlOuter, umlTap, umlTap)
	if err := ipBatch(context.Background(), "", wires); err != nil {
		return err
	}
	runtime.LockOSThread() // what is set for a thread is inherited by what it starts
	var one unix.CPUSet
	one.Set(s.CPU)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("bind to processor %d: %w", s.CPU, err)
	}
	return s.run(memory)
}

// vanish ends everything and removes what nobody will look for any more: the name was that of a process which has ended.
func (s keeperSpec) vanish() {
	_ = unix.Kill(-1, unix.SIGKILL) // all but itself: else they go on writing into the folder
	_ = unix.Unmount(filepath.Join(s.Dir, "memory"), unix.MNT_DETACH)
	for range 50 {
		if os.RemoveAll(s.Dir) == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if cache, err := cacheDir(); err == nil {
		_ = os.Remove(filepath.Join(cache, "lock-lab-"+s.Name))
	}
}

func (s keeperSpec) run(memory string) error {
	console, err := os.Create(filepath.Join(s.Dir, "console.log"))
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command(s.Kernel.Program, fmt.Sprintf("mem=%dM", s.MemoryMB), "rootfstype=hostfs", "rootflags=/", "ro", "init="+filepath.Join(s.Dir, "fairway-lab"),
		"con=null", "con0=null,fd:1", "quiet", "uml_dir="+s.Dir, "umid=control", "vec0:transport=tap,ifname="+umlTap+",depth=64",
		"seccomp=auto", "lsm=", "audit=0",
		umlEnv+"="+s.Dir)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "TMPDIR="+memory)
	cmd.Stdout, cmd.Stderr = console, console
	if err := cmd.Start(); err != nil {
		return err
	}
	preferUML(cmd.Process.Pid)
	return cmd.Wait()
}

// preferUML lets it go before others: unlike them it cannot move to a processor that is free. Between sessions only the
// nice value of their groups counts, and it soon makes a session of its own. Where the kernel has no such groups there is
// nothing to prefer.
func preferUML(pid int) {
	for range 200 {
		if session, err := unix.Getsid(pid); err != nil || session == pid {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte("-10"), 0o644)
}
