package amqp

import (
	"fmt"
	"strconv"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp/wire"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

const (
	// maxShortString is the maximum length of a name, a property and a header name, in bytes.
	maxShortString = 255
	// maxExpiration is the longest expiration that the broker accepts, in milliseconds
	// (MAX_EXPIRY_TIMER).
	maxExpiration = 1<<32 - 1
	// headerFrame is the size of a content header frame without properties and headers: frame head
	// and end, class, weight, body size, flags.
	headerFrame = 7 + 1 + 2 + 2 + 8 + 2
)

// delivered converts a delivery of the library. Nested values keep the library's types, so that
// nothing is copied: see package message.
func delivered(d *amqp091.Delivery, queue string) consume.Delivery {
	out := consume.Delivery{Tag: d.DeliveryTag, Message: message.Message{
		Properties: message.Properties{
			ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode, Priority: d.Priority,
			CorrelationID: d.CorrelationId, ReplyTo: d.ReplyTo, Expiration: d.Expiration, MessageID: d.MessageId,
			Timestamp: d.Timestamp, Type: d.Type, UserID: d.UserId, AppID: d.AppId,
		},
		Headers: message.Table(d.Headers), Exchange: d.Exchange, RoutingKey: d.RoutingKey,
		Redelivered: d.Redelivered, Queue: queue, Body: d.Body,
	}}
	wire.TakeNote(out.Headers, &out.Properties)
	out.Unread = wire.TakeUnread(out.Headers)
	return out
}

// returned converts a basic.return to a message.
func returned(r *amqp091.Return) *message.Message {
	out := &message.Message{
		Properties: message.Properties{
			ContentType: r.ContentType, ContentEncoding: r.ContentEncoding, DeliveryMode: r.DeliveryMode, Priority: r.Priority,
			CorrelationID: r.CorrelationId, ReplyTo: r.ReplyTo, Expiration: r.Expiration, MessageID: r.MessageId,
			Timestamp: r.Timestamp, Type: r.Type, UserID: r.UserId, AppID: r.AppId,
		},
		Headers: message.Table(r.Headers), Exchange: r.Exchange, RoutingKey: r.RoutingKey, Body: r.Body,
	}
	wire.TakeNote(out.Headers, &out.Properties)
	out.Unread = wire.TakeUnread(out.Headers)
	return out
}

// publishing converts m for the library. The error says why m cannot be sent. The library detects
// most of these problems only after it has written half of the message, which ends the connection.
func publishing(t publish.Target, m *message.Message, frameMax int) (amqp091.Publishing, error) {
	p := amqp091.Publishing{
		Headers:     native(m.Headers),
		ContentType: m.ContentType, ContentEncoding: m.ContentEncoding, DeliveryMode: m.DeliveryMode,
		Priority: m.Priority, CorrelationId: m.CorrelationID, ReplyTo: m.ReplyTo, Expiration: m.Expiration,
		MessageId: m.MessageID, Timestamp: m.Timestamp, Type: m.Type, UserId: m.UserID, AppId: m.AppID,
		Body: m.Body,
	}
	if len(t.Exchange) > maxShortString || len(t.Key) > maxShortString {
		return p, fmt.Errorf("publish to %.80s…: names of exchanges and routing keys have at most %d bytes", t,
			maxShortString)
	}
	err := checkProperties(m)
	if m.Unread != nil {
		err = fmt.Errorf("it was not read: %w", m.Unread)
	}
	if err == nil {
		err = checkHeaders(p.Headers)
	}
	p.Headers = native(wire.AddNote(m.Headers, &m.Properties))
	if size := headerSize(m); err == nil && frameMax > 0 && size > frameMax {
		err = fmt.Errorf("its properties and headers take %d bytes, more than the %d that the broker takes in one frame "+
			"(frame_max): remove headers, or raise frame_max on the broker", size, frameMax)
	}
	if err != nil {
		return p, fmt.Errorf("publish a message to %s: %w", t, err)
	}
	return p, nil
}

func native(t message.Table) amqp091.Table {
	return message.Native[amqp091.Table](t, func(d message.Decimal) any { return amqp091.Decimal(d) })
}

func checkProperties(m *message.Message) error {
	if m.DeliveryMode > message.Persistent {
		return fmt.Errorf("its delivery mode is %d: the broker knows 1 (transient) and 2 (persistent)", m.DeliveryMode)
	}
	if m.Present(message.ExpirationProperty) {
		if n, err := strconv.ParseUint(m.Expiration, 10, 64); err != nil || n > maxExpiration {
			return fmt.Errorf("its expiration is %q: the broker takes whole milliseconds from 0 to %d, as digits (\"60000\" "+
				"is a minute)", m.Expiration, maxExpiration)
		}
	}
	for _, t := range m.Texts() {
		if len(t.Value) > maxShortString {
			return fmt.Errorf("its property %s has %d bytes: AMQP allows %d", t.AMQP, len(t.Value), maxShortString)
		}
	}
	return nil
}

// checkHeaders returns an error for a value that has no AMQP type, or a name that is too long.
func checkHeaders(t amqp091.Table) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("its headers: AMQP has no type for one of them: %w", err)
	}
	return checkNames(t)
}

func checkNames(v any) error {
	switch x := v.(type) {
	case amqp091.Table:
		for name, v := range x {
			if len(name) > maxShortString {
				return fmt.Errorf("the name of its header %.40q… has %d bytes: AMQP allows %d", name, len(name), maxShortString)
			}
			if err := checkNames(v); err != nil {
				return err
			}
		}
	case []any:
		for _, v := range x {
			if err := checkNames(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// headerSize returns the maximum size of the content header frame of m, in bytes.
func headerSize(m *message.Message) int {
	size := headerFrame + 1 + 1 + 8 + message.HeadersSize(m.Headers) // delivery mode, priority, timestamp
	for _, t := range m.Texts() {
		size += 1 + len(t.Value)
	}
	return size
}
