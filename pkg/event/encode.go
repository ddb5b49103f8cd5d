package event

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// JSON returns the event as one JSON object. What came as JSON, the payload and the members of
// Extra, is written as it came, and must be valid.
func (e *Envelope) JSON() []byte {
	w := newObject(len(e.Payload))
	w.text("eventId", e.EventID)
	w.text("eventType", e.EventType)
	w.text("aggregateId", e.AggregateID)
	w.text("aggregateType", e.AggregateType)
	w.text("timestamp", formatTime(e.Timestamp))
	if e.Version != 0 {
		w.add("version", e.Version)
	}
	w.raw("payload", e.Payload)
	w.raw("metadata", e.Metadata.json())
	w.extra(e.Extra)
	return w.end()
}

// MarshalJSON implements json.Marshaler. encoding/json takes spaces out of the payload; JSON does
// not.
func (e *Envelope) MarshalJSON() ([]byte, error) { return e.JSON(), nil }

func (m *Metadata) json() []byte {
	w := newObject(0)
	w.text("correlationId", m.CorrelationID)
	w.text("causationId", m.CausationID)
	w.text("userId", m.UserID)
	w.text("traceId", m.TraceID)
	w.text("spanId", m.SpanID)
	w.extra(m.Extra)
	return w.end()
}

// object joins the members of a JSON object. encoding/json writes names and values; it is not given
// the object as a whole, because it would compact what came as JSON.
type object struct{ dst []byte }

// newObject begins an object with room for the usual members and more bytes.
func newObject(more int) *object {
	return &object{append(make([]byte, 0, 512+more), '{')}
}

// add writes a member of a type that encoding/json cannot fail to write.
func (w *object) add(name string, value any) {
	w.name(name)
	w.dst, _ = jsonline.Append(w.dst, value)
}

// text leaves empty texts out.
func (w *object) text(name, value string) {
	if value != "" {
		w.add(name, value)
	}
}

// raw writes JSON as it is; what is empty becomes null.
func (w *object) raw(name string, value json.RawMessage) {
	w.name(name)
	if len(value) == 0 {
		value = json.RawMessage("null")
	}
	w.dst = append(w.dst, value...)
}

func (w *object) extra(extra map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		w.raw(name, extra[name])
	}
}

func (w *object) name(name string) {
	if len(w.dst) > 1 {
		w.dst = append(w.dst, ',')
	}
	w.dst, _ = jsonline.Append(w.dst, name)
	w.dst = append(w.dst, ':')
}

func (w *object) end() []byte { return append(w.dst, '}') }

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
