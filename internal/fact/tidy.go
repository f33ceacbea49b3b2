package fact

import (
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tidy makes every string of a snapshot fit to stand in one line of a report
// or a command: control characters and line breaks become spaces, invisible
// direction marks go, bytes that are not UTF-8 become the replacement character.
// Names come from other people's hosts; a host name with a line break in it
// could otherwise write a line of its own into a report.
func Tidy(s *Snapshot) { tidy(reflect.ValueOf(s).Elem()) }

func tidy(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(plain(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			tidy(v.Elem())
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			tidy(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				tidy(f)
			}
		}
	}
}

// OneLine makes somebody else's words fit for one line of ours: tidy, and cut
// after 300 bytes.
func OneLine(s string) string {
	const most = 300
	s = strings.TrimSpace(plain(s))
	if len(s) > most {
		// A character may be cut in two.
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// Quoted is a word as a shell takes it, for commands that people copy: names
// come from others.
func Quoted(s string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-./:=,@", r)
	}
	if s != "" && !strings.ContainsFunc(s, odd) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Plain makes somebody else's words fit for one line of ours, as long as they are.
func Plain(s string) string { return plain(s) }

func plain(s string) string {
	if printable(s) || utf8.ValidString(s) && !strings.ContainsFunc(s, odd) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Cf):
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// printable text has plain ASCII only: nearly all of a log's lines.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func odd(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}
