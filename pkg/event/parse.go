package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/msgctl/msgctl/internal/jsonsyntax"
)

// Parse parses an event. The members eventId, eventType, timestamp, version and payload are
// required, and every known member must have its type. Unknown members are kept in Extra. The error
// is a *FormatError.
func Parse(text []byte) (*Envelope, error) {
	e, err := ParseDraft(text)
	if err != nil {
		return nil, err
	}
	for _, need := range []struct {
		name    string
		missing bool
	}{{"eventId", e.EventID == ""}, {"timestamp", e.Timestamp.IsZero()}, {"version", e.Version == 0}} {
		if need.missing {
			return nil, &FormatError{"/" + need.name, "is missing"}
		}
	}
	return e, nil
}

// ParseDraft parses an event that is not published yet, as Parse does. eventId, timestamp and
// version may be missing; they are then zero. The error is a *FormatError, or says why the text is
// not JSON.
func ParseDraft(text []byte) (*Envelope, error) {
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(text)
	if text[0] != '{' {
		return nil, &FormatError{"", "an event is a JSON object, and this is " + jsonType(text)}
	}
	var e Envelope
	var p parser
	p.members(text, "", func(name string, v gjson.Result) bool { return p.envelope(&e, name, v) }, &e.Extra)
	switch {
	case p.err != nil:
		return nil, p.err
	case e.EventType == "":
		return nil, &FormatError{"/eventType", "is missing"}
	case e.Payload == nil:
		return nil, &FormatError{"/payload", "is missing"}
	}
	return &e, nil
}

// IsEnvelope reports whether a JSON text looks like an event rather than a payload: an object with
// eventType and payload. The text need not be valid.
func IsEnvelope(text []byte) bool {
	if !bytes.Contains(text, []byte(`"eventType"`)) || !bytes.Contains(text, []byte(`"payload"`)) {
		return false
	}
	if !json.Valid(text) {
		return true
	}
	found := 0
	gjson.ParseBytes(text).ForEach(func(k, _ gjson.Result) bool {
		if k.Str == "eventType" || k.Str == "payload" {
			found++
		}
		return true
	})
	return found >= 2
}

// checkJSON checks that a text is one JSON value in UTF-8, of limited size and a depth of at most
// 10,000 levels.
func checkJSON(text []byte) *FormatError {
	switch {
	case len(text) > MaxBytes:
		return &FormatError{"", fmt.Sprintf("%d bytes are more than an event can have (%d)", len(text), MaxBytes)}
	case len(bytes.TrimSpace(text)) == 0:
		return &FormatError{"", "it is empty"}
	case !utf8.Valid(text):
		return &FormatError{"", fmt.Sprintf("byte %d is not UTF-8", invalidUTF8(text))}
	case json.Valid(text):
		return nil
	}
	at, problem := jsonsyntax.Explain(text)
	line, column := position(text, at)
	if bytes.IndexByte(text, '\n') < 0 {
		return &FormatError{"", fmt.Sprintf("column %d: %s", column, problem)}
	}
	return &FormatError{"", fmt.Sprintf("line %d, column %d: %s", line, column, problem)}
}

func invalidUTF8(text []byte) int {
	at := 0
	for at < len(text) {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}

// maxMembers limits the members of an envelope and of its metadata, but not those of a payload.
const maxMembers = 256

// parser reads the members of objects and records the first problem.
type parser struct{ err error }

// members calls known for each member. Unknown members go to extra.
func (p *parser) members(object []byte, pointer string, known func(name string, v gjson.Result) bool,
	extra *map[string]json.RawMessage) {
	var few [16]string
	seen := few[:0]
	gjson.ParseBytes(object).ForEach(func(k, v gjson.Result) bool {
		if slices.Contains(seen, k.Str) {
			p.fail(pointer+"/"+escapePointer(k.Str), "is there twice")
			return false
		}
		if seen = append(seen, k.Str); len(seen) > maxMembers {
			p.fail(pointer, fmt.Sprintf("has more than %d members", maxMembers))
			return false
		}
		if !known(k.Str, v) && p.err == nil {
			if *extra == nil {
				*extra = map[string]json.RawMessage{}
			}
			(*extra)[k.Str] = p.raw(v)
		}
		return p.err == nil
	})
}

func (p *parser) envelope(e *Envelope, name string, v gjson.Result) bool {
	switch name {
	case "eventId":
		e.EventID = p.text1(v, "/eventId")
	case "eventType":
		e.EventType = p.text1(v, "/eventType")
	case "aggregateId":
		e.AggregateID = p.optional(v, "/aggregateId")
	case "aggregateType":
		e.AggregateType = p.optional(v, "/aggregateType")
	case "timestamp":
		e.Timestamp = p.time(v, "/timestamp")
	case "version":
		e.Version = p.version(v)
	case "payload":
		e.Payload = p.raw(v)
	case "metadata":
		p.metadata(&e.Metadata, v)
	default:
		return false
	}
	return true
}

func (p *parser) metadata(m *Metadata, v gjson.Result) {
	if v.Type == gjson.Null {
		return
	}
	if !v.IsObject() {
		p.fail("/metadata", "want an object, and this is "+jsonType([]byte(v.Raw)))
		return
	}
	p.members(p.raw(v), "/metadata", func(name string, v gjson.Result) bool {
		var field *string
		switch name {
		case "correlationId":
			field = &m.CorrelationID
		case "causationId":
			field = &m.CausationID
		case "userId":
			field = &m.UserID
		case "traceId":
			field = &m.TraceID
		case "spanId":
			field = &m.SpanID
		default:
			return false
		}
		*field = p.optional(v, "/metadata/"+name)
		return true
	}, &m.Extra)
}

// raw returns the raw text of a value.
func (p *parser) raw(v gjson.Result) json.RawMessage { return json.RawMessage(v.Raw) }

func (p *parser) fail(pointer, problem string) {
	if p.err == nil {
		p.err = &FormatError{pointer, problem}
	}
}

func (p *parser) text1(v gjson.Result, pointer string) string {
	s := p.optional(v, pointer)
	if s == "" {
		p.fail(pointer, "is empty")
	}
	return s
}

// optional returns a string value; null is "".
func (p *parser) optional(v gjson.Result, pointer string) string {
	switch v.Type {
	case gjson.String:
		return v.Str
	case gjson.Null:
		return ""
	}
	p.fail(pointer, "want a string, and this is "+jsonType([]byte(v.Raw)))
	return ""
}

func (p *parser) time(v gjson.Result, pointer string) time.Time {
	s := p.text1(v, pointer)
	if p.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		p.fail(pointer, fmt.Sprintf("%q is no time as in RFC 3339: 2026-01-31T12:00:00Z", clip(s)))
	}
	return t.UTC()
}

func (p *parser) version(v gjson.Result) int64 {
	if v.Type != gjson.Number {
		p.fail("/version", "want an integer from 1, and this is "+jsonType([]byte(v.Raw)))
		return 0
	}
	n, err := strconv.ParseInt(v.Raw, 10, 64)
	if err != nil || n < 1 {
		p.fail("/version", fmt.Sprintf("want an integer from 1, and this is %s", clip(v.Raw)))
	}
	return n
}
