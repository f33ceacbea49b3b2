// Package render writes a report for people and for machines: as text for a
// terminal, as JSON, as JUnit XML. It counts and folds lines, but decides
// nothing: what is wrong was settled before a report gets here.
package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"

	"fairway/internal/check"
)

// JSON writes the report as docs/report.schema.json describes it. Nothing is
// left out or changed; characters that a terminal would obey are written as
// JSON's own \u escapes.
func JSON(w io.Writer, r *check.Report) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	_, err := w.Write(escapeUnprintable(b.Bytes()))
	return err
}

// escapeUnprintable works on encoded JSON, where anything beyond ASCII stands
// inside a string.
func escapeUnprintable(b []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(b) {
		switch {
		case r == '\n' || unicode.IsPrint(r) || r == unicode.ReplacementChar:
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default: // a surrogate pair (RFC 8259, section 7)
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return out.Bytes()
}
