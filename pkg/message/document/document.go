// Package document represents messages as JSON documents, for programs and people to read: header
// values as plain JSON, a JSON body as JSON.
//
// Unlike a line of package archive, a document cannot restore the message exactly. Values that JSON
// cannot express are approximated: invalid UTF-8 becomes U+FFFD, and a body that is not text is in
// bodyBase64.
package document

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
)

// maxBody limits the size of a decompressed body.
const maxBody = 16 << 20

// Message is a message as JSON. Absent parts are omitted.
type Message struct {
	Exchange    string         `json:"exchange"`
	RoutingKey  string         `json:"routingKey"`
	Queue       string         `json:"queue,omitempty"`
	Offset      *int64         `json:"offset,omitempty"`
	Redelivered bool           `json:"redelivered,omitempty"`
	Properties  Properties     `json:"properties,omitzero"`
	Headers     map[string]any `json:"headers,omitempty"`
	// Size is the size of the body in the message, in bytes.
	Size int `json:"size"`
	// Unread says why the body was not read; "" if it was.
	Unread string `json:"unread,omitempty"`
	// Body is JSON if the body is JSON, or a string if it is text, decompressed according to
	// content_encoding.
	Body any `json:"body,omitempty"`
	// BodyBase64 is any other body, as it is in the message.
	BodyBase64 []byte `json:"bodyBase64,omitempty"`
}

// Properties are the AMQP properties, with names in camel case. Timestamp is the date that is meant:
// see message.Meant.
type Properties struct {
	ContentType     *string    `json:"contentType,omitempty"`
	ContentEncoding *string    `json:"contentEncoding,omitempty"`
	DeliveryMode    *uint8     `json:"deliveryMode,omitempty"`
	Priority        *uint8     `json:"priority,omitempty"`
	CorrelationID   *string    `json:"correlationId,omitempty"`
	ReplyTo         *string    `json:"replyTo,omitempty"`
	Expiration      *string    `json:"expiration,omitempty"`
	MessageID       *string    `json:"messageId,omitempty"`
	Timestamp       *time.Time `json:"timestamp,omitempty"`
	Type            *string    `json:"type,omitempty"`
	UserID          *string    `json:"userId,omitempty"`
	AppID           *string    `json:"appId,omitempty"`
	ClusterID       *string    `json:"clusterId,omitempty"`
}

func propertiesOf(p *message.Properties) Properties {
	return Properties{
		ContentType:     present(p, message.ContentTypeProperty, &p.ContentType),
		ContentEncoding: present(p, message.ContentEncodingProperty, &p.ContentEncoding),
		DeliveryMode:    present(p, message.DeliveryModeProperty, &p.DeliveryMode),
		Priority:        present(p, message.PriorityProperty, &p.Priority),
		CorrelationID:   present(p, message.CorrelationIDProperty, &p.CorrelationID),
		ReplyTo:         present(p, message.ReplyToProperty, &p.ReplyTo),
		Expiration:      present(p, message.ExpirationProperty, &p.Expiration),
		MessageID:       present(p, message.MessageIDProperty, &p.MessageID),
		Timestamp:       Time(message.Meant(p.Timestamp)),
		Type:            present(p, message.TypeProperty, &p.Type),
		UserID:          present(p, message.UserIDProperty, &p.UserID),
		AppID:           present(p, message.AppIDProperty, &p.AppID),
		ClusterID:       present(p, message.ClusterIDProperty, &p.ClusterID),
	}
}

func present[T any](p *message.Properties, one message.PropertySet, v *T) *T {
	if !p.Present(one) {
		return nil
	}
	return v
}

// Of returns the document for a message.
func Of(m *message.Message) Message {
	d := Message{
		Exchange: m.Exchange, RoutingKey: m.RoutingKey, Queue: m.Queue, Redelivered: m.Redelivered,
		Properties: propertiesOf(&m.Properties),
		Headers:    Headers(m.Headers), Size: m.Size(),
	}
	if offset, ok := m.Offset(); ok {
		d.Offset = &offset
	}
	if m.Unread != nil {
		d.Unread = m.Unread.Why
	}
	if len(m.Body) > 0 {
		d.setBody(m)
	}
	return d
}

// Headers returns header values in a form that encoding/json can write; nil if there are none.
func Headers(t message.Table) map[string]any {
	if len(t) == 0 {
		return nil
	}
	out, _ := message.Plain(t, headerTime).(map[string]any)
	return out
}

func headerTime(t time.Time) any {
	if at := Time(message.Meant(t)); at != nil {
		return *at
	}
	return nil
}

// Time returns a time in UTC for RFC 3339. It returns nil for the zero time, and for years that RFC
// 3339 cannot represent.
func Time(t time.Time) *time.Time {
	if !message.Plausible(t) {
		return nil
	}
	t = t.UTC()
	return &t
}

func (d *Message) setBody(m *message.Message) {
	plain := m.Body
	if m.ContentEncoding != "" {
		if decoded, _, err := body.Decode(m.Body, m.ContentEncoding, maxBody); err == nil {
			plain = decoded
		}
	}
	switch {
	case !utf8.Valid(plain):
		d.BodyBase64 = m.Body
	case json.Valid(plain):
		d.Body = json.RawMessage(plain)
	default:
		d.Body = string(plain)
	}
}
