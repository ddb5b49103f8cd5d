package archive

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/internal/jsonappend"
)

// version of the line format.
const version = 1

// rawPrefix begins a JSON string that holds the base64 of one that is not valid UTF-8.
const rawPrefix = "\x00base64:"

// AppendLine appends the message's line, newline included, to dst and returns the longer slice.
// It fails on a header value of a type that AMQP has not; dst is then returned as it was.
func AppendLine(dst []byte, m *message.Message) ([]byte, error) {
	return AppendLineSeen(dst, m, time.Time{})
}

// AppendLineSeen is AppendLine of a message that was seen at a time, to the millisecond; the zero
// time is unknown.
func AppendLineSeen(dst []byte, m *message.Message, at time.Time) ([]byte, error) {
	e := encoder{buf: dst}
	e.buf = append(e.buf, `{"v":1`...)
	if !at.IsZero() {
		e.number("seen", at.UnixMilli())
	}
	e.text("queue", m.Queue)
	e.text("exchange", m.Exchange)
	e.text("routingKey", m.RoutingKey)
	if m.Redelivered {
		e.buf = append(e.buf, `,"redelivered":true`...)
	}
	e.properties(&m.Properties)
	if len(m.Headers) > 0 {
		e.buf = append(e.buf, `,"headers":`...)
		e.table(m.Headers)
	}
	e.body(m.Body)
	if e.err != nil {
		return dst, fmt.Errorf("archive message %q: %w", m.MessageID, e.err)
	}
	return append(e.buf, '}', '\n'), nil
}

type encoder struct {
	buf []byte
	err error
}

// text writes a member, or nothing for "".
func (e *encoder) text(name, value string) {
	if value != "" {
		e.name(name)
		e.string(value)
	}
}

func (e *encoder) number(name string, value int64) {
	e.name(name)
	e.buf = strconv.AppendInt(e.buf, value, 10)
}

// name begins a member, after a comma unless it is the first of its object.
func (e *encoder) name(name string) {
	if e.buf[len(e.buf)-1] != '{' {
		e.buf = append(e.buf, ',')
	}
	e.buf = append(append(append(e.buf, '"'), name...), '"', ':')
}

func (e *encoder) string(s string) {
	if !utf8.ValidString(s) || len(s) > 0 && s[0] == 0 {
		e.buf = append(e.buf, `"\u0000base64:`...)
		e.buf = base64.StdEncoding.AppendEncode(e.buf, []byte(s))
		e.buf = append(e.buf, '"')
		return
	}
	e.buf = jsonappend.String(e.buf, s)
}

func (e *encoder) properties(p *message.Properties) {
	if *p == (message.Properties{}) {
		return
	}
	e.buf = append(e.buf, `,"properties":{`...)
	e.text("contentType", p.ContentType)
	e.text("contentEncoding", p.ContentEncoding)
	if p.DeliveryMode != 0 {
		e.number("deliveryMode", int64(p.DeliveryMode))
	}
	if p.Priority != 0 {
		e.number("priority", int64(p.Priority))
	}
	e.text("correlationId", p.CorrelationID)
	e.text("replyTo", p.ReplyTo)
	e.text("expiration", p.Expiration)
	e.text("messageId", p.MessageID)
	if !p.Timestamp.IsZero() {
		e.number("timestamp", p.Timestamp.Unix())
	}
	e.text("type", p.Type)
	e.text("userId", p.UserID)
	e.text("appId", p.AppID)
	e.buf = append(e.buf, '}')
}

// body is text when that is valid and not longer than base64: a body of control characters takes
// six times its size.
func (e *encoder) body(b []byte) {
	if utf8.Valid(b) && (len(b) < 64 || jsonappend.Len(b) <= base64.StdEncoding.EncodedLen(len(b))) {
		e.name("body")
		e.buf = jsonappend.String(e.buf, b)
		return
	}
	e.name("bodyBase64")
	e.base64(b)
}

func (e *encoder) base64(b []byte) {
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, b)
	e.buf = append(e.buf, '"')
}

// table writes its members in the order of their names, so that equal messages have equal lines.
func (e *encoder) table(t map[string]any) {
	var array [16]string
	names := array[:0]
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	e.buf = append(e.buf, '{')
	for i, name := range names {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.string(name)
		e.buf = append(e.buf, ':')
		e.value(name, t[name])
	}
	e.buf = append(e.buf, '}')
}

func (e *encoder) value(name string, v any) {
	switch x := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case bool:
		e.buf = strconv.AppendBool(e.buf, x)
	case string:
		e.headerString(x)
	case []any:
		e.buf = append(e.buf, '[')
		for i, element := range x {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.value(name, element)
		}
		e.buf = append(e.buf, ']')
	case []byte:
		e.tag("bytes")
		e.base64(x)
		e.buf = append(e.buf, '}')
	case time.Time:
		e.integer("timestamp", x.Unix())
	default:
		e.rare(name, v)
	}
}

func (e *encoder) headerString(s string) {
	if utf8.ValidString(s) {
		e.buf = jsonappend.String(e.buf, s)
		return
	}
	e.tag("string64")
	e.base64([]byte(s))
	e.buf = append(e.buf, '}')
}

func (e *encoder) rare(name string, v any) {
	if tag, n, ok := integer(v); ok {
		e.integer(tag, n)
		return
	}
	switch x := v.(type) {
	case float32:
		e.float("float32", float64(x), 32, uint64(math.Float32bits(x)))
		return
	case float64:
		e.float("float64", x, 64, math.Float64bits(x))
		return
	}
	if t, ok := message.AsTable(v); ok {
		e.tag("table")
		e.table(t)
		e.buf = append(e.buf, '}')
	} else if d, ok := message.AsDecimal(v); ok {
		e.buf = fmt.Appendf(e.buf, `{"decimal":{"scale":%d,"value":%d}}`, d.Scale, d.Value)
	} else if e.err == nil {
		e.err = fmt.Errorf("header %q: AMQP has no type for a Go %T", name, v)
	}
}

// integer returns the type's name in an archive. A Go int is what the client writes for it, 32
// bits, if it fits.
func integer(v any) (string, int64, bool) {
	n, ok := message.AsInt(v)
	switch v.(type) {
	case int8:
		return "int8", n, ok
	case uint8:
		return "uint8", n, ok
	case int16:
		return "int16", n, ok
	case uint16:
		return "uint16", n, ok
	case int32:
		return "int32", n, ok
	case uint32:
		return "uint32", n, ok
	case int64:
		return "int64", n, ok
	case int:
		if n == int64(int32(n)) {
			return "int32", n, ok
		}
		return "int64", n, ok
	}
	return "", 0, false
}

func (e *encoder) tag(name string) {
	e.buf = append(append(append(e.buf, '{', '"'), name...), '"', ':')
}

func (e *encoder) integer(tag string, n int64) {
	e.tag(tag)
	e.buf = append(strconv.AppendInt(e.buf, n, 10), '}')
}

func (e *encoder) float(tag string, f float64, size int, bits uint64) {
	e.tag(tag)
	switch {
	case math.IsNaN(f):
		e.buf = fmt.Appendf(e.buf, `"NaN:%x"}`, bits)
	case math.IsInf(f, 1):
		e.buf = append(e.buf, `"+Inf"}`...)
	case math.IsInf(f, -1):
		e.buf = append(e.buf, `"-Inf"}`...)
	default:
		e.buf = append(strconv.AppendFloat(e.buf, f, 'g', -1, size), '}')
	}
}
