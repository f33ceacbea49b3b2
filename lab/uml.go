package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// UML is a running User Mode Linux: a kernel with IPVS, ESP and netem as an ordinary process, for machines whose own kernel
// lacks them. Inside, the machine's files are seen under their own paths; what is written there is gone with it, except in
// [UML.Share].
type UML struct {
	Name   string
	Dir    string // state folder on the machine
	Keeper int    // the process that everything of it ends with
	Kernel string // release: 7.2.12
	NFT    bool   // its kernel can filter IPv4 with nf_tables
	Booted time.Time
}

const (
	umlEnv     = "FAIRWAY_LAB_FIRST" // for the first process inside: the state folder on the machine
	shareEnv   = "FAIRWAY_LAB_SHARE" // for everything inside: the folder that both sides see
	keeperPart = "uml"
)

// UMLOptions say what kind of User Mode Linux to boot.
type UMLOptions struct {
	Name     string
	MemoryMB int       // 0: 3072. It is the machine's only when used
	Direct   []string  // folders that are read so often that they shall not pass through the root's overlay
	Leash    bool      // end with this process, and remove the state folder then
	Out      io.Writer // nil: nowhere
}

// umlSpec is what the first process inside reads.
type umlSpec struct {
	Name    string
	Kernel  umlKernel
	Direct  []string
	Share   string
	PathEnv string
}

// InUML tells whether this process runs inside User Mode Linux.
func InUML() bool {
	b, _ := os.ReadFile("/proc/cpuinfo")
	return strings.Contains(string(b), "User Mode Linux")
}

// BootUML starts one and waits until it takes commands. It first removes what an earlier one of that name left. The program
// that calls it must call [MaybeChild] first.
func BootUML(ctx context.Context, o UMLOptions) (*UML, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	for program, packet := range map[string]string{"ip": "iproute2", "modprobe": "kmod"} {
		if err := need(ctx, program, packet); err != nil {
			return nil, err
		}
	}
	kernel, err := findUMLKernel(ctx, newProgress(o.Out))
	if err != nil {
		return nil, err
	}
	unlock, err := lockLab(ctx, o.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clean(o.Name); err != nil {
		return nil, err
	}
	u, err := o.boot(ctx, kernel)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("boot User Mode Linux: %w", err), clean(o.Name))
	}
	return u, nil
}

