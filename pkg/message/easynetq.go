package message

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// easyNetQErrorType is the start of the type property of error messages:
// "EasyNetQ.SystemMessages.Error, EasyNetQ" or, from older versions,
// "EasyNetQ.SystemMessages.Error:EasyNetQ".
const easyNetQErrorType = "EasyNetQ.SystemMessages.Error"

// maxEnvelope limits the size of a body that is parsed as an envelope.
const maxEnvelope = 64 << 20

// easyNetQError is EasyNetQ/EasyNetQ Source/EasyNetQ/SystemMessages/Error.cs as its serializers
// write it. Serializers differ in the case of names; encoding/json ignores case.
type easyNetQError struct {
	RoutingKey      string
	Exchange        string
	Queue           string // absent in old versions
	Exception       string
	Message         *string
	DateTime        string
	BasicProperties easyNetQProperties
}

// easyNetQProperties is Source/EasyNetQ/MessageProperties.cs.
type easyNetQProperties struct {
	ContentType, ContentEncoding, CorrelationID, ReplyTo, MessageID, Type, UserID, AppID string

	Headers      map[string]any
	DeliveryMode uint8
	Priority     uint8
	Expiration   any // milliseconds in a string, or a TimeSpan in newer versions
	Timestamp    int64

	PriorityPresent, DeliveryModePresent bool
}

// explicit returns the properties that EasyNetQ notes as present with the value 0.
func (p *easyNetQProperties) explicit() (set PropertySet) {
	if p.PriorityPresent && p.Priority == 0 {
		set |= PriorityProperty
	}
	if p.DeliveryModePresent && p.DeliveryMode == 0 {
		set |= DeliveryModeProperty
	}
	return set
}

func parseEasyNetQ(body []byte) (easyNetQError, error) {
	var e easyNetQError
	if len(body) > maxEnvelope {
		return e, fmt.Errorf("read EasyNetQ error envelope: %d bytes are more than %d", len(body), maxEnvelope)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("read EasyNetQ error envelope: %w", err)
	}
	if e.Message == nil {
		return e, errors.New(`read EasyNetQ error envelope: it has no field "Message"`)
	}
	return e, nil
}

func easyNetQFailure(m *Message) (Failure, bool) {
	e, err := parseEasyNetQ(m.Body)
	if err != nil {
		return Failure{}, false
	}
	first, _, _ := strings.Cut(e.Exception, "\n")
	name, _ := exceptionType(first)
	message := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(first), name+":"))
	return Failure{
		Framework: FrameworkEasyNetQ, Type: name, Message: message, StackTrace: e.Exception,
		Task: e.BasicProperties.Type, Queue: e.Queue, Exchange: e.Exchange, RoutingKey: e.RoutingKey, HasRoute: true,
		Time: parseTime(e.DateTime), Enveloped: true,
	}, true
}

// UnwrapEasyNetQ returns the message inside an EasyNetQ error. It has the body, properties and
// headers, and the exchange, routing key and queue of when it failed (Queue is empty from old
// versions). m is not changed.
//
// What the envelope lost cannot be restored: the types of header values (numbers become int64 or
// float64), and the difference between an empty body and none. A body that was not UTF-8 is lost,
// too, unless EasyNetQ was configured to write base64. That is recognised for JSON bodies.
func UnwrapEasyNetQ(m *Message) (*Message, error) {
	e, err := parseEasyNetQ(m.Body)
	if err != nil {
		return nil, err
	}
	p := e.BasicProperties
	out := &Message{
		Properties: Properties{
			ContentType: p.ContentType, ContentEncoding: p.ContentEncoding, DeliveryMode: p.DeliveryMode,
			Priority: p.Priority, CorrelationID: p.CorrelationID, ReplyTo: p.ReplyTo, MessageID: p.MessageID,
			Type: p.Type, UserID: p.UserID, AppID: p.AppID, Expiration: easyNetQExpiration(p.Expiration),
			Explicit: p.explicit(),
		},
		Exchange: e.Exchange, RoutingKey: e.RoutingKey, Queue: e.Queue,
		Body: easyNetQBody(*e.Message, p.ContentType),
	}
	if p.Timestamp != 0 {
		out.Timestamp = time.Unix(p.Timestamp, 0).UTC()
	}
	if len(p.Headers) > 0 {
		out.Headers = make(Table, len(p.Headers))
		for name, v := range p.Headers {
			out.Headers[name] = easyNetQHeader(v)
		}
	}
	return out, nil
}

// easyNetQBody reverses Source/EasyNetQ/Consumer/DefaultErrorMessageSerializer.cs (text) or
// Base64ErrorMessageSerializer.cs. The envelope does not say which was used. The text is decoded as
// base64 only if it is not JSON and its decoded form is.
func easyNetQBody(text, contentType string) []byte {
	raw := []byte(text)
	if strings.Contains(contentType, "json") && !json.Valid(raw) {
		if decoded, err := base64.StdEncoding.DecodeString(text); err == nil && json.Valid(decoded) {
			return decoded
		}
	}
	return raw
}

func easyNetQExpiration(v any) string {
	switch x := v.(type) {
	case json.Number:
		return x.String()
	case string:
		if _, err := strconv.ParseUint(x, 10, 32); err == nil {
			return x
		}
		return timeSpanMillis(x)
	}
	return ""
}

// timeSpanMillis parses .NET's "[d.]hh:mm:ss[.fffffff]". It returns "" for any other text.
func timeSpanMillis(s string) string {
	var days int64
	if d, rest, ok := strings.Cut(s, "."); ok && strings.Contains(rest, ":") {
		var err error
		if days, err = strconv.ParseInt(d, 10, 32); err != nil {
			return ""
		}
		s = rest
	}
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return ""
	}
	t, err := time.ParseDuration(parts[0] + "h" + parts[1] + "m" + parts[2] + "s")
	if err != nil || t < 0 || days < 0 {
		return ""
	}
	return strconv.FormatInt(days*24*time.Hour.Milliseconds()+t.Milliseconds(), 10)
}

// easyNetQHeader restores a header value. The .NET client represents strings as byte arrays, which
// Newtonsoft.Json writes as {"$type": "System.Byte[], …", "$value": "base64"}.
func easyNetQHeader(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	case map[string]any:
		if text, ok := x["$value"].(string); ok {
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				return string(raw)
			}
		}
		t := make(Table, len(x))
		for k, e := range x {
			t[k] = easyNetQHeader(e)
		}
		return t
	case []any:
		for i, e := range x {
			x[i] = easyNetQHeader(e)
		}
	}
	return v
}
