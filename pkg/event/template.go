package event

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// maxKeyBytes is the maximum length of a routing key in AMQP 0-9-1.
const maxKeyBytes = 255

// KeyTemplate is a routing key with placeholders that each event fills:
// orders.{payload.region}.created.
//
// A placeholder in braces is eventType, version, aggregateId, aggregateType, or a path into the
// payload: payload.customer.country, payload.items.0.sku. A path with a name that contains a dot is
// written as a JSON Pointer: payload/a.b/c. {{ and }} stand for literal braces.
type KeyTemplate struct{ parts []keyPart }

// keyPart is literal text or a placeholder.
type keyPart struct {
	text  string   // of a place: what stands between the braces
	field string   // "" for a text; "payload", or a field of the envelope
	path  []string // into the payload
}

// ParseKey parses a template. The error gives the byte position of the mistake.
func ParseKey(s string) (*KeyTemplate, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("routing key: it is not UTF-8")
	}
	t := &KeyTemplate{}
	var text strings.Builder
	for i := 0; i < len(s); {
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			text.WriteByte(s[i])
			i += 2
		case s[i] == '}':
			return nil, fmt.Errorf("routing key: byte %d: } without {; a brace itself is written }}", i+1)
		case s[i] == '{':
			end := strings.IndexAny(rest[1:], "{}")
			if end < 0 || rest[1+end] != '}' {
				return nil, fmt.Errorf("routing key: byte %d: { without }; a brace itself is written {{", i+1)
			}
			part, err := parsePlace(rest[1 : 1+end])
			if err != nil {
				return nil, fmt.Errorf("routing key: byte %d: %w", i+1, err)
			}
			t.addText(&text)
			t.parts = append(t.parts, part)
			i += end + 2
		default:
			text.WriteByte(s[i])
			i++
		}
	}
	t.addText(&text)
	if len(t.parts) == 1 && t.parts[0].field == "" && len(t.parts[0].text) > maxKeyBytes {
		return nil, fmt.Errorf("routing key: %d bytes are more than AMQP takes (%d)", len(t.parts[0].text), maxKeyBytes)
	}
	return t, nil
}

func (t *KeyTemplate) addText(b *strings.Builder) {
	if b.Len() > 0 {
		t.parts = append(t.parts, keyPart{text: b.String()})
		b.Reset()
	}
}

func parsePlace(place string) (keyPart, error) {
	switch place {
	case "eventType", "version", "aggregateId", "aggregateType":
		return keyPart{text: place, field: place}, nil
	}
	if pointer, ok := strings.CutPrefix(place, "payload/"); ok {
		path, err := splitPointer("/" + pointer)
		return keyPart{text: place, field: "payload", path: path}, err
	}
	if path, ok := strings.CutPrefix(place, "payload."); ok {
		names := strings.Split(path, ".")
		for _, n := range names {
			if n == "" {
				return keyPart{}, fmt.Errorf("{%s} has an empty name in its path; write payload/a.b for a name with a dot",
					clip(place))
			}
		}
		return keyPart{text: place, field: "payload", path: names}, nil
	}
	return keyPart{}, fmt.Errorf("{%s} is nothing that an event has; write {payload.NAME}, {aggregateId}, "+
		"{aggregateType}, {eventType} or {version}", clip(place))
}

// Fixed returns the routing key, and true, if the template has no placeholders.
func (t *KeyTemplate) Fixed() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].field == "":
		return t.parts[0].text, true
	}
	return "", false
}

// Pattern returns a topic pattern that matches every key of the template. A word with a placeholder
// becomes #, because the value may contain dots.
func (t *KeyTemplate) Pattern() string {
	if key, ok := t.Fixed(); ok {
		return key
	}
	const place = "\x00"
	var b strings.Builder
	for _, p := range t.parts {
		if p.field == "" {
			b.WriteString(strings.ReplaceAll(p.text, place, ""))
		} else {
			b.WriteString(place)
		}
	}
	words := strings.Split(b.String(), ".")
	for i, w := range words {
		if strings.Contains(w, place) {
			words[i] = "#"
		}
	}
	return strings.Join(words, ".")
}

// String returns the template in the form that ParseKey reads.
func (t *KeyTemplate) String() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.field == "" {
			b.WriteString(braces.Replace(p.text))
		} else {
			b.WriteString("{" + p.text + "}")
		}
	}
	return b.String()
}

var braces = strings.NewReplacer("{", "{{", "}", "}}")

// Fill returns the routing key of an event, whose payload must be valid JSON. Values must be
// strings, numbers or booleans. It fails if a value is missing or of another type, and if the key
// is longer than 255 bytes.
func (t *KeyTemplate) Fill(e *Envelope) (string, error) {
	if key, ok := t.Fixed(); ok {
		return key, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		text, err := p.value(e)
		if err != nil {
			return "", fmt.Errorf("routing key: %w", err)
		}
		if b.Len()+len(text) > maxKeyBytes {
			return "", fmt.Errorf("routing key: it would be longer than AMQP takes (%d bytes)", maxKeyBytes)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (p *keyPart) value(e *Envelope) (string, error) {
	switch p.field {
	case "":
		return p.text, nil
	case "eventType":
		return e.EventType, nil
	case "version":
		return fmt.Sprint(e.Version), nil
	case "aggregateId":
		return e.AggregateID, nil
	case "aggregateType":
		return e.AggregateType, nil
	}
	v, ok := find(e.Payload, p.path)
	pointer := joinPointer(p.path)
	switch {
	case !ok:
		return "", fmt.Errorf("the payload has nothing at %s, which the key needs", clip(pointer))
	case v.Type == gjson.String && v.Str == "":
		return "", fmt.Errorf("the payload has an empty text at %s, which the key needs", clip(pointer))
	case v.Type == gjson.String:
		return v.Str, nil
	case v.Type == gjson.Number, v.Type == gjson.True, v.Type == gjson.False:
		return v.Raw, nil
	}
	return "", fmt.Errorf("the payload has %s at %s, of which no key can be made", jsonType([]byte(v.Raw)), clip(pointer))
}
