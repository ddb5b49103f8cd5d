package event

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
)

// Format is the form in which a message carries an event.
type Format string

// The formats. "" means FormatEnvelope.
const (
	// FormatEnvelope is a message whose body is the envelope.
	FormatEnvelope Format = "envelope"
	// FormatCloudEvents is a CloudEvent 1.0 in binary mode: the body is the payload, and headers
	// have the rest.
	FormatCloudEvents Format = "cloudevents"
	// FormatCloudEventsStructured is a message whose body is a CloudEvent 1.0 in JSON format.
	FormatCloudEventsStructured Format = "cloudevents-structured"
)

// Formats returns all formats.
func Formats() []Format {
	return []Format{FormatEnvelope, FormatCloudEvents, FormatCloudEventsStructured}
}

// ParseFormat returns the format of that name; "" means FormatEnvelope. The error, for users, lists
// the names.
func ParseFormat(s string) (Format, error) {
	for _, f := range Formats() {
		if s == string(f) || s == "" {
			return f, nil
		}
	}
	return "", fmt.Errorf("there is no format %q; write envelope, cloudevents or cloudevents-structured", clip(s))
}

// MessageOptions say how an event becomes a message. The zero value is usable.
type MessageOptions struct {
	Format Format
	// AppID is the property app_id, which names the publishing program.
	AppID string
	// Source is the source attribute of a CloudEvent: a URI reference that names the context of its
	// events. Default: /AppID, or /msgctl if AppID is "".
	Source string
	// Headers are added to those of the format, which take precedence. All messages share them, so
	// they must not change.
	Headers message.Table
}

// maxShort is the maximum length of an AMQP short string, such as a property, in bytes.
const maxShort = 255

// Message returns a persistent message for the event. It sets the properties type, message_id,
// correlation_id, timestamp (whole seconds), content_type and app_id. The caller sets the exchange,
// the routing key and other properties. It fails if a property is longer than AMQP allows (255
// bytes).
func (e *Envelope) Message(o MessageOptions) (*message.Message, error) {
	for _, p := range [...]struct{ name, value string }{
		{"eventId", e.EventID}, {"eventType", e.EventType}, {"metadata.correlationId", e.Metadata.CorrelationID}, {"app_id",
			o.AppID},
	} {
		if len(p.value) > maxShort {
			return nil, fmt.Errorf("%s has %d bytes: a property of AMQP takes %d", p.name, len(p.value), maxShort)
		}
	}
	m := &message.Message{Properties: message.Properties{
		ContentType: "application/json", DeliveryMode: message.Persistent, MessageID: e.EventID, Type: e.EventType,
		CorrelationID: e.Metadata.CorrelationID, AppID: o.AppID,
	}, Headers: o.Headers}
	if !e.Timestamp.IsZero() {
		m.Timestamp = e.Timestamp.UTC().Truncate(time.Second)
	}
	if trace := e.Metadata.traceparent(); trace != "" {
		m.Headers = with(m.Headers, headerTraceparent, trace)
	}
	switch cmp.Or(o.Format, FormatEnvelope) {
	case FormatEnvelope:
		m.Body = e.JSON()
	case FormatCloudEvents:
		e.toBinary(m, o.source())
	case FormatCloudEventsStructured:
		m.ContentType, m.Body = structuredType, e.cloudEvent(o.source())
	default:
		_, err := ParseFormat(string(o.Format))
		return nil, err
	}
	return m, nil
}

func (o *MessageOptions) source() string {
	if o.Source != "" {
		return o.Source
	}
	return "/" + cmp.Or(o.AppID, "msgctl")
}

// with returns a copy of the headers with one more.
func with(h message.Table, name string, value any) message.Table {
	out := make(message.Table, len(h)+1)
	for k, v := range h {
		out[k] = v
	}
	out[name] = value
	return out
}

