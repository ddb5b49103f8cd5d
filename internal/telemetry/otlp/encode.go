package otlp

import (
	"encoding/binary"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The field numbers of opentelemetry/proto/{collector/trace,trace,resource,common}/v1, by message.
const (
	requestResourceSpans = 1

	resourceSpansResource, resourceSpansScopeSpans, resourceSpansSchema = 1, 2, 3

	resourceAttributes = 1

	scopeSpansScope, scopeSpansSpans, scopeSpansSchema = 1, 2, 3

	scopeName, scopeVersion = 1, 2

	spanTraceID, spanID, spanState, spanParent, spanName, spanKind, spanStart, spanEnd = 1, 2, 3, 4, 5, 6, 7, 8
	spanAttributes, spanLostAttributes, spanEvents, spanLostEvents                     = 9, 10, 11, 12
	spanLinks, spanLostLinks, spanStatus, spanFlags                                    = 13, 14, 15, 16

	eventTime, eventName, eventAttributes, eventLostAttributes = 1, 2, 3, 4

	linkTraceID, linkSpanID, linkState, linkAttributes, linkLostAttributes, linkFlags = 1, 2, 3, 4, 5, 6

	statusMessage, statusCode = 2, 3

	keyValueKey, keyValueValue = 1, 2

	valueString, valueBool, valueInt, valueDouble, valueArray = 1, 2, 3, 4, 5

	arrayValues = 1
)

// appendRequest appends an ExportTraceServiceRequest. All spans must be of one provider and one
// tracer.
func appendRequest(b []byte, spans []sdk.ReadOnlySpan) []byte {
	if len(spans) == 0 {
		return b
	}
	from, scope := spans[0].Resource(), spans[0].InstrumentationScope()
	return appendMessage(b, requestResourceSpans, func(b []byte) []byte {
		b = appendMessage(b, resourceSpansResource, func(b []byte) []byte {
			return appendAttributes(b, resourceAttributes, from.Attributes())
		})
		b = appendMessage(b, resourceSpansScopeSpans, func(b []byte) []byte {
			b = appendMessage(b, scopeSpansScope, func(b []byte) []byte {
				return appendString(appendString(b, scopeName, scope.Name), scopeVersion, scope.Version)
			})
			for _, s := range spans {
				b = appendMessage(b, scopeSpansSpans, func(b []byte) []byte { return appendSpan(b, s) })
			}
			return appendString(b, scopeSpansSchema, scope.SchemaURL)
		})
		return appendString(b, resourceSpansSchema, from.SchemaURL())
	})
}

func appendSpan(b []byte, s sdk.ReadOnlySpan) []byte {
	is, parent := s.SpanContext(), s.Parent()
	traceID, id := is.TraceID(), is.SpanID()
	b = appendBytes(b, spanTraceID, traceID[:])
	b = appendBytes(b, spanID, id[:])
	b = appendString(b, spanState, is.TraceState().String())
	if parent.SpanID().IsValid() {
		above := parent.SpanID()
		b = appendBytes(b, spanParent, above[:])
	}
	b = appendString(b, spanName, s.Name())
	b = appendVarint(b, spanKind, uint64(max(int(s.SpanKind()), 0))) // the same numbers
	b = appendFixed64(b, spanStart, nanoseconds(s.StartTime()))
	b = appendFixed64(b, spanEnd, nanoseconds(s.EndTime()))
	b = appendAttributes(b, spanAttributes, s.Attributes())
	b = appendVarint(b, spanLostAttributes, count(s.DroppedAttributes()))
	for _, e := range s.Events() {
		b = appendMessage(b, spanEvents, func(b []byte) []byte {
			b = appendFixed64(b, eventTime, nanoseconds(e.Time))
			b = appendString(b, eventName, e.Name)
			b = appendAttributes(b, eventAttributes, e.Attributes)
			return appendVarint(b, eventLostAttributes, count(e.DroppedAttributeCount))
		})
	}
	b = appendVarint(b, spanLostEvents, count(s.DroppedEvents()))
	for _, l := range s.Links() {
		b = appendMessage(b, spanLinks, func(b []byte) []byte { return appendLink(b, l) })
	}
	b = appendVarint(b, spanLostLinks, count(s.DroppedLinks()))
	b = appendMessage(b, spanStatus, func(b []byte) []byte {
		b = appendString(b, statusMessage, s.Status().Description)
		return appendVarint(b, statusCode, statusNumber(s.Status().Code))
	})
	return appendFixed32(b, spanFlags, flags(is.TraceFlags(), parent.IsRemote()))
}

func appendLink(b []byte, l sdk.Link) []byte {
	traceID, id := l.SpanContext.TraceID(), l.SpanContext.SpanID()
	b = appendBytes(b, linkTraceID, traceID[:])
	b = appendBytes(b, linkSpanID, id[:])
	b = appendString(b, linkState, l.SpanContext.TraceState().String())
	b = appendAttributes(b, linkAttributes, l.Attributes)
	b = appendVarint(b, linkLostAttributes, count(l.DroppedAttributeCount))
	return appendFixed32(b, linkFlags, flags(l.SpanContext.TraceFlags(), l.SpanContext.IsRemote()))
}

// flags are those of W3C, then whether it is known that the other span is another process's, and
// whether it is.
func flags(f trace.TraceFlags, remote bool) uint32 {
	const known, yes = 1 << 8, 1 << 9
	if remote {
		return uint32(f) | known | yes
	}
	return uint32(f) | known
}

// statusNumber: the protocol's numbers are not the library's.
func statusNumber(c codes.Code) uint64 {
	switch c {
	case codes.Ok:
		return 1
	case codes.Error:
		return 2
	}
	return 0
}

func appendAttributes(b []byte, field uint64, all []attribute.KeyValue) []byte {
	for _, kv := range all {
		b = appendMessage(b, field, func(b []byte) []byte {
			b = appendString(b, keyValueKey, string(kv.Key))
			return appendMessage(b, keyValueValue, func(b []byte) []byte { return appendValue(b, kv.Value) })
		})
	}
	return b
}

// appendValue writes lists other than of texts as one text: none of ours is one.
func appendValue(b []byte, v attribute.Value) []byte {
	switch v.Type() {
	case attribute.BOOL:
		set := uint64(0)
		if v.AsBool() {
			set = 1
		}
		return append(appendTag(b, valueBool, wireVarint), byte(set))
	case attribute.INT64:
		return binary.AppendUvarint(appendTag(b, valueInt, wireVarint), uint64(v.AsInt64()))
	case attribute.FLOAT64:
		return appendFixed64(b, valueDouble, math.Float64bits(v.AsFloat64()))
	case attribute.STRINGSLICE:
		return appendMessage(b, valueArray, func(b []byte) []byte {
			for _, s := range v.AsStringSlice() {
				b = appendMessage(b, arrayValues, func(b []byte) []byte { return appendText(b, valueString, s) })
			}
			return b
		})
	}
	return appendText(b, valueString, v.String())
}

func nanoseconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixNano(), 0))
}

func count(n int) uint64 { return uint64(min(max(n, 0), math.MaxUint32)) }
