package message

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Table is an AMQP field table: headers and nested tables. Values are bool, int8, uint8, int16,
// uint16, int32, uint32, int64, float32, float64, Decimal, string, []byte, time.Time (whole
// seconds), []any, a table, or nil.
type Table map[string]any

// Decimal is the AMQP decimal: Value divided by ten to the power of Scale. No broker computes with
// it, and one in a header closes the connection of whoever publishes it to a stream (fact
// stream-refuses-decimals).
type Decimal struct {
	Scale uint8
	Value int32
}

// Float returns the decimal as the nearest float64.
func (d Decimal) Float() float64 { return float64(d.Value) / math.Pow10(int(d.Scale)) }

// AsTable returns v as a map when it is a table of any type: Table, map[string]any, or a client
// library's own. Nothing is copied: the map is v itself.
func AsTable(v any) (map[string]any, bool) {
	switch t := v.(type) {
	case nil:
		return nil, false
	case Table:
		return t, true
	case map[string]any:
		return t, true
	case string, []byte, []any, int64, int32, bool, time.Time, float64:
		return nil, false // the usual values, kept away from reflection
	}
	rv := reflect.ValueOf(v)
	if want := reflect.TypeFor[map[string]any](); rv.Kind() == reflect.Map && rv.Type().ConvertibleTo(want) {
		return rv.Convert(want).Interface().(map[string]any), true
	}
	return nil, false
}

// AsArray returns v as a slice when it is an AMQP array. Nothing is copied.
func AsArray(v any) ([]any, bool) {
	a, ok := v.([]any)
	return a, ok
}

// AsDecimal returns v as a Decimal when it is one, of whatever library.
func AsDecimal(v any) (Decimal, bool) {
	switch d := v.(type) {
	case Decimal:
		return d, true
	case nil, string, []byte, []any, int64, int32, bool, time.Time, float64, Table, map[string]any:
		return Decimal{}, false
	}
	rv := reflect.ValueOf(v)
	if want := reflect.TypeFor[Decimal](); rv.Kind() == reflect.Struct && rv.Type().ConvertibleTo(want) {
		return rv.Convert(want).Interface().(Decimal), true
	}
	return Decimal{}, false
}

// AsInt returns v as an int64 when it is an integer of any width, or a float64 without a fraction,
// which is what an integer becomes on its way through JSON.
func AsInt(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int32:
		return int64(n), true
	case int:
		return int64(n), true
	case int16:
		return int64(n), true
	case int8:
		return int64(n), true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

// AsCount returns v as an int64 when AsInt does, or when it is text that is nothing but such a
// number: some clients turn all headers into text. Of more digits than an int64 has, it is the
// nearest int64.
func AsCount(v any) (int64, bool) {
	if n, ok := AsInt(v); ok {
		return n, true
	}
	s, ok := AsString(v)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// AsString returns v as text when it is a string or a byte array: some clients send strings as byte
// arrays.
func AsString(v any) (string, bool) {
	switch s := v.(type) {
	case string:
		return s, true
	case []byte:
		return string(s), true
	}
	return "", false
}

// AsTime returns v as a time when it is an AMQP timestamp, or a whole number of seconds since 1970,
// which is what a timestamp becomes in the management API's JSON.
func AsTime(v any) (time.Time, bool) {
	if t, ok := v.(time.Time); ok {
		return t, true
	}
	if s, ok := AsInt(v); ok {
		return time.Unix(s, 0).UTC(), true
	}
	return time.Time{}, false
}

// Text returns the header as text, or "" when it is absent or no text.
func (t Table) Text(name string) string {
	s, _ := AsString(t[name])
	return s
}

// Native returns t as a client library's own table type T, with nested tables as T and decimals as
// the library's. The top level is not copied, and a nested value is copied only when it has to
// change: tables that the client itself decoded pass as they are. It is what a publisher applies to
// headers that may come from an archive.
//
// Tables that are T already are trusted to hold nothing of this package.
func Native[T ~map[string]any](t Table, decimal func(Decimal) any) T {
	out, copied := T(t), false
	for k, v := range t {
		n, changed := native[T](v, decimal)
		if !changed {
			continue
		}
		if !copied {
			out, copied = make(T, len(t)), true
			for k, v := range t {
				out[k] = v
			}
		}
		out[k] = n
	}
	return out
}

func native[T ~map[string]any](v any, decimal func(Decimal) any) (any, bool) {
	switch x := v.(type) {
	case int: // the client library would cut it to 32 bits
		return int64(x), true
	case Decimal:
		return decimal(x), true
	case T:
		return v, false
	case Table:
		return Native[T](x, decimal), true
	case map[string]any:
		return Native[T](x, decimal), true
	case []any:
		if out := nativeArray[T](x, decimal); out != nil {
			return out, true
		}
	}
	return v, false
}

// nativeArray returns a copy of a with what has to change, or nil when nothing has to.
func nativeArray[T ~map[string]any](a []any, decimal func(Decimal) any) []any {
	var out []any
	for i, v := range a {
		n, changed := native[T](v, decimal)
		if !changed {
			continue
		}
		if out == nil {
			out = append([]any(nil), a...)
		}
		out[i] = n
	}
	return out
}
