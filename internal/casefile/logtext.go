package casefile

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"fairway/internal/fact"
)

// logText is lines as text that people can read: time, who wrote it and the
// message, tabs between them. The lines are tidy, so none holds a tab or a break.
func logText(lines []fact.LogLine) []byte {
	tidy := fact.Snapshot{Nodes: []fact.Node{{Said: &fact.Said{Lines: append([]fact.LogLine(nil), lines...)}}}}
	fact.Tidy(&tidy)
	var b bytes.Buffer
	for _, l := range tidy.Nodes[0].Said.Lines {
		b.Write(l.At.AppendFormat(b.AvailableBuffer(), time.RFC3339Nano))
		b.WriteByte('\t')
		b.WriteString(string(l.From))
		b.WriteByte('\t')
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// readLog is logText read back.
func readLog(data []byte) ([]fact.LogLine, error) {
	lines := make([]fact.LogLine, 0, bytes.Count(data, []byte{'\n'}))
	for text := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSuffix(text, "\n"), "\t", 3)
		if len(f) < 3 {
			return nil, fmt.Errorf("line %d has no time and writer", len(lines)+1)
		}
		at, err := time.Parse(time.RFC3339Nano, f[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(lines)+1, err)
		}
		lines = append(lines, fact.LogLine{At: at, From: fact.LogFrom(f[1]), Text: f[2]})
	}
	return lines, nil
}
