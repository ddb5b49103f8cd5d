// Package plainjson writes messages as JSON for programs and people to read: header values as
// JSON's own, a JSON body as JSON.
//
// It is the counterpart of package archive, whose lines restore a message exactly. What JSON cannot
// say is said as well as it can be: bytes that are no UTF-8 become U+FFFD, a body that is no text
// stands in bodyBase64. Control characters are escaped, so that the lines do no harm when they are
// shown on a terminal.
package plainjson

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
	"github.com/msgctl/msgctl/pkg/message/internal/jsonappend"
)

// maxBody bounds what a compressed body may become.
const maxBody = 16 << 20

// Append appends the members of a message, without braces, to an object that has none or ends in a
// comma: exchange, routingKey, queue, offset, redelivered, properties, headers, size, body. Absent
// ones are left out. body is JSON where it is JSON, and text where it is text, decompressed as its
// content_encoding says; else bodyBase64 has it as it is.
func Append(dst []byte, m *message.Message) []byte {
	dst = append(dst, `"exchange":`...)
	dst = String(dst, m.Exchange)
	dst = append(dst, `,"routingKey":`...)
	dst = String(dst, m.RoutingKey)
	dst = text(dst, "queue", m.Queue)
	if offset, ok := m.Offset(); ok {
		dst = strconv.AppendInt(append(dst, `,"offset":`...), offset, 10)
	}
	if m.Redelivered {
		dst = append(dst, `,"redelivered":true`...)
	}
	dst = properties(dst, &m.Properties)
	if len(m.Headers) > 0 {
		dst = append(dst, `,"headers":`...)
		dst = table(dst, m.Headers, 0)
	}
	dst = strconv.AppendInt(append(dst, `,"size":`...), int64(len(m.Body)), 10)
	return content(dst, m)
}

// String appends s as a JSON string, with U+FFFD for what is no UTF-8.
func String(dst []byte, s string) []byte { return jsonappend.Valid(dst, s) }

func text(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return String(append(append(append(dst, `,"`...), name...), `":`...), value)
}

func properties(dst []byte, p *message.Properties) []byte {
	if *p == (message.Properties{}) {
		return dst
	}
	dst = append(dst, `,"properties":{`...)
	start := len(dst)
	dst = text(dst, "contentType", p.ContentType)
	dst = text(dst, "contentEncoding", p.ContentEncoding)
	if p.DeliveryMode != 0 {
		dst = strconv.AppendInt(append(dst, `,"deliveryMode":`...), int64(p.DeliveryMode), 10)
	}
	if p.Priority != 0 {
		dst = strconv.AppendInt(append(dst, `,"priority":`...), int64(p.Priority), 10)
	}
	dst = text(dst, "correlationId", p.CorrelationID)
	dst = text(dst, "replyTo", p.ReplyTo)
	dst = text(dst, "expiration", p.Expiration)
	dst = text(dst, "messageId", p.MessageID)
	if !p.Timestamp.IsZero() {
		dst = Time(append(dst, `,"timestamp":`...), p.Timestamp)
	}
	dst = text(dst, "type", p.Type)
	dst = text(dst, "userId", p.UserID)
	dst = text(dst, "appId", p.AppID)
	if len(dst) > start {
		dst = slices.Delete(dst, start, start+1) // the first comma
	}
	return append(dst, '}')
}

// Time appends a time in UTC as RFC 3339 writes it, in quotes. Years that RFC 3339 cannot write
// become null.
func Time(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return append(dst, "null"...)
	}
	return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}

func content(dst []byte, m *message.Message) []byte {
	if len(m.Body) == 0 {
		return dst
	}
	plain := m.Body
	if m.ContentEncoding != "" {
		if decoded, _, err := body.Decode(m.Body, m.ContentEncoding, maxBody); err == nil {
			plain = decoded
		}
	}
	switch {
	case !utf8.Valid(plain):
		dst = append(dst, `,"bodyBase64":"`...)
		return append(base64.StdEncoding.AppendEncode(dst, m.Body), '"')
	case json.Valid(plain):
		return compact(append(dst, `,"body":`...), plain)
	}
	return jsonappend.String(append(dst, `,"body":`...), plain)
}

// compact appends valid JSON on one line, with control characters in strings escaped: JSON allows
// those from U+007F on.
func compact(dst, text []byte) []byte {
	inString := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inString && c == '\\':
			dst = append(dst, c, text[i+1])
			i++
		case inString && c == 0x7f:
			dst = append(dst, `\u007f`...)
		case inString && c == 0xc2 && text[i+1] < 0xa0:
			dst = append(append(dst, `\u00`...), hex(text[i+1])...)
			i++
		case inString || c != ' ' && c != '\n' && c != '\t' && c != '\r':
			dst = append(dst, c)
			if c == '"' {
				inString = !inString
			}
		}
	}
	return dst
}

func hex(c byte) string { return strconv.FormatUint(uint64(c), 16) }

// maxDepth bounds nested tables, which a sender may nest as deep as a frame holds.
const maxDepth = 64

func table(dst []byte, t map[string]any, depth int) []byte {
	names := make([]string, 0, 16)
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(String(dst, name), ':')
		dst = value(dst, t[name], depth+1)
	}
	return append(dst, '}')
}

func value(dst []byte, v any, depth int) []byte {
	switch x := v.(type) {
	case string:
		return String(dst, x)
	case bool:
		return strconv.AppendBool(dst, x)
	case float32:
		return float(dst, float64(x), 32)
	case float64:
		return float(dst, x, 64)
	case []byte:
		return String(dst, string(x))
	case time.Time:
		return Time(dst, x)
	case []any:
		if depth > maxDepth {
			break
		}
		dst = append(dst, '[')
		for i, e := range x {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = value(dst, e, depth+1)
		}
		return append(dst, ']')
	}
	if n, ok := message.AsInt(v); ok {
		return strconv.AppendInt(dst, n, 10)
	}
	if t, ok := message.AsTable(v); ok && depth <= maxDepth {
		return table(dst, t, depth)
	}
	if d, ok := message.AsDecimal(v); ok {
		return float(dst, d.Float(), 64)
	}
	return append(dst, "null"...)
}

// float appends a number; what is none, as JSON has it, stands in quotes.
func float(dst []byte, f float64, size int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, size), '"')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, size)
}
