package topology

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Arguments is an AMQP argument table in normal form: values are nil, bool, int64, float64, string,
// []any or map[string]any of the same. Build one with NormaliseTable. A nil and an empty table are
// equal.
type Arguments map[string]any

// Normalise brings a value decoded from YAML, JSON or AMQP into normal form: all integer widths
// become int64 (RabbitMQ compares them without regard to width), json.Number becomes int64 where it
// is written as an integer and float64 otherwise, tables become map[string]any. A float is never
// made an integer: the broker tells 1000.0 from 1000 and refuses it where it wants an integer.
func Normalise(v any) any {
	switch x := v.(type) {
	case int:
		return int64(x)
	case int8:
		return int64(x)
	case int16:
		return int64(x)
	case int32:
		return int64(x)
	case uint8:
		return int64(x)
	case uint16:
		return int64(x)
	case uint32:
		return int64(x)
	case uint64:
		if x <= math.MaxInt64 {
			return int64(x)
		}
		return float64(x)
	case uint:
		return Normalise(uint64(x))
	case float32:
		return float64(x)
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	case []byte:
		return string(x)
	case []string:
		list := make([]any, len(x))
		for i, s := range x {
			list[i] = s
		}
		return list
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = Normalise(e)
		}
		return list
	case Arguments:
		return normaliseMap(x)
	case map[string]any:
		return normaliseMap(x)
	}
	return v
}

func normaliseMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = Normalise(v)
	}
	return out
}

// NormaliseTable is Normalise for a table. It returns nil for an empty one.
func NormaliseTable(m map[string]any) Arguments {
	if len(m) == 0 {
		return nil
	}
	return normaliseMap(m)
}

// Equal reports whether two tables in normal form hold the same values of the same types.
func (a Arguments) Equal(b Arguments) bool { return len(a) == len(b) && equalTables(a, b) }

func equalTables(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, x := range a {
		if y, ok := b[k]; !ok || !EqualValues(x, y) {
			return false
		}
	}
	return true
}

// EqualValues reports whether two values in normal form are the same value of the same type.
func EqualValues(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && equalTables(x, y)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, EqualValues)
	case nil, bool, int64, float64, string:
		return a == b
	}
	return CanonicalValue(a) == CanonicalValue(b)
}

// Keys returns the names in order.
func (a Arguments) Keys() []string { return slices.Sorted(maps.Keys(a)) }

// Clone returns a shallow copy, never nil.
func (a Arguments) Clone() Arguments {
	c := make(Arguments, len(a))
	maps.Copy(c, a)
	return c
}

// Canonical returns the table as JSON with ordered keys, in which a float always shows a point or
// an exponent, and "" for an empty table. Two tables are equal for the broker when their canonical
// texts are.
func (a Arguments) Canonical() string {
	if len(a) == 0 {
		return ""
	}
	return CanonicalValue(map[string]any(a))
}

// CanonicalValue returns a value in normal form as canonical JSON (see Arguments.Canonical).
func CanonicalValue(v any) string {
	var b strings.Builder
	writeCanonical(&b, v)
	return b.String()
}

func writeCanonical(b *strings.Builder, v any) {
	switch x := v.(type) {
	case map[string]any:
		writeCanonicalMap(b, x)
	case Arguments:
		writeCanonicalMap(b, x)
	case []any:
		b.WriteByte('[')
		for i, e := range x {
			if i > 0 {
				b.WriteByte(',')
			}
			writeCanonical(b, e)
		}
		b.WriteByte(']')
	case float64:
		s := strconv.FormatFloat(x, 'g', -1, 64)
		b.WriteString(s)
		if !strings.ContainsAny(s, ".eIN") {
			b.WriteString(".0")
		}
	case int64:
		b.WriteString(strconv.FormatInt(x, 10))
	case string:
		writeCanonicalString(b, x)
	default:
		if j, err := json.Marshal(x); err == nil {
			b.Write(j)
		} else {
			fmt.Fprintf(b, "%q", fmt.Sprint(x))
		}
	}
}

func writeCanonicalMap(b *strings.Builder, m map[string]any) {
	b.WriteByte('{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteByte(',')
		}
		writeCanonicalString(b, k)
		b.WriteByte(':')
		writeCanonical(b, m[k])
	}
	b.WriteByte('}')
}

func writeCanonicalString(b *strings.Builder, s string) {
	if isPlain(s) {
		b.WriteByte('"')
		b.WriteString(s)
		b.WriteByte('"')
		return
	}
	var buf strings.Builder
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)
	b.WriteString(strings.TrimSuffix(buf.String(), "\n"))
}

// isPlain reports whether JSON writes s as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
