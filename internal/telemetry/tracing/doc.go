// Package tracing makes the spans of messages that are published and processed, by OpenTelemetry's
// conventions for messaging, and sends them where the OTEL_ variables say.
//
// Terms. A message's creation context is the span of its publication, carried in the headers
// traceparent and tracestate. Send is the span of a publication, Process that of one attempt to
// handle a message.
//
// Guarantees. Without the variables New returns nil, all methods may be called on it, and they cost
// nothing. Telemetry fails nothing: spans that cannot be sent are counted and told once, at the end
// of a run, which they delay by FlushTime at most. Nothing waits for the receiver before that: what
// finds no room in the queue is dropped. No log line of a library reaches stderr.
//
// Limits. Bodies of messages are not in spans. Texts from outside are bounded. Of the propagators
// only tracecontext is known.
package tracing
