package event

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Append appends the event as one JSON object. The payload is written as it is, which must be valid
// JSON.
func (e *Envelope) Append(dst []byte) []byte {
	w := object{dst: append(dst, '{')}
	w.text("eventId", e.EventID)
	w.text("eventType", e.EventType)
	w.text("aggregateId", e.AggregateID)
	w.text("aggregateType", e.AggregateType)
	if !e.Timestamp.IsZero() {
		w.name("timestamp")
		w.dst = append(e.Timestamp.UTC().AppendFormat(append(w.dst, '"'), time.RFC3339Nano), '"')
	}
	if e.Version != 0 {
		w.name("version")
		w.dst = strconv.AppendInt(w.dst, e.Version, 10)
	}
	w.raw("payload", e.Payload)
	w.name("metadata")
	w.dst = e.Metadata.append(w.dst)
	w.extra(e.Extra)
	return append(w.dst, '}')
}

// room is how many bytes Append needs for an event of the usual kind.
func (e *Envelope) room() int {
	const names = 230 // and the timestamp and the punctuation
	m := &e.Metadata
	return names + len(e.Payload) + len(e.EventID) + len(e.EventType) + len(e.AggregateID) + len(e.AggregateType) +
		len(m.CorrelationID) + len(m.CausationID) + len(m.UserID) + len(m.TraceID) + len(m.SpanID)
}

// MarshalJSON implements json.Marshaler. encoding/json takes spaces out of the payload; Append does
// not.
func (e *Envelope) MarshalJSON() ([]byte, error) { return e.Append(nil), nil }

func (m *Metadata) append(dst []byte) []byte {
	w := object{dst: append(dst, '{')}
	w.text("correlationId", m.CorrelationID)
	w.text("causationId", m.CausationID)
	w.text("userId", m.UserID)
	w.text("traceId", m.TraceID)
	w.text("spanId", m.SpanID)
	w.extra(m.Extra)
	return append(w.dst, '}')
}

// object writes the members of a JSON object.
type object struct {
	dst  []byte
	some bool
}

// name begins a member whose name has nothing to escape.
func (w *object) name(name string) {
	w.next()
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

// foreignName begins a member whose name comes from outside.
func (w *object) foreignName(name string) {
	w.next()
	w.dst = append(appendString(w.dst, name), ':')
}

func (w *object) next() {
	if w.some {
		w.dst = append(w.dst, ',')
	}
	w.some = true
}

// text leaves empty texts out.
func (w *object) text(name, value string) {
	if value != "" {
		w.name(name)
		w.dst = appendString(w.dst, value)
	}
}

func (w *object) raw(name string, value json.RawMessage) {
	w.name(name)
	w.dst = append(w.dst, orNull(value)...)
}

func orNull(value json.RawMessage) json.RawMessage {
	if len(value) == 0 {
		return json.RawMessage("null")
	}
	return value
}

func (w *object) extra(extra map[string]json.RawMessage) {
	if len(extra) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		w.foreignName(name)
		w.dst = append(w.dst, orNull(extra[name])...)
	}
}
