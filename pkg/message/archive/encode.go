package archive

import (
	"encoding/base64"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/pkg/message"
)

// version is the version of the line format.
const version = 1

// AppendLine appends the message's line, including the newline, to dst and returns the extended
// slice. It fails if a header value has a type that does not exist in AMQP, and then returns dst
// unchanged.
func AppendLine(dst []byte, m *message.Message) ([]byte, error) {
	return AppendLineSeen(dst, m, time.Time{})
}

// AppendLineSeen appends a line as AppendLine does, with the time at which the message was seen, to
// the millisecond. The zero time means unknown. Errors are those of AppendLine.
func AppendLineSeen(dst []byte, m *message.Message, at time.Time) ([]byte, error) {
	line, err := lineOf(m)
	if err != nil {
		return dst, fmt.Errorf("archive message %q: %w", m.MessageID, err)
	}
	if !at.IsZero() {
		ms := at.UnixMilli()
		line.Seen = &ms
	}
	longer, err := jsonline.Append(dst, line)
	if err != nil {
		return dst, fmt.Errorf("archive message %q: %w", m.MessageID, err)
	}
	return append(longer, '\n'), nil
}

func lineOf(m *message.Message) (*lineV1, error) {
	if m.Unread != nil {
		return nil, fmt.Errorf("it was not read: %w", m.Unread)
	}
	v := version
	line := &lineV1{
		V: &v, Queue: text(m.Queue), Exchange: text(m.Exchange), RoutingKey: text(m.RoutingKey),
		Redelivered: m.Redelivered,
		Properties:  propertiesOf(&m.Properties),
	}
	line.setBody(m.Body)
	if len(m.Headers) == 0 {
		return line, nil
	}
	headers, err := encodeTable(m.Headers)
	line.Headers = headers
	return line, err
}

// setBody uses text if it is valid and not longer than base64: a body of control characters takes
// six times its size as text.
func (v *lineV1) setBody(b []byte) {
	if utf8.Valid(b) {
		s := string(b)
		quoted, err := jsonline.Append(nil, s)
		if err == nil && (len(b) < 64 || len(quoted) <= base64.StdEncoding.EncodedLen(len(b))) {
			v.Body = &s
			return
		}
	}
	v.BodyBase64 = &b
}

// encodeTable keeps the AMQP types of values. It is the inverse of decodeTable.
func encodeTable(t map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(t))
	for name, v := range t {
		encoded, err := encodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", name, err)
		}
		out[encodeText(name)] = encoded
	}
	return out, nil
}

func encodeValue(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		if utf8.ValidString(x) {
			return x, nil
		}
		return tagged("string64", []byte(x)), nil
	case []byte:
		return tagged("bytes", append([]byte{}, x...)), nil
	case time.Time:
		return tagged("timestamp", x.Unix()), nil
	case float32:
		return encodeFloat("float32", x, float64(x), uint64(math.Float32bits(x))), nil
	case float64:
		return encodeFloat("float64", x, x, math.Float64bits(x)), nil
	case []any:
		return encodeList(x)
	}
	if tag, ok := integerTag(v); ok {
		return tagged(tag, v), nil
	}
	if t, ok := message.AsTable(v); ok {
		table, err := encodeTable(t)
		return tagged("table", table), err
	}
	if d, ok := message.AsDecimal(v); ok {
		return tagged("decimal", map[string]any{"scale": d.Scale, "value": d.Value}), nil
	}
	return nil, fmt.Errorf("AMQP has no type for a Go %T", v)
}

func tagged(tag string, v any) map[string]any { return map[string]any{tag: v} }

func encodeList(list []any) (any, error) {
	out := make([]any, len(list))
	for i, v := range list {
		encoded, err := encodeValue(v)
		if err != nil {
			return nil, err
		}
		out[i] = encoded
	}
	return out, nil
}

// integerTag returns the name of an integer type in an archive. For a Go int it returns what the
// client library writes: 32 bits, if the value fits.
func integerTag(v any) (string, bool) {
	switch n := v.(type) {
	case int8, uint8, int16, uint16, int32, uint32, int64:
		return fmt.Sprintf("%T", n), true
	case int:
		if n == int(int32(n)) {
			return "int32", true
		}
		return "int64", true
	}
	return "", false
}

func encodeFloat(tag string, v any, f float64, bits uint64) any {
	switch {
	case math.IsNaN(f):
		return tagged(tag, fmt.Sprintf("NaN:%x", bits))
	case math.IsInf(f, 1):
		return tagged(tag, "+Inf")
	case math.IsInf(f, -1):
		return tagged(tag, "-Inf")
	}
	return tagged(tag, v)
}
