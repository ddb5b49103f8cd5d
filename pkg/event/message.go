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

// Format is how an event travels in a message.
type Format string

// The formats. The empty one is FormatEnvelope.
const (
	// FormatEnvelope: the body is the envelope.
	FormatEnvelope Format = "envelope"
	// FormatCloudEvents: a CloudEvent 1.0 in binary mode, the body is the payload and headers have
	// the rest.
	FormatCloudEvents Format = "cloudevents"
	// FormatCloudEventsStructured: the body is a CloudEvent 1.0 in its JSON format.
	FormatCloudEventsStructured Format = "cloudevents-structured"
)

// Formats lists them.
func Formats() []Format {
	return []Format{FormatEnvelope, FormatCloudEvents, FormatCloudEventsStructured}
}

// ParseFormat reads the name of a format; "" is FormatEnvelope.
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
	// AppID is the property app_id, which names the program that published.
	AppID string
	// Source is the attribute of that name of a CloudEvent, a URI reference: the context in which
	// events happen. Default: /AppID, or /msgctl without one.
	Source string
	// Headers are added to those of the format; theirs win. They are shared by all messages and
	// must not change.
	Headers message.Table
}

// maxShort is how long AMQP's short strings can be, which the properties are.
const maxShort = 255

// Message makes a persistent message of an event. The properties carry what has a place there:
// type, message_id, correlation_id, timestamp (whole seconds), content_type and app_id. Exchange,
// routing key and further properties are the caller's.
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

// with returns the headers with one more; the given ones are shared.
func with(h message.Table, name string, value any) message.Table {
	out := make(message.Table, len(h)+1)
	for k, v := range h {
		out[k] = v
	}
	out[name] = value
	return out
}

// FromMessage reads the event of a message in whatever format it is, decompressed as its
// content_encoding says. Where the body of an envelope
// lacks a correlation id or a trace, those of the properties are taken. The error is a
// *FormatError: the message is no event, or a damaged one.
func FromMessage(m *message.Message) (*Envelope, Format, error) {
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

// traceparent returns the header's value, "" when the ids are not those of a trace: 32 and 16
// lower-case hexadecimal digits, not all 0. The flags say "sampled".
func (m *Metadata) traceparent() string {
	if !IsTraceID(m.TraceID) || !IsSpanID(m.SpanID) {
		return ""
	}
	return "00-" + m.TraceID + "-" + m.SpanID + "-01"
}

// fillTrace takes the trace of a header where the event itself names none.
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

// maxDecoded bounds what a compressed body may become.
const maxDecoded = 16 << 20

// CheckChanged says what is wrong with an event that something made of a message: it must satisfy
// the schema of its type. nil when it does, and for messages that are no business of the
// catalogue's. What was an event of a declared type, or bears the name of one, must still be an
// event of a declared type.
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

// declares reports whether the message is an event of a declared type, or bears the name of one.
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
