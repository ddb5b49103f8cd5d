package message

import "time"

// PropertySet is a set of basic properties.
type PropertySet uint16

// The basic properties, with their flags in a content header frame of AMQP 0-9-1.
const (
	ContentTypeProperty PropertySet = 1 << (15 - iota)
	ContentEncodingProperty
	_ // headers
	DeliveryModeProperty
	PriorityProperty
	CorrelationIDProperty
	ReplyToProperty
	ExpirationProperty
	MessageIDProperty
	TimestampProperty
	TypeProperty
	UserIDProperty
	AppIDProperty
	ClusterIDProperty
)

// Has reports whether the set contains all of p.
func (s PropertySet) Has(p PropertySet) bool { return s&p == p }

// Properties are the basic properties of AMQP 0-9-1, except headers. The zero value of a field
// means that the property is absent, unless Explicit contains it. Brokers distinguish the two
// (fact quorum-priorities).
type Properties struct {
	ContentType     string // MIME type of the body
	ContentEncoding string // for example "gzip"; "utf-8" is used by some frameworks and means no compression
	DeliveryMode    uint8  // Transient, Persistent, or 0 when absent
	Priority        uint8  // 0 to 255
	CorrelationID   string
	ReplyTo         string
	// Expiration is the time to live in milliseconds, as decimal digits. The broker removes it when
	// a message dies, and keeps it in the death history, see Deaths.OriginalExpiration.
	Expiration string
	MessageID  string
	// Timestamp has a resolution of whole seconds, as on the wire.
	Timestamp time.Time
	Type      string
	// UserID is checked by the broker: it refuses a user name other than the login's, unless the
	// user has the tag impersonator.
	UserID string
	AppID  string
	// ClusterID is deprecated in AMQP. The broker ignores it and passes it on.
	ClusterID string
	// Explicit has the properties that are present although their fields have the zero value: a
	// priority of 0, an empty string, the timestamp of January 1 of year 1. It says nothing about
	// other properties. Code that empties a field to remove a property must also remove it from
	// Explicit: see Without.
	Explicit PropertySet
}

// Present reports whether the message has the given single property.
func (p *Properties) Present(one PropertySet) bool { return p.Explicit.Has(one) || !p.zero(one) }

func (p *Properties) zero(one PropertySet) bool {
	switch one {
	case DeliveryModeProperty:
		return p.DeliveryMode == 0
	case PriorityProperty:
		return p.Priority == 0
	case TimestampProperty:
		return p.Timestamp.IsZero()
	}
	text := p.text(one)
	return text == nil || *text == ""
}

func (p *Properties) text(one PropertySet) *string {
	switch one {
	case ContentTypeProperty:
		return &p.ContentType
	case ContentEncodingProperty:
		return &p.ContentEncoding
	case CorrelationIDProperty:
		return &p.CorrelationID
	case ReplyToProperty:
		return &p.ReplyTo
	case ExpirationProperty:
		return &p.Expiration
	case MessageIDProperty:
		return &p.MessageID
	case TypeProperty:
		return &p.Type
	case UserIDProperty:
		return &p.UserID
	case AppIDProperty:
		return &p.AppID
	case ClusterIDProperty:
		return &p.ClusterID
	}
	return nil
}

// Without returns the properties without those in the set.
func (p Properties) Without(set PropertySet) Properties {
	for one := ContentTypeProperty; one >= ClusterIDProperty; one >>= 1 {
		if !set.Has(one) {
			continue
		}
		if text := p.text(one); text != nil {
			*text = ""
		}
	}
	if set.Has(DeliveryModeProperty) {
		p.DeliveryMode = 0
	}
	if set.Has(PriorityProperty) {
		p.Priority = 0
	}
	if set.Has(TimestampProperty) {
		p.Timestamp = time.Time{}
	}
	p.Explicit &^= set
	return p
}

// TextProperty is a basic property with a string value.
type TextProperty struct {
	Property PropertySet
	// AMQP is the property's name in AMQP. Name is the same name in camel case, as in JSON
	// documents.
	AMQP, Name string
	Value      string
}

// Texts returns the string properties that are present, in the order of the frame.
func (p *Properties) Texts() []TextProperty {
	var out []TextProperty
	for _, t := range textNames {
		if p.Present(t.Property) {
			t.Value = *p.text(t.Property)
			out = append(out, t)
		}
	}
	return out
}

var textNames = []TextProperty{
	{Property: ContentTypeProperty, AMQP: "content_type", Name: "contentType"},
	{Property: ContentEncodingProperty, AMQP: "content_encoding", Name: "contentEncoding"},
	{Property: CorrelationIDProperty, AMQP: "correlation_id", Name: "correlationId"},
	{Property: ReplyToProperty, AMQP: "reply_to", Name: "replyTo"},
	{Property: ExpirationProperty, AMQP: "expiration", Name: "expiration"},
	{Property: MessageIDProperty, AMQP: "message_id", Name: "messageId"},
	{Property: TypeProperty, AMQP: "type", Name: "type"},
	{Property: UserIDProperty, AMQP: "user_id", Name: "userId"},
	{Property: AppIDProperty, AMQP: "app_id", Name: "appId"},
	{Property: ClusterIDProperty, AMQP: "cluster_id", Name: "clusterId"},
}
