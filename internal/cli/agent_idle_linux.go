package cli

import (
	"bufio"
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// giveBack gives memory back to the kernel: the heap's, and the pages of this very
// program that the kernel mapped around those that were used. They are read in
// again from the page cache when they are needed.
func giveBack() {
	debug.FreeOSMemory()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, r := range unchanged(maps, exe) {
		// It is advice: where it is not taken, nothing is lost.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, r[0], r[1]-r[0], unix.MADV_DONTNEED)
	}
}

// unchanged lists the ranges of memory that are a file's, cannot be written and
// were not (a loader may have, before it forbade it), so that what is there now
// is what the file says. smaps is as in proc_pid_smaps(5).
func unchanged(smaps []byte, file string) [][2]uintptr {
	var out [][2]uintptr
	var last [2]uintptr // the range whose lines are being read; zero: none of ours
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) >= 5 && strings.Contains(f[0], "-"):
			last = [2]uintptr{}
			if len(f) == 6 && f[5] == file && (f[1] == "r-xp" || f[1] == "r--p") {
				last = span(f[0])
			}
		case len(f) >= 2 && f[0] == "Anonymous:" && f[1] == "0" && last[0] < last[1]:
			out = append(out, last)
		}
	}
	return out
}

// span reads "from-to" in hexadecimal; a zero span is none.
func span(s string) [2]uintptr {
	from, to, _ := strings.Cut(s, "-")
	a, err := strconv.ParseUint(from, 16, 64)
	b, err2 := strconv.ParseUint(to, 16, 64)
	if err != nil || err2 != nil {
		return [2]uintptr{}
	}
	return [2]uintptr{uintptr(a), uintptr(b)}
}
