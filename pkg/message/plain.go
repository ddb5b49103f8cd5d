package message

import (
	"math"
	"strconv"
	"time"
)

// maxPlainDepth limits the depth of nested tables; a sender may nest as deep as a frame can hold.
const maxPlainDepth = 64

// Plain returns a header's value in a form that encoding/json can write, for readers that need not
// restore it; package archive keeps the types. at converts a time. Bytes become a string, a decimal
// becomes a number, and NaN and the infinities become strings. A value of any other type, and a
// table or array nested more than 64 levels deep, becomes nil.
func Plain(v any, at func(time.Time) any) any { return plain(v, at, 0) }

func plain(v any, at func(time.Time) any, depth int) any {
	switch x := v.(type) {
	case nil, bool, string:
		return v
	case []byte:
		return string(x)
	case time.Time:
		return at(x)
	case float32:
		if notFinite(float64(x)) {
			return strconv.FormatFloat(float64(x), 'g', -1, 32)
		}
		return x
	case float64:
		if notFinite(x) {
			return strconv.FormatFloat(x, 'g', -1, 64)
		}
		return x
	case []any:
		return plainList(x, at, depth)
	}
	if n, ok := AsInt(v); ok {
		return n
	}
	if t, ok := AsTable(v); ok {
		return plainTable(t, at, depth)
	}
	if d, ok := AsDecimal(v); ok {
		return d.Float()
	}
	return nil
}

func notFinite(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) }

func plainList(list []any, at func(time.Time) any, depth int) any {
	if depth > maxPlainDepth {
		return nil
	}
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = plain(e, at, depth+1)
	}
	return out
}

func plainTable(t map[string]any, at func(time.Time) any, depth int) any {
	if depth > maxPlainDepth {
		return nil
	}
	out := make(map[string]any, len(t))
	for name, v := range t {
		out[name] = plain(v, at, depth+1)
	}
	return out
}
