package textlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	// maxNames bounds how much of a folder is looked through for siblings, maxFiles
	// how many of them are opened, the newest first.
	maxNames = 10000
	maxFiles = 64
	// tries is how often a log is opened anew that is being rotated; the n-th waits
	// n pauses.
	tries = 5
	pause = 10 * time.Millisecond
)

// file is one opened file of a log.
type file struct {
	*os.File
	name  string
	size  int64
	info  fs.FileInfo
	clock clock
	// packed undoes the compression; nil: there is none.
	packed unpacker
	// first is the first stamp, if there is one near the start (starts).
	first  stamp
	starts bool
	// begun is no earlier than when the file was begun even if its first stretch has
	// wrong stamps (sure): the later one of the first stamp and of one behind it.
	begun stamp
	sure  bool
}

// set is a log: the files that may reach into the window, oldest first.
type set struct {
	files          []*file
	damage         []string
	first, written time.Time
	// listed are the siblings that were there before the first was opened.
	listed []sibling
}

func (s *set) close() {
	for _, f := range s.files {
		f.Close()
	}
}

// open opens the file at path and its siblings. Where it was rotated meanwhile it
// starts over: then a file may have been missed, or opened by two names.
func open(path string, q Query) (*set, error) {
	for try := 1; ; try++ {
		s, err := openOnce(path, q)
		if err != nil || !s.moved(path) {
			return s, err
		}
		if try == tries {
			s.damage = append(s.damage, path+": it was rotated again and again while it was opened: lines may be missing")
			return s, nil
		}
		s.close()
		time.Sleep(time.Duration(try) * pause)
	}
}

func openOnce(path string, q Query) (*set, error) {
	s := &set{}
	err := s.add(path, q)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(s.files) > 0 {
		q.Zone = s.files[0].clock.zone
	}
	s.addSiblings(path, q)
	if len(s.files) == 0 && s.first.IsZero() {
		return nil, cause(err)
	}
	slices.SortStableFunc(s.files, func(a, b *file) int { return a.age().Compare(b.age()) })
	return s, nil
}

// addSiblings opens those that were still written when the window began.
func (s *set) addSiblings(path string, q Query) {
	opened := 0
	s.listed = siblings(path)
	for _, sib := range s.listed {
		written := sib.info.ModTime()
		if written.Add(wallSlack).Before(q.From) {
			s.begins(written)
			s.wrote(written)
		} else if opened++; opened > maxFiles {
			s.damage = append(s.damage, sib.name+": it was not opened, nor were those before it: they are too many")
			return
		} else if err := s.add(sib.name, q); err != nil {
			s.damage = append(s.damage, fmt.Sprintf("%s: %v", sib.name, err))
		}
	}
}

// cause drops the path from an error about a file: whoever prints it names the file.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// add opens one file, unless it is open by another name already.
func (s *set) add(name string, q Query) error {
	f, err := openFile(name, q)
	if err != nil {
		return cause(err)
	}
	if slices.ContainsFunc(s.files, func(o *file) bool { return os.SameFile(o.info, f.info) }) {
		return f.Close()
	}
	s.files = append(s.files, f)
	if f.starts {
		s.begins(f.first.at)
	}
	s.wrote(f.info.ModTime())
	return nil
}

func (s *set) wrote(at time.Time) {
	if at.After(s.written) {
		s.written = at
	}
}

func (s *set) begins(at time.Time) {
	if s.first.IsZero() || at.Before(s.first) {
		s.first = at
	}
}

// moved says whether names mean other files by now. logrotate turns the siblings over
// before the file at path, the oldest first: each of them is looked at.
func (s *set) moved(path string) bool {
	if !sameSiblings(s.listed, siblings(path)) {
		return true
	}
	now, err := os.Stat(path)
	if err != nil {
		return slices.ContainsFunc(s.files, func(f *file) bool { return f.name == path })
	}
	return !slices.ContainsFunc(s.files, func(f *file) bool { return os.SameFile(f.info, now) })
}

// openFile opens a regular file. What is none is not opened at all: that could block
// or, for a device, do something.
func openFile(name string, q Query) (*file, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	in, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = in.Stat(); err != nil || !info.Mode().IsRegular() {
		in.Close()
		return nil, errors.Join(err, errNotRegular)
	}
	f := &file{File: in, name: name, info: info, size: info.Size(), packed: unpackers[filepath.Ext(name)],
		clock: newClock(q.Zone, info.ModTime())}
	f.look()
	if f.starts && f.first.wall && f.packed == nil {
		if zone := f.ownZone(); zone != nil {
			f.clock = newClock(zone, info.ModTime())
			f.look()
		}
	}
	return f, nil
}

var errNotRegular = errors.New("it is not a regular file")

// beingWritten says whether somebody wrote into the file just now: a line without an
// end may be half a line then, and half an address is a wrong one.
func (f *file) beingWritten() bool {
	info, err := f.Stat()
	return err == nil && time.Since(info.ModTime()).Abs() < time.Second
}

// look finds out when a file begins.
func (f *file) look() {
	in, err := f.unpacked()
	if err != nil {
		return // told when it is read
	}
	defer in.Close()
	var l lines
	l.reset(io.LimitReader(in, lookFor), 0, false)
	s, at, ok := firstStamp(&l, f.clock)
	f.first, f.starts = s, ok
	for next := at; ok && next < at+Stretch; {
		s, next, ok = firstStamp(&l, f.clock)
	}
	if ok && s.at.Before(f.first.at) {
		s = f.first
	}
	f.begun, f.sure = s, ok
}

// age sorts files: by their first stamp, else by their last write.
func (f *file) age() time.Time {
	if f.starts {
		return f.first.at
	}
	return f.info.ModTime()
}

// endsBefore says whether a file was given up before the window for one of those
// that follow. One that is not packed is searched instead, which needs no trust in
// their order: first stamps are in disorder, too.
func (f *file) endsBefore(from time.Time, next []*file) bool {
	return f.packed != nil && f.sure && slices.ContainsFunc(next, func(n *file) bool {
		return n.sure && n.begun.at.Sub(f.begun.at) > n.begun.slack() && n.begun.at.Before(from.Add(-n.begun.slack()))
	})
}
