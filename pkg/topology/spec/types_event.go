package spec

// Event is a typed domain event: where it is published, and what its data looks like.
type Event struct {
	Located `json:"-"`
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
	Examples []Any `json:"examples,omitempty"`
	// Format of the message: envelope (default), cloudevents (CloudEvents 1.0 in binary mode) or
	// cloudevents-structured.
	Format string `json:"format,omitempty" jsonschema:"minLength=1"`
	// Description for people.
	Description string `json:"description,omitempty"`
}

// Aggregate is the entity that an event is about.
type Aggregate struct {
	Located `json:"-"`
	// Type of the entity: Order.
	Type string `json:"type" jsonschema:"required,minLength=1"`
	// ID points into the data (JSON Pointer): /orderId.
	ID string `json:"id" jsonschema:"required,pattern=^(/.*)?$"`
}

// Test says where one message must go.
type Test struct {
	Located `json:"-"`
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
	Expect Strings `json:"expect,omitempty"`
	// Contains these queues, and maybe others.
	Contains Strings `json:"contains,omitempty"`
	// Never these queues.
	Never Strings `json:"never,omitempty"`
	// Lost: whether the message is lost.
	Lost *bool `json:"lost,omitempty"`
}

// Publish is the message of a test: a declared event, or an exchange and a key.
type Publish struct {
	Located `json:"-"`
	// Event is the type of a declared event.
	Event string `json:"event,omitempty" jsonschema:"minLength=1"`
	// Exchange to publish to, instead of an event; "" is the default exchange.
	Exchange *string `json:"exchange,omitempty"`
	// Key of the message.
	Key *string `json:"key,omitempty"`
	// Headers of the message.
	Headers map[string]Any `json:"headers,omitempty"`
}
