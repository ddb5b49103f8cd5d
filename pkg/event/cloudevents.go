package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/pkg/message"
)

// CloudEvents 1.0.2, with its AMQP binding. The binding is written for AMQP 1.0. RabbitMQ
// translates application-properties to headers and content-type to the property of that name, so
// AMQP 0-9-1 uses those. correlationid, causationid and traceparent are attributes of the
// extensions "Correlation" and "Distributed Tracing"; dataversion, aggregatetype and userid are
// msgctl's own.
const (
	structuredType = "application/cloudevents+json; charset=utf-8"
	specVersion    = "1.0"
	// cePrefix is the prefix that the binding prescribes. ceAltPrefix, which JMS can carry, is also
	// accepted.
	cePrefix    = "cloudEvents:"
	ceAltPrefix = "cloudEvents_"
)

// attributes calls yield with the event's attributes in a stable order, except datacontenttype.
func (e *Envelope) attributes(source string, yield func(name, value string)) {
	m := &e.Metadata
	yield("specversion", specVersion)
	yield("id", e.EventID)
	yield("source", source)
	yield("type", e.EventType)
	for _, a := range [...]struct{ name, value string }{
		{"subject", e.AggregateID}, {"time", formatTime(e.Timestamp)}, {"dataversion",
			formatVersion(e.Version)}, {"aggregatetype", e.AggregateType},
		{"correlationid", m.CorrelationID}, {"causationid", m.CausationID}, {"userid", m.UserID}, {"traceparent",
			m.traceparent()},
	} {
		if a.value != "" {
			yield(a.name, a.value)
		}
	}
}

// Attribute is one attribute of a CloudEvent, in its canonical string form.
type Attribute struct{ Name, Value string }

// Attributes returns the event's attributes as a CloudEvent in a stable order, except
// datacontenttype. source is the source attribute of an event that has none itself.
func (e *Envelope) Attributes(source string) (list []Attribute) {
	var own string
	if json.Unmarshal(e.Extra["source"], &own) == nil && own != "" {
		source = own
	}
	e.attributes(source, func(name, value string) { list = append(list, Attribute{name, value}) })
	return list
}

func formatVersion(v int64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatInt(v, 10)
}

func (e *Envelope) toBinary(m *message.Message, source string) {
	headers := make(message.Table, len(m.Headers)+12)
	maps.Copy(headers, m.Headers)
	e.attributes(source, func(name, value string) { headers[cePrefix+name] = value })
	m.Headers, m.Body = headers, e.Payload
}

func (e *Envelope) cloudEvent(source string) []byte {
	w := newObject(len(e.Payload))
	e.attributes(source, w.text)
	w.text("datacontenttype", "application/json")
	w.raw("data", e.Payload)
	return w.end()
}

// ceAttribute returns an attribute of a CloudEvent in binary mode, or nil if it is absent.
func ceAttribute(h message.Table, name string) any {
	if v, ok := h[cePrefix+name]; ok {
		return v
	}
	return h[ceAltPrefix+name]
}

func fromBinary(m *message.Message) (*Envelope, error) {
	if t := m.ContentType; t != "" && !isJSONType(t) {
		return nil, &FormatError{"", fmt.Sprintf("a CloudEvent whose data is %s, not JSON", clip(t))}
	}
	if err := checkJSON(m.Body); err != nil {
		return nil, &FormatError{"/data", err.Problem}
	}
	e := &Envelope{Payload: m.Body}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		attribute, ok := strings.CutPrefix(name, cePrefix)
		if !ok {
			if attribute, ok = strings.CutPrefix(name, ceAltPrefix); !ok {
				continue
			}
		}
		text, ok := attributeText(m.Headers[name])
		if !ok {
			return nil, &FormatError{"/" + escapePointer(attribute),
				fmt.Sprintf("want a text, and this is a %T", m.Headers[name])}
		}
		if err := e.setAttribute(attribute, text); err != nil {
			return nil, err
		}
	}
	return e, e.checkCloudEvent()
}

