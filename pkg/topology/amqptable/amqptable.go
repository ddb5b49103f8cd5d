// Package amqptable brings the values of AMQP argument tables into one normal form, in which they
// can be compared and written. They come from YAML, JSON and AMQP with types of their own.
//
// In normal form a value is nil, bool, int64, float64, string, []any or map[string]any of the same.
// An integer has no width, because RabbitMQ compares integers without regard to it. A float is
// never an integer: the broker tells 1000.0 from 1000, and refuses it where it wants an integer.
//
// The functions keep no state and do not change what they are given.
package amqptable

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Table is an argument table in normal form. NormaliseTable makes one. A nil table equals an empty
// one.
type Table map[string]any

// Normalise returns a value decoded from YAML, JSON or AMQP in normal form. Integers of every width
// become int64, and float64 where int64 is too small. A json.Number becomes int64 where it is
// written as an integer that fits, and float64 otherwise. A value of any other type is returned as
// it is.
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
	case Table:
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

// NormaliseTable returns a table in normal form, nil for an empty one.
func NormaliseTable(m map[string]any) Table {
	if len(m) == 0 {
		return nil
	}
	return normaliseMap(m)
}

// Equal reports whether two tables in normal form hold the same values of the same types.
func (t Table) Equal(other Table) bool { return equalTables(t, other) }

func equalTables(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, x := range a {
		if y, ok := b[k]; !ok || !Equal(x, y) {
			return false
		}
	}
	return true
}

// Equal reports whether two values in normal form are the same value of the same type.
func Equal(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && equalTables(x, y)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, Equal)
	case nil, bool, int64, float64, string:
		return a == b
	}
	return Canonical(a) == Canonical(b)
}

// Keys returns the names of the arguments, sorted.
func (t Table) Keys() []string { return slices.Sorted(maps.Keys(t)) }

// Clone returns a shallow copy, never nil.
func (t Table) Clone() Table {
	c := make(Table, len(t))
	maps.Copy(c, t)
	return c
}

// Canonical returns Canonical of the table, and "" for an empty one. Two tables are equal for the
// broker when their canonical texts are equal.
func (t Table) Canonical() string {
	if len(t) == 0 {
		return ""
	}
	return Canonical(map[string]any(t))
}

// Canonical returns a value in normal form as JSON with sorted keys, in which a float always has a
// decimal point or an exponent.
func Canonical(v any) string {
	var b strings.Builder
	writeCanonical(&b, v)
	return b.String()
}

func writeCanonical(b *strings.Builder, v any) {
	switch x := v.(type) {
	case map[string]any:
		writeCanonicalMap(b, x)
	case Table:
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
