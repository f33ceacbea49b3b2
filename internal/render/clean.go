package render

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fairway/internal/check"
)

// Clean makes a text fit for a terminal and for XML: names and messages come
// from outside and may hold escape sequences, line breaks, bidirectional
// controls or bytes that are no UTF-8. Whatever is not printable is shown as
// \x1b or \u202e; line breaks become spaces.
func Clean(s string) string { return clean(s, false) }

func clean(s string, lines bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' && lines:
			b.WriteByte('\n')
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// cleaned is a deep copy of a report with every string in it clean. It goes by
// reflection, so that no field added later can be forgotten.
func cleaned(r *check.Report) *check.Report {
	c := *r
	scrub(reflect.ValueOf(&c).Elem(), false)
	return &c
}

// scrub cleans a value in place and copies what it shares with others.
func scrub(v reflect.Value, lines bool) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(clean(v.String(), lines))
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		for i := range own.Len() {
			scrub(own.Index(i), lines)
		}
		v.Set(own)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		scrub(own.Elem(), lines)
		v.Set(own)
	case reflect.Struct:
		scrubStruct(v)
	}
}

func scrubStruct(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range v.NumField() {
		// These hold one command or sentence a line.
		name := v.Type().Field(i).Name
		scrub(v.Field(i), name == "Relief" || name == "Confirm" || name == "Fix")
	}
}
