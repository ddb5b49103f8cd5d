package tracing

import (
	"context"
	"maps"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Send is the span of a message that is being published.
type Send struct {
	t    *Tracing
	span trace.Span
	own  bool // its context is the one that the message carries
}

// BeginSend begins the span of a message to be published. template stands for the key where that
// has ids in it; "" where it has none. metadata is the event's, and may name its trace; header holds
// the headers that are asked for, and may, too. A trace that the message has already is kept: the
// span is linked to it. Otherwise the message gets the context of the span: as ids in metadata, and by
// Attach.
func (t *Tracing) BeginSend(to publish.Target, template string, metadata *event.Metadata, header message.Table) *Send {
	if t == nil {
		return nil
	}
	given := trace.SpanContext{}
	if t.carry {
		if given = namedBy(metadata); !given.IsValid() {
			given = extract(headers(header))
		}
	}
	from := t.after(given)
	if id := traceIn(metadata); t.carry && !given.IsValid() && id.IsValid() && id != t.ambient.TraceID() {
		from = origin{in: context.WithValue(context.Background(), chosenTrace{}, id)}
		if t.ambient.IsValid() {
			from.links = []trace.Link{{SpanContext: t.ambient}}
		}
	}
	s := &Send{t: t, own: t.carry && !given.IsValid()}
	if s.own {
		from.kind = trace.SpanKindProducer
	}
	s.span = t.send(to, template, from)
	if s.own && metadata != nil && (metadata.TraceID == "" || event.IsTraceID(metadata.TraceID)) && metadata.SpanID == "" {
		metadata.TraceID, metadata.SpanID = s.span.SpanContext().TraceID().String(), s.span.SpanContext().SpanID().String()
	}
	return s
}

// BeginCopy begins the span of a message that is published again as it is: it keeps its own trace,
// or none.
func (t *Tracing) BeginCopy(to publish.Target, m *message.Message) *Send {
	if t == nil {
		return nil
	}
	creation := trace.SpanContext{}
	if t.carry {
		creation = extract(headers(m.Headers))
	}
	s := &Send{t: t, span: t.send(to, "", t.after(creation))}
	s.Attach(m)
	return s
}

// origin is where a span begins.
type origin struct {
	in    context.Context //nolint:containedctx // of one call
	links []trace.Link
	kind  trace.SpanKind
}

// after is for a message that has its trace already: the span is in that of who called msgctl, or
// else in the message's, and linked to it.
func (t *Tracing) after(creation trace.SpanContext) origin {
	o := origin{in: startingFrom(creation), kind: trace.SpanKindClient}
	if t.ambient.IsValid() {
		o.in = startingFrom(t.ambient)
	}
	if creation.IsValid() {
		o.links = []trace.Link{{SpanContext: creation}}
	}
	return o
}

// send begins a span.
func (t *Tracing) send(to publish.Target, template string, from origin) trace.Span {
	to.Exchange, to.Key, template = valid(to.Exchange), valid(to.Key), valid(template)
	destination := sentTo(to.Exchange, to.Key)
	attrs := append(make([]attribute.KeyValue, 0, 12), t.common...)
	attrs = append(attrs, semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("publish"),
		semconv.MessagingDestinationName(destination))
	if to.Key != "" {
		attrs = append(attrs, semconv.MessagingRabbitMQDestinationRoutingKey(to.Key))
	}
	if template != "" {
		destination = sentTo(to.Exchange, template)
		attrs = append(attrs, semconv.MessagingDestinationTemplate(destination))
	}
	_, span := t.tracer.Start(from.in, "publish "+destination, trace.WithSpanKind(from.kind),
		trace.WithAttributes(attrs...), trace.WithLinks(from.links...))
	return span
}

// namedBy is the span that an event names.
func namedBy(metadata *event.Metadata) trace.SpanContext {
	if metadata == nil || !event.IsTraceID(metadata.TraceID) || !event.IsSpanID(metadata.SpanID) {
		return trace.SpanContext{}
	}
	id, _ := trace.TraceIDFromHex(metadata.TraceID) // seen above
	span, _ := trace.SpanIDFromHex(metadata.SpanID)
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.FlagsSampled,
		Remote: true})
}

// traceIn is the trace that an event names without a span of it.
func traceIn(metadata *event.Metadata) trace.TraceID {
	if metadata == nil || !event.IsTraceID(metadata.TraceID) {
		return trace.TraceID{}
	}
	id, _ := trace.TraceIDFromHex(metadata.TraceID)
	return id
}

// sentTo names a destination as the conventions for RabbitMQ say.
func sentTo(exchange, key string) string {
	switch {
	case exchange != "" && key != "":
		return exchange + ":" + key
	case exchange+key != "":
		return exchange + key
	}
	return "amq.default"
}

// Attach says which message it is, and gives it the context of the span, unless it has one of its
// own.
func (s *Send) Attach(m *message.Message) {
	if s == nil {
		return
	}
	if s.span.IsRecording() {
		s.span.SetAttributes(aboutMessage(m)...)
	}
	if !s.own {
		return
	}
	c := contextOf(s.span)
	all := make(message.Table, len(m.Headers)+2)
	maps.Copy(all, m.Headers) // which are shared
	all[Traceparent] = c.Parent
	delete(all, Tracestate)
	if c.State != "" {
		all[Tracestate] = c.State
	}
	m.Headers = all
}

// End ends the span. kind is the error.type, "" when the message was confirmed; why says more.
func (s *Send) End(kind string, why error) {
	if s == nil {
		return
	}
	if s.span.IsRecording() && kind != "" {
		s.span.SetAttributes(semconv.ErrorTypeKey.String(kind))
		text := kind
		if why != nil {
			text = clip(why.Error())
		}
		s.span.SetStatus(codes.Error, text)
	}
	s.t.end(s.span)
}

func aboutMessage(m *message.Message) []attribute.KeyValue {
	attrs := []attribute.KeyValue{semconv.MessagingMessageBodySize(m.Size())}
	if m.MessageID != "" {
		attrs = append(attrs, semconv.MessagingMessageID(valid(m.MessageID)))
	}
	if m.CorrelationID != "" {
		attrs = append(attrs, semconv.MessagingMessageConversationID(valid(m.CorrelationID)))
	}
	return attrs
}

// valid makes valid UTF-8 of a name, which in AMQP is any bytes: the receiver would refuse the
// span, and all others of its request.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// clip bounds a text that comes from outside.
func clip(s string) string {
	const limit = 1 << 10
	return valid(s[:min(len(s), limit)])
}