func (o *UMLOptions) check() error {
	if err := checkName(o.Name); err != nil {
		return err
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = 3072
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if os.Getuid() != 0 {
		return errors.New("it needs root: it makes namespaces and mounts")
	}
	if InUML() {
		return errors.New("it is not possible inside User Mode Linux")
	}
	return nil
}

func (o *UMLOptions) boot(ctx context.Context, kernel umlKernel) (*UML, error) {
	p := newProgress(o.Out)
	dir, err := stateDir(o.Name)
	if err != nil {
		return nil, err
	}
	slot, cpu, err := umlSlot(ctx, p) // this may take long: whoever is killed meanwhile leaves nothing
	if err != nil {
		return nil, err
	}
	defer slot.Close()
	u := &UML{Name: o.Name, Dir: dir, Kernel: kernel.Release, NFT: kernel.NFT, Booted: time.Now()}
	if err := os.MkdirAll(u.Share(), 0o755); err != nil {
		return nil, err
	}
	spec := umlSpec{Name: u.Name, Kernel: kernel, Direct: o.Direct, Share: u.Share(), PathEnv: os.Getenv("PATH")}
	if err := writeJSON(filepath.Join(dir, "inside.json"), spec); err != nil {
		return nil, err
	}
	p.start = time.Now()
	if err := u.startKeeper(keeperSpec{Kernel: kernel, CPU: cpu, MemoryMB: o.MemoryMB, Leash: o.Leash}, slot); err != nil {
		return nil, err
	}
	if err := u.waitReady(ctx); err != nil {
		return nil, err
	}
	p.say("User Mode Linux %s takes commands", u.Kernel)
	return u, writeJSON(filepath.Join(dir, "uml.json"), u)
}

// umlSlot waits until fewer than two of them run on this machine, and chooses the processor. On one processor it is twice
// as fast as on two: every system call inside goes to and fro between two processes of the machine, and waking the other
// processor is what costs.
func umlSlot(ctx context.Context, p *progress) (*os.File, int, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, 0, err
	}
	for told := false; ; told = true {
		for i := range min(2, runtime.NumCPU()) {
			f, err := os.OpenFile(filepath.Join(cache, fmt.Sprintf("lock-uml%d", i)), os.O_CREATE|os.O_RDWR, 0o644)
			if err != nil {
				return nil, 0, err
			}
			if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
				return f, runtime.NumCPU() - 1 - i, nil
			}
			_ = f.Close()
		}
		if !told {
			p.say("waiting for one of the User Mode Linuxes on this machine to end")
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// waitReady asks until the first process inside answers.
func (u *UML) waitReady(ctx context.Context) error {
	err := poll(ctx, 60*time.Second, "its first process to answer", func() (bool, error) {
		if !alive(u.Keeper) {
			return true, nil // told apart below
		}
		c, err := u.dial(200 * time.Millisecond)
		if err == nil {
			_ = c.Close()
		}
		return err == nil, err
	})
	if err == nil && !alive(u.Keeper) {
		err = errors.New("it ended at once")
	}
	if err != nil {
		return fmt.Errorf("%w\n%s%s", err, tail(filepath.Join(u.Dir, "keeper.log")), tail(u.Console()))
	}
	return nil
}

// OpenUML finds a running one by its name; fs.ErrNotExist if there is none.
func OpenUML(name string) (*UML, error) {
	dir, err := stateDir(name)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "uml.json"))
	if err != nil {
		return nil, fmt.Errorf("open User Mode Linux %s: %w", name, err)
	}
	u := &UML{}
	if err := json.Unmarshal(b, u); err != nil {
		return nil, fmt.Errorf("open User Mode Linux %s: %w", name, err)
	}
	if !isNodeOf(name, u.Keeper) {
		return nil, fmt.Errorf("open User Mode Linux %s: %w: it has ended; %s says why:\n%s", name, fs.ErrNotExist, u.Console(), tail(u.Console()))
	}
	return u, nil
}

// Share is a folder that the machine, everything inside and, as /lab/share, every node sees and may write.
func (u *UML) Share() string { return filepath.Join(u.Dir, "share") }

// Console is the file on the machine that gets the kernel's messages.
func (u *UML) Console() string { return filepath.Join(u.Dir, "console.log") }

// Off ends it, whatever runs inside, and removes all of it.
func (u *UML) Off(ctx context.Context) error { return Down(ctx, u.Name) }

// dial enters the keeper's network, which nothing else is joined to.
func (u *UML) dial(limit time.Duration) (net.Conn, error) {
	var c net.Conn
	err := inNetns(fmt.Sprintf("/proc/%d/ns/net", u.Keeper), func() error {
		var err error
		c, err = net.DialTimeout("tcp", umlInner+umlPort, limit)
		return err
	})
	return c, err
}

// startKeeper runs this same program as the first process of a pid namespace that holds User Mode Linux: its processes are
// traced, and without such a namespace they would outlive their kernel when that is killed.
func (u *UML) startKeeper(s keeperSpec, slot *os.File) error {
	file := filepath.Join(u.Dir, "keeper.json")
	s.Dir, s.Name = u.Dir, u.Name
	if err := copySelf(u.program()); err != nil {
		return err
	}
	if err := writeJSON(file, s); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(u.Dir, "keeper.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	leash, err := newLeash(s.Leash)
	if err != nil {
		return err
	}
	defer leash.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{childName, u.Name, keeperPart, file}, Dir: "/",
		Stdin: leash, Stdout: log, Stderr: log, ExtraFiles: []*os.File{slot},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true,
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET},
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	u.Keeper = cmd.Process.Pid
	go func() { _ = cmd.Wait() }()
	return nil
}

// program is a copy of this program, for what runs inside for long: while a file is run there, a new one under its name
// would not be seen.
func (u *UML) program() string { return filepath.Join(u.Dir, "fairway-lab") }

func copySelf(to string) error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, self)
	return errors.Join(err, f.Close())
}

// newLeash returns what a keeper reads until its end: a pipe that this process holds until it dies, or nothing.
func newLeash(leash bool) (*os.File, error) {
	if !leash {
		return os.Open(os.DevNull)
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(ends[0]), "leash"), nil // the other end stays open: it is no os.File that could be collected
}
