package collect

import (
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// slurp reads files from inside; it must run there.
func (s *space) slurp(paths ...string) {
	f := folders{}
	defer f.close()
	for _, p := range paths {
		data, err := f.read(p)
		s.texts[p] = text{data, err}
	}
}

// folders are opened folders of /proc. Every namespace has settings of its own
// under one name in /proc/sys, and the kernel goes through all of them for each
// step of a path: beside 200 containers half of what it takes to read a setting.
type folders map[string]folder

type folder struct {
	fd  int
	err error
}

// open opens a folder by the one above it.
func (f folders) open(dir string) folder {
	if known, ok := f[dir]; ok {
		return known
	}
	above := folder{fd: unix.AT_FDCWD}
	name := dir
	if dir != "/proc" && dir != "/" && dir != "." {
		above, name = f.open(path.Dir(dir)), path.Base(dir)
	}
	if above.err == nil {
		above.fd, above.err = unix.Openat(above.fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	f[dir] = above
	return above
}

func (f folders) close() {
	for _, d := range f {
		if d.err == nil {
			unix.Close(d.fd)
		}
	}
}

// maxProc bounds what is read of one file of /proc; a table of 100 000 sockets
// has 15 MiB.
const maxProc = 16 << 20

// read reads a file by plain system calls, on this very thread: what
// /proc/sys/net and /proc/thread-self/net show depends on who opens them.
func (f folders) read(file string) ([]byte, error) {
	dir, fd := f.open(path.Dir(file)), -1
	if dir.err == nil {
		fd, dir.err = unix.Openat(dir.fd, path.Base(file), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if dir.err != nil {
		return nil, &fs.PathError{Op: "open", Path: file, Err: dir.err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 512)
	for {
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: file, Err: err}
		case n == 0:
			return buf, nil
		}
		buf = buf[:len(buf)+n]
		if len(buf) > maxProc {
			return nil, &fs.PathError{Op: "read", Path: file, Err: fmt.Errorf("longer than %d bytes", maxProc)}
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, len(buf)*3)...)[:len(buf)]
		}
	}
}
