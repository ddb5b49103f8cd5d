package tracing

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/msgctl/msgctl/pkg/message"
)

// The headers of W3C Trace Context.
const (
	Traceparent = "traceparent"
	Tracestate  = "tracestate"
)

// headers reads trace context from a message.
type headers message.Table

// Get implements propagation.TextMapCarrier.
func (h headers) Get(key string) string { return message.Table(h).Text(key) }

// Set implements propagation.TextMapCarrier.
func (headers) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (headers) Keys() []string { return nil }

// Context is the context of a span as it travels. State is often "".
type Context struct{ Parent, State string }

func contextOf(span trace.Span) Context {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), span), c)
	return Context{c[Traceparent], c[Tracestate]}
}

// startingFrom returns a context whose spans have the parent, if it is valid.
func startingFrom(parent trace.SpanContext) context.Context {
	if !parent.IsValid() {
		return context.Background()
	}
	return trace.ContextWithRemoteSpanContext(context.Background(), parent)
}
