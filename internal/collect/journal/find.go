package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What is looked at in folders at most. journald keeps 100 files of each user.
const (
	maxNames = 1 << 14
	maxFiles = 512
)

// open opens the journals that may have entries of the window. It is an error
// when nothing could be looked at.
func (r *reader) open(dirs []string) error {
	var first error
	for _, path := range journals(dirs, func(err error) {
		r.hurt(err.Error())
		first = cmp.Or(first, err)
	}) {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.add(path); err != nil {
			r.hurt(err.Error())
			first = cmp.Or(first, err)
		}
	}
	if r.stats.Files > 0 {
		return nil
	}
	return first
}

// add opens one journal and keeps it if it is of the window and new.
func (r *reader) add(path string) error {
	f, err := openFile(path, &r.pages)
	if err != nil {
		return err
	}
	r.stats.Files++
	twice := slices.ContainsFunc(r.files, func(o *file) bool { return os.SameFile(o.info, f.info) })
	if twice || f.outside(r.from, r.to) {
		f.close()
		return nil
	}
	if len(r.files) == maxFiles {
		f.close()
		return fmt.Errorf("read %s: left out, more than %d journals are of the window", path, maxFiles)
	}
	f.seed = uint64(len(r.files)) * 61
	r.files = append(r.files, f)
	return nil
}

// journals lists the journals of folders and of the folders in them.
func journals(dirs []string, hurt func(error)) []string {
	var out []string
	left := maxNames
	var list func(dir string, depth int)
	list = func(dir string, depth int) {
		all, err := names(dir, &left)
		if err != nil {
			hurt(err)
		}
		for _, e := range all {
			path := filepath.Join(dir, e.Name())
			switch {
			case e.IsDir() && depth == 0:
				list(path, 1)
			case !e.IsDir() && (strings.HasSuffix(path, ".journal") || strings.HasSuffix(path, ".journal~")):
				out = append(out, path)
			}
		}
	}
	for _, dir := range dirs {
		list(dir, 0)
	}
	return out
}

// names lists a folder by name; the error comes with what was listed before it.
func names(dir string, left *int) ([]os.DirEntry, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all, err := d.ReadDir(*left + 1)
	if errors.Is(err, io.EOF) {
		err = nil // that is how an empty folder is told
	}
	if len(all) > *left {
		all = all[:*left]
		err = fmt.Errorf("list %s: more than %d names, the rest is left out", dir, maxNames)
	} else if err != nil && len(all) == 0 && !errors.Is(err, fs.ErrNotExist) {
		err = endless(err)
	}
	*left -= len(all)
	slices.SortFunc(all, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, err
}
