package textlog

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWhileItIsRotated reads again and again while a log is written, renamed and
// packed: no line is missing between the first and the last one found, and none comes twice.
func TestWhileItIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docker.log")
	written := make(chan int, 1)
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- keepRotating(path, stop, written) }()
	atLeast := 0
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		select {
		case atLeast = <-written:
		default:
		}
		if atLeast == 0 {
			continue
		}
		found, _ := readAll(t, path, seconds(0, 1<<30))
		got := numbers(t, found)
		expectNumbers(t, found, 0, len(got)-1)
		if len(got) < atLeast {
			t.Fatalf("%d lines were written, %d found", atLeast, len(got))
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestMovedWhileItIsOpened: each step of a rotation is noticed by the one that has
// opened the files before it, and an unchanged folder is not called rotated.
func TestMovedWhileItIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docker.log")
	for i, name := range []string{path + ".4.gz", path + ".3.gz", path + ".2", path + ".1", path} {
		put(t, name, plainLog(10*i, 10), secondNo(10*i+10))
	}
	for _, step := range [][2]string{{".4.gz", ".5.gz"}, {".3.gz", ".4.gz"}, {".1", ".3"}, {"", ".1"}} {
		s, err := openOnce(path, seconds(0, 1<<30))
		must(t, err)
		if s.moved(path) {
			t.Errorf("before %s becomes %s: called moved, and nothing did", step[0], step[1])
		}
		must(t, os.Rename(path+step[0], path+step[1]))
		if !s.moved(path) {
			t.Errorf("%s became %s: not noticed", step[0], step[1])
		}
		s.close()
	}
}

// keepRotating writes lines, and rotates as logrotate does: it renames, the newest
// but one is packed, and nothing is ever thrown away.
func keepRotating(path string, stop chan struct{}, written chan int) error {
	const most = 40
	n, files := 0, 0
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		for range 20 {
			if _, err := f.Write(plainLog(n, 10)); err != nil {
				return err
			}
			n += 10
			select {
			case <-written:
			default:
			}
			written <- n
			select {
			case <-stop:
				return f.Close()
			case <-time.After(5 * time.Millisecond):
			}
		}
		if f.Close(); files < most {
			if err := turnOver(path, files); err != nil {
				return err
			}
			files++
		}
	}
}

// turnOver renames path.2.gz to path.3.gz and so on, packs path.1 and renames path.
func turnOver(path string, files int) error {
	for i := files; i >= 2; i-- {
		if err := os.Rename(fmt.Sprintf("%s.%d.gz", path, i), fmt.Sprintf("%s.%d.gz", path, i+1)); err != nil {
			return err
		}
	}
	if files >= 1 {
		if err := os.Rename(path+".1", path+".2"); err != nil {
			return err
		}
	}
	if err := os.Rename(path, path+".1"); err != nil {
		return err
	}
	if files < 1 {
		return nil
	}
	return pack(path + ".2")
}

func pack(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(name + ".gz")
	if err != nil {
		return err
	}
	w := gzip.NewWriter(out)
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Remove(name)
}