// FromMessage returns the event in a message, and its format. It decompresses the body according to
// content_encoding. If the event has no correlation id or trace, those of the message's properties
// and headers are used. The error is a *FormatError if the message is not a valid event.
func FromMessage(m *message.Message) (*Envelope, Format, error) {
	if m.Unread != nil {
		return nil, FormatEnvelope, &FormatError{"", m.Unread.Why}
	}
	plain, encodings, err := body.Decode(m.Body, m.ContentEncoding, maxDecoded)
	if err != nil {
		return nil, FormatEnvelope, &FormatError{"", fmt.Sprintf("its body cannot be decompressed: %v", err)}
	}
	opened := m
	if len(encodings) > 0 {
		c := *m
		c.Body, c.ContentEncoding = plain, ""
		opened = &c
	}
	e, format, err := decode(opened)
	if err != nil {
		return nil, format, err
	}
	e.Metadata.CorrelationID = cmp.Or(e.Metadata.CorrelationID, m.CorrelationID)
	e.Metadata.fillTrace(traceHeader(m.Headers))
	return e, format, nil
}

func decode(m *message.Message) (*Envelope, Format, error) {
	switch {
	case strings.HasPrefix(strings.ToLower(m.ContentType), "application/cloudevents"):
		e, err := parseCloudEvent(m.ContentType, m.Body)
		return e, FormatCloudEventsStructured, err
	case ceAttribute(m.Headers, "specversion") != nil:
		e, err := fromBinary(m)
		return e, FormatCloudEvents, err
	}
	e, err := Parse(m.Body)
	return e, FormatEnvelope, err
}

// headerTraceparent is the header of W3C Trace Context.
const headerTraceparent = "traceparent"

// traceparent returns the header's value, or "" if the ids are invalid: they must be 32 and 16
// lower-case hexadecimal digits, not all 0. The flags say "sampled".
func (m *Metadata) traceparent() string {
	if !IsTraceID(m.TraceID) || !IsSpanID(m.SpanID) {
		return ""
	}
	return "00-" + m.TraceID + "-" + m.SpanID + "-01"
}

// fillTrace takes the trace from a header if the event has none.
func (m *Metadata) fillTrace(header string) {
	if m.TraceID != "" || m.SpanID != "" {
		return
	}
	parts := strings.Split(header, "-")
	if len(parts) >= 4 && len(parts[0]) == 2 && parts[0] != "ff" && IsTraceID(parts[1]) && IsSpanID(parts[2]) {
		m.TraceID, m.SpanID = parts[1], parts[2]
	}
}

// IsTraceID reports whether s is a trace id of W3C Trace Context: 32 lower-case hexadecimal digits,
// not all 0.
func IsTraceID(s string) bool { return traceID(s, 32) }

// IsSpanID reports whether s is a span id (parent-id) of W3C Trace Context: 16 lower-case
// hexadecimal digits, not all 0.
func IsSpanID(s string) bool { return traceID(s, 16) }

func traceID(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

func traceHeader(h message.Table) string { return h.Text(headerTraceparent) }

// maxDecoded limits the size of a decompressed body.
const maxDecoded = 16 << 20

// CheckChanged checks the event in a message that was changed: it must satisfy the schema of its
// type. The result is nil if it does, or if the message does not concern the catalogue. An event of
// a declared type must stay one. So must a message that has the name of a declared type as its
// type.
func (c *Catalogue) CheckChanged(before, after *message.Message) error {
	e, _, err := FromMessage(after)
	if err != nil {
		if c.declares(before) || c.declares(after) {
			return fmt.Errorf("it is no event any more: %w", err)
		}
		return nil
	}
	problems, err := c.Check(e)
	var unknown *UnknownTypeError
	switch {
	case errors.As(err, &unknown) && !c.declares(before):
		return nil
	case err != nil:
		return err
	case len(problems) == 0:
		return nil
	}
	text := e.EventType + " " + problems[0].String()
	if n := len(problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return errors.New(text)
}

// declares reports whether the message is an event of a declared type or has the name of one as its
// type.
func (c *Catalogue) declares(m *message.Message) bool {
	if _, err := c.Type(m.Type); err == nil {
		return true
	}
	e, _, err := FromMessage(m)
	if err != nil {
		return false
	}
	_, err = c.Type(e.EventType)
	return err == nil
}