// attributeText returns an attribute's text, from its native type or its canonical string form.
func attributeText(v any) (string, bool) {
	if s, ok := message.AsString(v); ok {
		return s, true
	}
	switch x := v.(type) {
	case bool:
		return strconv.FormatBool(x), true
	case time.Time:
		return formatTime(x), true
	}
	if n, ok := message.AsInt(v); ok {
		return strconv.FormatInt(n, 10), true
	}
	return "", false
}

func isJSONType(contentType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	media = strings.TrimSpace(media)
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// parseCloudEvent parses the JSON format.
func parseCloudEvent(contentType string, text []byte) (*Envelope, error) {
	if media, _, _ := strings.Cut(strings.ToLower(contentType),
		";"); strings.TrimSpace(media) != "application/cloudevents+json" {
		return nil, &FormatError{"", fmt.Sprintf("a CloudEvent in the format %s; only application/cloudevents+json is "+
			"understood", clip(contentType))}
	}
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	if kind := jsonType(text); kind != "an object" {
		return nil, &FormatError{"", "a CloudEvent is a JSON object, and this is " + kind}
	}
	e := &Envelope{}
	var p parser
	var others map[string]json.RawMessage
	p.members(text, "", func(name string, v gjson.Result) bool {
		p.cloudEvent(e, name, v)
		return true
	}, &others)
	if p.err != nil {
		return nil, p.err
	}
	switch {
	case !gjson.GetBytes(text, "specversion").Exists():
		return nil, &FormatError{"/specversion", "is missing"}
	case e.Payload == nil:
		return nil, &FormatError{"/data", "is missing"}
	}
	return e, e.checkCloudEvent()
}

func (p *parser) cloudEvent(e *Envelope, name string, v gjson.Result) {
	switch {
	case name == "data":
		e.Payload = p.raw(v)
	case name == "data_base64":
		p.fail("/data_base64", "its data is binary, not JSON")
	case v.Type == gjson.Null: // the same as absent
	case name == "datacontenttype":
		if t := p.text1(v, "/datacontenttype"); p.err == nil && !isJSONType(t) {
			p.fail("/datacontenttype", fmt.Sprintf("its data is %s, not JSON", clip(t)))
		}
	case v.IsObject() || v.IsArray():
		p.fail("/"+escapePointer(name), "an attribute of a CloudEvent is no "+jsonType([]byte(v.Raw))[3:])
	default:
		text := v.Raw
		if v.Type == gjson.String {
			text = v.Str
		}
		if err := e.setAttribute(name, text); err != nil && p.err == nil {
			p.err = err
		}
	}
}

// setAttribute sets an attribute from its canonical string form.
func (e *Envelope) setAttribute(name, text string) error {
	switch name {
	case "specversion":
		if text != specVersion {
			return &FormatError{"/specversion", fmt.Sprintf("a CloudEvent of version %q; only 1.0 is understood", clip(text))}
		}
	case "id":
		e.EventID = text
	case "type":
		e.EventType = text
	case "subject":
		e.AggregateID = text
	case "aggregatetype":
		e.AggregateType = text
	case "correlationid":
		e.Metadata.CorrelationID = text
	case "causationid":
		e.Metadata.CausationID = text
	case "userid":
		e.Metadata.UserID = text
	case "traceparent":
		e.Metadata.fillTrace(text)
	case "time":
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return &FormatError{"/time", fmt.Sprintf("%q is no time as in RFC 3339: 2026-01-31T12:00:00Z", clip(text))}
		}
		e.Timestamp = t.UTC()
	case "dataversion":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return &FormatError{"/dataversion", fmt.Sprintf("want an integer from 1, and this is %s", clip(text))}
		}
		e.Version = n
	default:
		if e.Extra == nil {
			e.Extra = map[string]json.RawMessage{}
		}
		quoted, err := jsonline.Append(nil, text)
		if err != nil {
			return &FormatError{"/" + escapePointer(name), err.Error()}
		}
		e.Extra[name] = quoted
	}
	return nil
}

// checkCloudEvent checks that the attributes required of every CloudEvent are present.
func (e *Envelope) checkCloudEvent() error {
	switch {
	case e.EventID == "":
		return &FormatError{"/id", "is missing"}
	case e.EventType == "":
		return &FormatError{"/type", "is missing"}
	case len(e.Extra["source"]) <= len(`""`):
		return &FormatError{"/source", "is missing"}
	}
	return nil
}
