package tracing

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/msgctl/msgctl/pkg/message"
)

// Attributes that the conventions do not have.
const (
	keyAttempt     = attribute.Key("msgctl.attempt")
	keyOutcome     = attribute.Key("msgctl.outcome")
	keyHandler     = attribute.Key("msgctl.handler")
	keyEventType   = attribute.Key("msgctl.event.type")
	keyWait        = attribute.Key("msgctl.retry.wait_ms")
	keyCopiedTo    = attribute.Key("msgctl.copied_to")
	spanEventRetry = "retry"
	spanEventDead  = "dead-letter"
)

// Delivery is a message that a handler gets.
type Delivery struct {
	Message *message.Message
	Queue   string
	// Tag is the broker's delivery tag, Attempt counts from 1.
	Tag     uint64
	Attempt int
	// Type is the event's, "" when it has none.
	Type string
}

// Process is the span of one attempt to handle a message.
type Process struct {
	t    *Tracing
	span trace.Span
}

// BeginProcess begins the span of an attempt. What the message says of its publication is the
// parent, and linked: the attempts of a message are in the trace of its publisher, side by side.
func (t *Tracing) BeginProcess(d Delivery) *Process {
	if t == nil {
		return nil
	}
	m, creation := d.Message, trace.SpanContext{}
	exchange, key, queue := valid(m.Exchange), valid(m.RoutingKey), valid(d.Queue)
	if t.carry {
		creation = extract(headers(m.Headers))
	}
	var links []trace.Link
	if creation.IsValid() {
		links = []trace.Link{{SpanContext: creation}}
	}
	attrs := append(make([]attribute.KeyValue, 0, 16), t.common...)
	attrs = append(attrs, semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("process"),
		semconv.MessagingDestinationName(takenFrom(exchange, key, queue)),
		semconv.MessagingDestinationTemplate(queue), // keys may contain ids, names of queues do not
		semconv.MessagingRabbitMQMessageDeliveryTag(int(d.Tag)), keyAttempt.Int(d.Attempt))
	if key != "" {
		attrs = append(attrs, semconv.MessagingRabbitMQDestinationRoutingKey(key))
	}
	if d.Type != "" {
		attrs = append(attrs, keyEventType.String(valid(d.Type)))
	}
	_, span := t.tracer.Start(startingFrom(creation), "process "+queue, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attrs...), trace.WithLinks(links...))
	if span.IsRecording() {
		span.SetAttributes(aboutMessage(m)...)
	}
	return &Process{t, span}
}

// takenFrom names a destination as the conventions for RabbitMQ say.
func takenFrom(exchange, key, queue string) string {
	var parts []string
	if exchange != "" {
		parts = append(parts, exchange)
	}
	if key != "" && key != queue {
		parts = append(parts, key)
	}
	return strings.Join(append(parts, queue), ":")
}

// Context is the span's, for what the handler does. The zero Context when traces are not carried.
func (p *Process) Context() Context {
	if p == nil || !p.t.carry {
		return Context{}
	}
	return contextOf(p.span)
}

// IDs are the span's, "" without one.
func (p *Process) IDs() (traceID, spanID string) {
	if p == nil {
		return "", ""
	}
	c := p.span.SpanContext()
	return c.TraceID().String(), c.SpanID().String()
}

// AttemptResult is what became of an attempt.
type AttemptResult struct {
	// Outcome is the runner's word for it; Handler names who decided.
	Outcome, Handler string
	// Failed says that it failed: ErrorType is short and of few values, Error is for people.
	Failed           bool
	ErrorType, Error string
	// Retried and Dead say that a copy was published, To its target, and Wait the delay before it
	// is delivered again.
	Retried, Dead bool
	To            string
	Wait          time.Duration
}

// End ends the span.
func (p *Process) End(v AttemptResult) {
	if p == nil {
		return
	}
	if p.span.IsRecording() {
		p.span.SetAttributes(keyOutcome.String(v.Outcome), keyHandler.String(v.Handler))
		if v.Failed {
			p.span.SetAttributes(semconv.ErrorTypeKey.String(clip(v.ErrorType)))
			p.span.SetStatus(codes.Error, clip(v.Error))
		}
		p.event(v)
	}
	p.t.end(p.span)
}

func (p *Process) event(v AttemptResult) {
	var attrs []attribute.KeyValue
	if v.To != "" {
		attrs = append(attrs, keyCopiedTo.String(valid(v.To)))
	}
	switch {
	case v.Retried:
		p.span.AddEvent(spanEventRetry, trace.WithAttributes(append(attrs, keyWait.Int64(v.Wait.Milliseconds()))...))
	case v.Dead:
		p.span.AddEvent(spanEventDead, trace.WithAttributes(attrs...))
	}
}
