package said

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// message is what an engine or a kernel said, without time stamp and level, with
// the fields that followed it.
//
// Forms: logrus's text (`time="…" level=… msg="…" key=value`), its JSON
// (`--log-format json`, engine 23 and later), either of them as journald's MESSAGE
// or behind syslog's header, and a bare text.
func message(line string) string {
	line = strings.TrimSpace(line)
	if i := strings.IndexByte(line, '{'); i >= 0 && strings.HasSuffix(line, "}") {
		if m, ok := fromJSON(line[i:]); ok {
			return m
		}
	}
	if m, ok := fromText(line); ok {
		return m
	}
	return bare(line)
}

func fromJSON(line string) (string, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &fields) != nil {
		return "", false
	}
	var msg string
	if json.Unmarshal(fields["msg"], &msg) != nil {
		return "", false
	}
	var rest []string
	for k, v := range fields {
		if k != "msg" && k != "time" && k != "level" {
			rest = append(rest, k+"="+jsonValue(v))
		}
	}
	slices.Sort(rest)
	return strings.Join(append([]string{msg}, rest...), " "), true
}

// jsonValue writes a field as logrus's text form would.
func jsonValue(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return string(v)
	}
	if s == "" || strings.ContainsFunc(s, needsQuotes) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// needsQuotes is logrus's own rule for values in text.
func needsQuotes(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._/@^+", r)
}

func fromText(line string) (string, bool) {
	at := 0
	if !strings.HasPrefix(line, "level=") {
		i := strings.Index(line, " level=")
		if i < 0 {
			return "", false
		}
		at = i + 1
	}
	_, rest, ok := strings.Cut(line[at:], " msg=")
	if !ok {
		return "", false
	}
	if !strings.HasPrefix(rest, `"`) {
		return rest, true
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		// Cut off by a limit on the length of lines.
		return rest[1:], true
	}
	msg, err := strconv.Unquote(quoted)
	if err != nil {
		return quoted, true
	}
	return msg + rest[len(quoted):], true
}

// bare cuts what syslog and the kernel put before a message.
func bare(line string) string {
	if _, after, ok := strings.Cut(line, " kernel: "); ok {
		line = after
	}
	if strings.HasPrefix(line, "[") {
		if stamp, after, ok := strings.Cut(line, "] "); ok && !strings.ContainsFunc(stamp[1:], notStamp) {
			line = after
		}
	}
	return line
}

func notStamp(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != ' ' }
