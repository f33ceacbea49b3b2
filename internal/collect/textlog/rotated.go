package textlog

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sibling is a rotated file.
type sibling struct {
	name string
	info fs.FileInfo
}

// siblings lists the rotated files beside path, the one that was written last first.
func siblings(path string) (out []sibling) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxNames)
	for _, name := range names {
		plain, packed := cutPacked(name)
		if !rotated(filepath.Base(path), plain) || packed != "" && slices.Contains(names, plain) {
			continue // the compressor is at it still, or the name is another log's
		}
		full := filepath.Join(filepath.Dir(path), name)
		if info, err := os.Stat(full); err == nil {
			out = append(out, sibling{full, info})
		}
	}
	slices.SortFunc(out, func(a, b sibling) int {
		if c := b.info.ModTime().Compare(a.info.ModTime()); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	return out
}

// sameSiblings says whether two lists hold the same files by the same names, in any order.
func sameSiblings(a, b []sibling) bool {
	infos := map[string]fs.FileInfo{}
	for _, x := range a {
		infos[x.name] = x.info
	}
	return len(a) == len(b) && !slices.ContainsFunc(b, func(x sibling) bool {
		info, ok := infos[x.name]
		return !ok || !os.SameFile(info, x.info)
	})
}

// rotated says whether a name is base with what logrotate puts behind it, or before
// its extension: .1, -20260101, -2026-01-01-1767225600.
func rotated(base, name string) bool {
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	return turn(strings.CutPrefix(name, base)) ||
		stem != "" && ext != "" && strings.HasSuffix(name, ext) && turn(strings.CutPrefix(strings.TrimSuffix(name, ext), stem))
}

// turn is what tells rotated files apart.
func turn(s string, found bool) bool {
	return found && len(s) >= 2 && (s[0] == '.' || s[0] == '-') && s[1] >= '0' && s[1] <= '9' &&
		strings.Trim(s[1:], "0123456789-_") == ""
}
