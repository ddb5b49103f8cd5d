package spec

import (
	"reflect"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// Event is a typed domain event: where it is published, and what its data looks like.
type Event struct {
	decode.Located `json:"-"`
	// Exchange it is published to.
	Exchange string `json:"exchange" jsonschema:"required,minLength=1"`
	// Key is its routing key, which may have places that the event fills:
	// order.{payload.country}.created. Default: the event's type.
	Key *string `json:"key,omitempty"`
	// Aggregate it belongs to.
	Aggregate *Aggregate `json:"aggregate,omitempty"`
	// Version of its data. Default 1.
	Version *int64 `json:"version,omitempty" jsonschema:"minimum=1" example:"1"`
	// Schema of its data: JSON Schema 2020-12, inline or the name of a file (relative to this one).
	Schema *EventSchema `json:"schema,omitempty"`
	// Examples of its data.
	Examples []decode.Any `json:"examples,omitempty"`
	// Format of the message: envelope (default), cloudevents (CloudEvents 1.0 in binary mode) or
	// cloudevents-structured.
	Format string `json:"format,omitempty" jsonschema:"minLength=1"`
	// Description for people.
	Description string `json:"description,omitempty"`
}

// Aggregate is the entity that an event is about.
type Aggregate struct {
	decode.Located `json:"-"`
	// Type of the entity: Order.
	Type string `json:"type" jsonschema:"required,minLength=1"`
	// ID points into the data (JSON Pointer): /orderId.
	ID string `json:"id" jsonschema:"required,pattern=^(/.*)?$"`
}

// Test says where one message must go.
type Test struct {
	decode.Located `json:"-"`
	// Name of the test.
	Name string `json:"name" jsonschema:"required,minLength=1"`
	// Publish is the message.
	Publish *Publish `json:"publish" jsonschema:"required"`
	// Reject, then, the message from this queue.
	Reject string `json:"reject,omitempty" jsonschema:"minLength=1"`
	// Expire the message in this queue.
	Expire string `json:"expire,omitempty" jsonschema:"minLength=1"`
	// Overflow this queue with the message.
	Overflow string `json:"overflow,omitempty" jsonschema:"minLength=1"`
	// Exhaust the delivery limit of this queue.
	Exhaust string `json:"exhaust,omitempty" jsonschema:"minLength=1"`
	// Expect exactly these queues.
	Expect decode.Strings `json:"expect,omitempty"`
	// Contains these queues, and maybe others.
	Contains decode.Strings `json:"contains,omitempty"`
	// Never these queues.
	Never decode.Strings `json:"never,omitempty"`
	// Lost: whether the message is lost.
	Lost *bool `json:"lost,omitempty"`
}

// Publish is the message of a test: a declared event, or an exchange and a key.
type Publish struct {
	decode.Located `json:"-"`
	// Event is the type of a declared event.
	Event string `json:"event,omitempty" jsonschema:"minLength=1"`
	// Exchange to publish to, instead of an event; "" is the default exchange.
	Exchange *string `json:"exchange,omitempty"`
	// Key of the message.
	Key *string `json:"key,omitempty"`
	// Headers of the message.
	Headers map[string]decode.Any `json:"headers,omitempty"`
	// unread says that the value was of the wrong kind, which was reported.
	unread bool
}

// DecodeNode reads the mapping.
func (v *Publish) DecodeNode(d *decode.Decoder, n *source.Node, f decode.Field) {
	v.unread = n.Kind != source.Mapping && n.Kind != source.Null
	d.Structure(n, reflect.ValueOf(v).Elem(), f) // not Value, which would come back here
}

// EventSchema is the JSON Schema of an event's data: inline, or the name of a file.
type EventSchema struct {
	// File is relative to the topology file. "" for an inline schema.
	File string
	// Inline is a mapping, or true or false.
	Inline any
	at     diag.Position
}

// DecodeNode reads a mapping or true or false as a schema, and a string as the name of a file.
func (v *EventSchema) DecodeNode(d *decode.Decoder, n *source.Node, f decode.Field) {
	v.at = n.Pos
	switch {
	case n.Kind == source.Mapping, n.Kind == source.Bool:
		v.Inline = n.Value()
	case n.Kind == source.String && strings.TrimSpace(n.Text) != "":
		v.File = n.Text
	default:
		f.Example = "events/order.created.schema.json"
		d.WrongType(n, f, "the name of a file or an inline JSON Schema")
	}
}

// Published is a declared event with where it is published.
type Published struct {
	VHost, Type, Exchange, Key string
	Position                   diag.Position
}

// Published returns all declared events, ordered by vhost of declaration and type. An event without
// an exchange, which is reported as a problem, is left out.
func (s *Spec) Published() []Published {
	list := s.Sections.published(s.mainVHost())
	for name, v := range ordered(s.VHosts) {
		list = append(list, v.Sections.published(name)...)
	}
	return list
}

func (s *Sections) published(vhost string) []Published {
	var list []Published
	for name, e := range ordered(s.Events) {
		if e == nil || e.Exchange == "" {
			continue
		}
		p := Published{VHost: vhost, Type: name, Exchange: e.Exchange, Key: name, Position: e.Position()}
		if e.Key != nil {
			p.Key = *e.Key
		}
		list = append(list, p)
	}
	return list
}
