package casefile

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// deepest is how far JSON may be nested; facts need about a dozen levels.
const deepest = 40

var (
	errDeep  = errors.New("it is nested deeper than any fact")
	errHeavy = errors.New("it would take too much memory")
	errKey   = errors.New("a name of a field is not plain")
)

// scale says how much memory JSON will take once it is decoded, before it is:
// `[{},{}]` is short and may stand for two large values. It knows the types that
// the values go into and does not check the grammar: json.Unmarshal does, before
// it allocates.
type scale struct {
	fields map[reflect.Type]map[string]reflect.Type
	weight int64
	// most is the weight at which it gives up.
	most int64
}

// decode weighs and decodes one part.
func (s *scale) decode(data []byte, into any) error {
	t := reflect.TypeOf(into).Elem()
	s.weight += int64(t.Size())
	if _, err := s.value(data, t, 0); err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// value weighs the value that data begins with and returns what comes after it.
func (s *scale) value(data []byte, t reflect.Type, depth int) ([]byte, error) {
	data = space(data)
	switch {
	case s.weight > s.most:
		return nil, errHeavy
	case depth > deepest:
		return nil, errDeep
	case len(data) == 0:
		return nil, nil
	}
	switch data[0] {
	case '{':
		return s.object(data[1:], s.pointed(t), depth)
	case '[':
		return s.array(data[1:], s.pointed(t), depth)
	case '"':
		word, rest := quoted(data)
		if t = s.pointed(t); t != nil && t.Kind() == reflect.String {
			s.weight += textWeight(word)
		}
		return rest, nil
	}
	if i := bytes.IndexAny(data, ",]} \t\r\n"); i >= 0 {
		return data[i:], nil
	}
	return nil, nil
}

// pointed is what a value of that type holds: behind a pointer it is memory of
// its own.
func (s *scale) pointed(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
		s.weight += int64(t.Size())
	}
	return t
}

func (s *scale) object(data []byte, t reflect.Type, depth int) ([]byte, error) {
	fields := s.fieldsOf(t)
	for {
		data = space(data)
		if len(data) == 0 || data[0] == '}' {
			return after(data), nil
		}
		if data[0] == ',' {
			data = data[1:]
			continue
		}
		if data[0] != '"' {
			return nil, nil // no JSON: left to the decoder
		}
		var name []byte
		name, data = quoted(data)
		if !plainKey(name) {
			return nil, errKey
		}
		if data = space(data); len(data) == 0 || data[0] != ':' {
			return nil, nil
		}
		var err error
		// The decoder takes field names in any case.
		if data, err = s.value(data[1:], fields[strings.ToLower(string(name))], depth+1); err != nil {
			return nil, err
		}
	}
}

func (s *scale) array(data []byte, t reflect.Type, depth int) ([]byte, error) {
	var elem reflect.Type
	size := int64(0)
	if t != nil && t.Kind() == reflect.Slice && !leaf(t) {
		elem = t.Elem()
		size = 2 * int64(elem.Size()) // a list that grows has room to spare
	}
	for {
		data = space(data)
		if len(data) == 0 || data[0] == ']' {
			return after(data), nil
		}
		if data[0] == ',' {
			data = data[1:]
			continue
		}
		if data[0] == '}' || data[0] == ':' {
			return nil, nil // no JSON
		}
		s.weight += size
		var err error
		if data, err = s.value(data, elem, depth+1); err != nil {
			return nil, err
		}
	}
}

// fieldsOf are the types of a struct's fields by their name in lower case; nil for
// what is no struct, or decodes itself.
func (s *scale) fieldsOf(t reflect.Type) map[string]reflect.Type {
	if t == nil || t.Kind() != reflect.Struct || leaf(t) {
		return nil
	}
	if f, ok := s.fields[t]; ok {
		return f
	}
	out := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		name := f.Name
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" {
			name = tag
		}
		out[strings.ToLower(name)] = f.Type
	}
	if s.fields == nil {
		s.fields = map[reflect.Type]map[string]reflect.Type{}
	}
	s.fields[t] = out
	return out
}

var (
	jsonDecoder = reflect.TypeFor[json.Unmarshaler]()
	textDecoder = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// leaf types decode themselves, from a word.
func leaf(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonDecoder) || p.Implements(textDecoder)
}

// textWeight is how long a string may become: bytes that are no UTF-8 turn into
// three.
func textWeight(b []byte) int64 {
	w := int64(len(b))
	for _, c := range b {
		if c >= 0x80 {
			w += 2
		}
	}
	return w
}

func space(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// quoted cuts a string off, without its quotes.
func quoted(b []byte) (word, rest []byte) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:]
		}
	}
	return nil, nil
}

func after(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b[1:]
}

// plainKey keeps out names that the decoder would read as another one: escapes,
// and letters that fold into others.
func plainKey(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}
