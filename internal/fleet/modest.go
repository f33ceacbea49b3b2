package fleet

import "fmt"

// How many parts a message may have. Four bytes of JSON can stand for a struct
// of hundreds, so bytes alone bound nothing.
const (
	maxRequestParts = 64 << 10
	maxAnswerParts  = 2 << 20
	maxDepth        = 64
)

// modest returns an error for JSON that has more list elements and objects than
// most, or that is nested absurdly. It does not care whether the JSON is right.
func modest(b []byte, most int) error {
	var lists [maxDepth]bool // by depth: are we in a list?
	depth, parts, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth >= maxDepth {
				return fmt.Errorf("it is nested deeper than %d", maxDepth-1)
			}
			lists[depth] = c == '['
			parts++
		case c == ']' || c == '}':
			depth = max(depth-1, 0)
		case c == ',' && lists[depth]:
			parts++
		}
		if parts > most {
			return fmt.Errorf("it has more than %d parts", most)
		}
	}
	return nil
}
