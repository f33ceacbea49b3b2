package collect

import (
	"bytes"
	"strconv"
	"time"
)

// record reads one record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg, since
// 3.5): "priority,sequence,µs since boot,flags;message\n KEY=value…". Only those of
// the kernel itself count; programs may write there, too.
func record(b []byte) (since time.Duration, text []byte, ok bool) {
	head, text, ok := bytes.Cut(b, []byte(";"))
	fields := bytes.SplitN(head, []byte(","), 4)
	if !ok || len(fields) < 3 {
		return 0, nil, false
	}
	priority, err := strconv.ParseUint(string(fields[0]), 10, 32)
	micros, err2 := strconv.ParseInt(string(fields[2]), 10, 53)
	if err != nil || err2 != nil || micros < 0 || priority>>3 != 0 { // the facility, LOG_KERN is 0
		return 0, nil, false
	}
	text, _, _ = bytes.Cut(text, []byte("\n"))
	return time.Duration(micros) * time.Microsecond, unescaped(text), len(text) > 0
}

// unescaped undoes the kernel's \x0a for bytes that are not printable.
func unescaped(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\x`)) {
		return text
	}
	var out []byte
	for i := 0; i < len(text); i++ {
		if i+4 <= len(text) && text[i] == '\\' && text[i+1] == 'x' {
			if v, err := strconv.ParseUint(string(text[i+2:i+4]), 16, 8); err == nil {
				out, i = append(out, byte(v)), i+3
				continue
			}
		}
		out = append(out, text[i])
	}
	return out
}
