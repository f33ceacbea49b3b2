package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// NS is an opened network namespace. It keeps the namespace alive until Close.
// All methods may be called from several goroutines.
type NS struct {
	inode uint64
	file  *os.File
	quit  chan struct{}

	mu     sync.Mutex
	orders chan order // to the worker inside; nil until the first Socket
	closed bool
}

// order asks the worker for a socket.
type order struct {
	domain, typ, proto int
	made               chan<- made
}

type made struct {
	fd  int
	err error
}

// Open opens a handle such as /var/run/docker/netns/1-abcdef0123. The error
// wraps fs.ErrNotExist, fs.ErrPermission or ErrNotNamespace where it applies.
func Open(path string) (*NS, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open namespace %s: %w", path, err)
	}
	inode, err := identify(fd)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open namespace %s: %w", path, err)
	}
	return &NS{inode: inode, file: os.NewFile(uintptr(fd), path), quit: make(chan struct{})}, nil
}

// Self opens the namespace this process runs in.
func Self() (*NS, error) { return Open("/proc/thread-self/ns/net") }

// identify returns the inode of a network namespace's handle.
func identify(fd int) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, err
	}
	if fs.Type != unix.NSFS_MAGIC {
		return 0, ErrNotNamespace
	}
	// Kernels before 4.11 do not know the question; setns refuses there later.
	if kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err == nil && kind != unix.CLONE_NEWNET {
		return 0, ErrNotNamespace
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}

// Inode tells the namespaces of one kernel apart.
func (n *NS) Inode() uint64 { return n.inode }

// Path is where the handle was opened.
func (n *NS) Path() string { return n.file.Name() }

// Do runs f on a thread inside the namespace and returns its error. What f
// starts on other goroutines, Go's own resolver among them, runs outside. A
// panic of f is raised again in the caller's goroutine.
func (n *NS) Do(f func() error) error {
	type result struct {
		err      error
		panicked any
	}
	done := make(chan result, 1)
	onOtherThread(func() {
		var r result
		defer func() {
			r.panicked = recover()
			done <- r
		}()
		if r.err = n.enter(); r.err != nil {
			return
		}
		r.err = errLeft // unless f returns
		r.err = f()
	})
	r := <-done
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

var errLeft = errors.New("the function ended its goroutine instead of returning")

// Socket makes a socket inside the namespace, close-on-exec, for use anywhere;
// the caller closes it. One thread stays inside for this until Close, so that
// many sockets are cheap.
func (n *NS) Socket(domain, typ, proto int) (int, error) {
	orders, err := n.worker()
	if err != nil {
		return -1, fmt.Errorf("make a socket in %s: %w", n.Path(), err)
	}
	answer := make(chan made, 1)
	select {
	case orders <- order{domain, typ, proto, answer}:
	case <-n.quit:
		return -1, fmt.Errorf("make a socket in %s: %w", n.Path(), os.ErrClosed)
	}
	m := <-answer
	if m.err != nil {
		return -1, fmt.Errorf("make a socket in %s: %w", n.Path(), m.err)
	}
	return m.fd, nil
}

// worker returns the channel to the thread inside and starts it when needed.
func (n *NS) worker() (chan<- order, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, os.ErrClosed
	}
	if n.orders != nil {
		return n.orders, nil
	}
	orders, entered := make(chan order), make(chan error, 1)
	onOtherThread(func() {
		err := n.enter()
		entered <- err
		if err == nil {
			serve(orders, n.quit)
		}
	})
	if err := <-entered; err != nil {
		return nil, err
	}
	n.orders = orders
	return orders, nil
}

func serve(orders <-chan order, quit <-chan struct{}) {
	for {
		select {
		case o := <-orders:
			fd, err := unix.Socket(o.domain, o.typ|unix.SOCK_CLOEXEC, o.proto)
			o.made <- made{fd, err}
		case <-quit:
			return
		}
	}
}

// Close lets the namespace and the thread inside go. Sockets made before stay
// usable. Closing twice does nothing.
func (n *NS) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	close(n.quit)
	return n.file.Close()
}

// enter moves the calling thread, which must be one of onOtherThread.
func (n *NS) enter() error {
	conn, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	var moved error
	if err := conn.Control(func(fd uintptr) { moved = unix.Setns(int(fd), unix.CLONE_NEWNET) }); err != nil {
		return fmt.Errorf("enter namespace %s: %w", n.Path(), os.ErrClosed)
	}
	if moved != nil {
		return fmt.Errorf("enter namespace %s: %w", n.Path(), moved)
	}
	return nil
}

// onOtherThread runs body on a thread that no other goroutine will ever use: it
// is locked and never unlocked, so it dies with body.
//
// The process's first thread cannot die, and /proc/self names its namespace. A
// goroutine that finds itself there sits on it until another one has locked a
// thread, which is then not the first.
func onOtherThread(body func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			body()
			return
		}
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
			body()
		}()
		<-locked
		runtime.UnlockOSThread()
	}()
}
