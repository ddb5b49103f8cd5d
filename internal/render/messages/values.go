package messages

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/document"
)

func properties(m *message.Message) map[string]any {
	out := map[string]any{}
	for _, p := range m.Texts() {
		out[p.Name] = ValidUTF8(p.Value)
	}
	if m.Present(message.DeliveryModeProperty) {
		out["deliveryMode"] = m.DeliveryMode
	}
	if m.Present(message.PriorityProperty) {
		out["priority"] = m.Priority
	}
	if m.Present(message.TimestampProperty) {
		out["timestamp"] = timestamp(m.Timestamp)
	}
	return out
}

// ValidUTF8 replaces invalid UTF-8, which JSON cannot represent, by U+FFFD.
func ValidUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// timestamp returns a time for JSON. RFC 3339 has years of four digits, but AMQP timestamps have
// 64-bit seconds: for times out of range, it returns the number of seconds.
func timestamp(t time.Time) any {
	if at := document.Time(t); at != nil {
		return *at
	}
	return seconds(t.Unix())
}

// seconds is an AMQP timestamp outside the years of RFC 3339: JSON has it as a number.
type seconds int64

// String returns the number, with the date that it is in milliseconds if there is one.
func (s seconds) String() string {
	text := strconv.FormatInt(int64(s), 10)
	if at := message.Meant(time.Unix(int64(s), 0)); !at.IsZero() {
		text += " (in milliseconds: " + at.UTC().Format(time.RFC3339Nano) + ")"
	}
	return text
}

// plainTable returns a header table as JSON values.
func plainTable(t map[string]any) map[string]any {
	out := make(map[string]any, len(t))
	for name, v := range t {
		out[ValidUTF8(name)] = plainHeader(v)
	}
	return out
}

func plainHeader(v any) any {
	switch x := v.(type) {
	case nil, bool:
		return v
	case float32:
		return finite(float64(x))
	case float64:
		return finite(x)
	case string:
		return ValidUTF8(x)
	case []byte:
		return ValidUTF8(string(x))
	case time.Time:
		return timestamp(x)
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = plainHeader(e)
		}
		return out
	}
	if n, ok := message.AsInt(v); ok {
		return n
	}
	if t, ok := message.AsTable(v); ok {
		return plainTable(t)
	}
	if d, ok := message.AsDecimal(v); ok {
		return d.Float()
	}
	return nil
}

// finite returns a number that JSON can represent. It returns infinities and NaN as text.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return f
}
