package message

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Table is an AMQP field table: headers or a nested table. Values are bool, int8, uint8, int16,
// uint16, int32, uint32, int64, float32, float64, Decimal, string, []byte, time.Time (whole
// seconds), []any, a table, or nil.
type Table map[string]any

// Decimal is the AMQP decimal: Value divided by ten to the power of Scale. No broker computes with
// it. A decimal in a header of a message published to a stream closes the publisher's connection
// (fact stream-refuses-decimals).
type Decimal struct {
	Scale uint8
	Value int32
}

// Float returns the decimal as the nearest float64.
func (d Decimal) Float() float64 { return float64(d.Value) / math.Pow10(int(d.Scale)) }

// AsTable returns v as a map if it is a table of any type: Table, map[string]any, or a client
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

// AsArray returns v as a slice if it is an AMQP array. Nothing is copied.
func AsArray(v any) ([]any, bool) {
	a, ok := v.([]any)
	return a, ok
}

// AsDecimal returns v as a Decimal if it is a decimal of any library.
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

// AsInt returns v as an int64 if it is an integer of any width, or a float64 without a fraction,
// which an integer becomes when it passes through JSON.
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

// AsCount returns v as an int64 if AsInt does, or if it is a string that contains only an integer:
// some clients turn all headers into strings. A number that does not fit becomes the nearest int64.
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

// AsString returns v as a string if it is a string or a byte array: some clients send strings as
// byte arrays.
func AsString(v any) (string, bool) {
	switch s := v.(type) {
	case string:
		return s, true
	case []byte:
		return string(s), true
	}
	return "", false
}

// AsTime returns v as a time if it is an AMQP timestamp, or a whole number of seconds since 1970,
// which a timestamp becomes in the management API's JSON.
func AsTime(v any) (time.Time, bool) {
	if t, ok := v.(time.Time); ok {
		return t, true
	}
	if s, ok := AsInt(v); ok {
		return time.Unix(s, 0).UTC(), true
	}
	return time.Time{}, false
}

// Plausible reports whether t is a date: RFC 3339 can represent it, in the years 0 to 9999, and it is
// not the zero time. AMQP timestamps may have any 64-bit number of seconds.
func Plausible(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 0 && year <= 9999
}

// Meant returns the date that an AMQP timestamp means: t itself if it is plausible. Some publishers
// count milliseconds where AMQP has seconds: what is a date only in milliseconds is read so. The
// result is the zero time if t is no date at all.
func Meant(t time.Time) time.Time {
	if Plausible(t) {
		return t
	}
	if ms := time.UnixMilli(t.Unix()); t.Unix() > 0 && Plausible(ms) {
		return ms
	}
	return time.Time{}
}

// Text returns the header as a string, or "" if it is absent or is not a string.
func (t Table) Text(name string) string {
	s, _ := AsString(t[name])
	return s
}

// Native returns t as a client library's own table type T, with nested tables as T and decimals
// converted by decimal. The top level is not copied, and a nested value is copied only if it must
// change: tables that the library itself decoded pass unchanged. Publishers apply it to headers
// that may come from an archive.
//
// Tables that already are T are trusted to hold no types of this package.
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

// nativeArray returns a converted copy of a, or nil if nothing has to change.
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
