package event

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// MaxBytes limits the text of one event, in bytes. It is the largest default message size limit of
// any supported broker version (fact max-message-size).
const MaxBytes = 128 << 20

// Envelope is one domain event.
type Envelope struct {
	// EventID identifies the event: a UUIDv7 if msgctl made it, otherwise any text.
	EventID string
	// EventType names what happened, such as order.created. It is the key in the catalogue.
	EventType string
	// AggregateID and AggregateType identify the entity that the event is about; "" if there is
	// none.
	AggregateID, AggregateType string
	// Timestamp is when the event happened, in UTC. It is zero if a foreign event has none.
	Timestamp time.Time
	// Version is the version of the payload's form, from 1. It is 0 if a foreign event has none.
	Version int64
	// Payload is the payload's JSON, byte for byte as it was written.
	Payload json.RawMessage
	// Metadata relates the event to other events.
	Metadata Metadata
	// Extra has the unknown members of the envelope, by name; nil if there are none. They are kept
	// when the event is written again.
	Extra map[string]json.RawMessage
}

// Metadata relates an event to other events. Every field may be empty.
type Metadata struct {
	// CorrelationID is shared by all events caused by one request. CausationID is the EventID of
	// the event that caused this one.
	CorrelationID, CausationID string
	// UserID is the user on whose behalf the event happened. It is unrelated to the AMQP property
	// user_id, which the broker checks.
	UserID string
	// TraceID and SpanID are those of W3C Trace Context: 32 and 16 hexadecimal digits.
	TraceID, SpanID string
	// Extra has the unknown members, by name.
	Extra map[string]json.RawMessage
}

// FormatError says why a text is not a valid event.
type FormatError struct {
	// Pointer is the JSON Pointer of the invalid part; "" for the text as a whole.
	Pointer string
	// Problem says what is wrong and what was expected.
	Problem string
}

// Error returns the pointer and the problem.
func (e *FormatError) Error() string {
	if e.Pointer == "" {
		return e.Problem
	}
	return e.Pointer + ": " + e.Problem
}

// envelopeFields are the members before the payload; metadataFields are those of the metadata.
type envelopeFields struct {
	EventID       string `json:"eventId,omitempty"`
	EventType     string `json:"eventType,omitempty"`
	AggregateID   string `json:"aggregateId,omitempty"`
	AggregateType string `json:"aggregateType,omitempty"`
	Timestamp     string `json:"timestamp,omitempty"`
	Version       int64  `json:"version,omitempty"`
}

type metadataFields struct {
	CorrelationID string `json:"correlationId,omitempty"`
	CausationID   string `json:"causationId,omitempty"`
	UserID        string `json:"userId,omitempty"`
	TraceID       string `json:"traceId,omitempty"`
	SpanID        string `json:"spanId,omitempty"`
}

// JSON returns the event as one JSON object. The payload and the members of Extra are written byte
// for byte; they must be valid JSON.
func (e *Envelope) JSON() []byte {
	m := &e.Metadata
	w := newObject(len(e.Payload))
	w.fields(envelopeFields{e.EventID, e.EventType, e.AggregateID, e.AggregateType, formatTime(e.Timestamp), e.Version})
	w.raw("payload", e.Payload)
	metadata := newObject(0)
	metadata.fields(metadataFields{m.CorrelationID, m.CausationID, m.UserID, m.TraceID, m.SpanID})
	metadata.extra(m.Extra)
	w.raw("metadata", metadata.end())
	w.extra(e.Extra)
	return w.end()
}

// MarshalJSON implements json.Marshaler. Unlike JSON, encoding/json removes white space from the
// payload.
func (e *Envelope) MarshalJSON() ([]byte, error) { return e.JSON(), nil }

// object joins the members of a JSON object. encoding/json encodes names and values only: given the
// whole object, it would compact the raw JSON.
type object struct{ dst []byte }

// newObject starts an object with room for the usual members and more bytes.
func newObject(more int) *object {
	return &object{append(make([]byte, 0, 512+more), '{')}
}

// fields writes the members of a struct that encoding/json always can encode.
func (w *object) fields(v any) {
	text, _ := jsonline.Append(nil, v)
	if members := text[1 : len(text)-1]; len(members) > 0 {
		w.comma()
		w.dst = append(w.dst, members...)
	}
}

// text writes a string member.
func (w *object) text(name, value string) {
	w.name(name)
	w.dst, _ = jsonline.Append(w.dst, value)
}

// raw writes JSON unchanged; an empty value becomes null.
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

func (w *object) comma() {
	if len(w.dst) > 1 {
		w.dst = append(w.dst, ',')
	}
}

func (w *object) name(name string) {
	w.comma()
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

// NewID returns a new UUIDv7. It fails if there is no source of randomness.
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an event id: %w", err)
	}
	return id.String(), nil
}

// Series makes UUIDv7s that are a function of a number. The event of line 17 of a file has the same
// id however often the line is sent, so that a consumer can recognise repeats. The 48 bits of time
// are those of the start of the series. The next 32 bits hold the number (RFC 9562, 6.2, a
// dedicated counter), and the last 42 bits identify the series.
type Series struct{ seed uuid.UUID }

// NewSeries starts a new series. It fails if there is no source of randomness.
func NewSeries() (Series, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Series{}, fmt.Errorf("make event ids: %w", err)
	}
	return Series{id}, nil
}

// ParseSeries parses the result of String. It fails if s is not a UUIDv7.
func ParseSeries(s string) (Series, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.Version() != 7 {
		return Series{}, fmt.Errorf("series of event ids: %q is no UUIDv7", clip(s))
	}
	return Series{id}, nil
}

// String returns the series in the form that ParseSeries reads.
func (s Series) String() string { return s.seed.String() }

// ID returns the id for number n.
func (s Series) ID(n uint32) string {
	id := s.seed
	id[6] = 0x70 | byte(n>>28)
	id[7] = byte(n >> 20)
	id[8] = 0x80 | byte(n>>14)&0x3f
	id[9] = byte(n >> 6)
	id[10] = byte(n<<2) | id[10]&3
	var text [36]byte
	hex.Encode(text[:8], id[:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
