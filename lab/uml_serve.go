package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server runs commands inside User Mode Linux. It is the first process there, so it buries all orphans and may wait for
// its own children only together with them.
type server struct {
	name string

	mu       sync.Mutex
	waiting  map[int]chan syscall.WaitStatus
	writable []string // what is mounted already
}

func newServer(name string) *server {
	return &server{name: name, waiting: map[int]chan syscall.WaitStatus{}}
}

func (s *server) serve(l net.Listener) error {
	go s.bury()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go s.answer(c)
	}
}

// bury waits for every process that ends, and tells those who asked.
func (s *server) bury() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err != nil || pid == 0 {
			<-ended
			continue
		}
		s.mu.Lock()
		if c := s.waiting[pid]; c != nil {
			c <- status
			delete(s.waiting, pid)
		}
		s.mu.Unlock()
	}
}

// job is what an order comes to.
type job struct {
	path, dir string
	argv, env []string
}

// start starts a process; its end is told on the channel. The lock is held so that it cannot be buried before it is known.
func (s *server) start(j job, files [3]*os.File) (int, <-chan syscall.WaitStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := syscall.ForkExec(j.path, j.argv, &syscall.ProcAttr{Dir: j.dir, Env: j.env,
		Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return 0, nil, err
	}
	c := make(chan syscall.WaitStatus, 1)
	s.waiting[pid] = c
	return pid, c, nil
}

// frames writes to one connection from several goroutines.
type frames struct {
	mu sync.Mutex
	c  net.Conn
}

func (f *frames) send(kind byte, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return writeFrame(f.c, kind, data)
}

// answer serves one connection: one command.
func (s *server) answer(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	out := &frames{c: c}
	line, err := in.ReadBytes('\n')
	if err != nil {
		return // somebody who only looked whether we are there
	}
	var o order
	if err = json.Unmarshal(line, &o); err == nil {
		err = s.obey(o, in, out)
	}
	if err != nil {
		_ = out.send(frameFailed, []byte(err.Error()))
	}
}

// obey runs a command to its end, or to the caller's.
func (s *server) obey(o order, in io.Reader, out *frames) error {
	j, err := s.prepare(o)
	if err != nil {
		return err
	}
	pipes, child, err := threePipes()
	if err != nil {
		return err
	}
	pid, ended, err := s.start(j, child)
	for _, f := range child {
		_ = f.Close()
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", j.path, err)
	}
	go func() {
		_, _ = io.Copy(pipes[0], in)
		_ = pipes[0].Close()
	}()
	return finish(pid, ended, pipes, out)
}

// finish passes on what a command writes, and its end.
func finish(pid int, ended <-chan syscall.WaitStatus, pipes [3]*os.File, out *frames) error {
	var copying sync.WaitGroup
	for i, kind := range []byte{1: frameStdout, 2: frameStderr} {
		if i > 0 {
			copying.Go(func() { pass(pipes[i], kind, out) })
		}
	}
	var status syscall.WaitStatus
	for running := true; running; {
		select {
		case status = <-ended:
			running = false
		case <-time.After(time.Second):
			if out.send(frameAlive, nil) != nil { // the caller is gone
				_ = syscall.Kill(-pid, syscall.SIGKILL)
			}
		}
	}
	// Whoever it left behind may hold its output open for ever.
	for _, p := range pipes[1:] {
		_ = p.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	}
	copying.Wait()
	_ = pipes[1].Close()
	_ = pipes[2].Close()
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return out.send(frameExit, []byte(fmt.Sprint(code)))
}

func pass(from *os.File, kind byte, out *frames) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			_ = out.send(kind, b[:n])
		}
		if err != nil {
			return
		}
	}
}

// threePipes returns our ends of a command's standard files, and its own.
func threePipes() (ours, theirs [3]*os.File, err error) {
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return ours, theirs, err
		}
		if i == 0 {
			r, w = w, r
		}
		ours[i], theirs[i] = r, w
	}
	return ours, theirs, nil
}

// prepare mounts what a command may write, and finds out how to start it.
func (s *server) prepare(o order) (job, error) {
	if err := dropStale(o.Seen); err != nil {
		return job{}, err
	}
	for _, w := range o.Writable {
		if err := s.mount(w); err != nil {
			return job{}, err
		}
	}
	if o.Node == "" {
		path, err := findProgram(o)
		return job{path, o.Dir, o.Argv, append(os.Environ(), o.Env...)}, err
	}
	l, err := Open(s.name)
	if err != nil {
		return job{}, err
	}
	cmd, err := l.Command(context.Background(), o.Node, o.Netns, o.Argv...)
	if err != nil {
		return job{}, err
	}
	return job{cmd.Path, "/", cmd.Args, cmd.Env}, cmd.Err
}

func (s *server) mount(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.writable, dir) {
		return nil
	}
	if err := (nodeMount{kind: "hostfs", from: "none", to: dir, data: dir}).do(); err != nil {
		return err
	}
	s.writable = append(s.writable, dir)
	return nil
}

// findProgram looks where the command would: in its folder, or in PATH.
func findProgram(o order) (string, error) {
	if o.Path != "" {
		return o.Path, nil
	}
	if name := o.Argv[0]; strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(o.Dir, name)
		}
		return name, nil
	}
	return exec.LookPath(o.Argv[0])
}
