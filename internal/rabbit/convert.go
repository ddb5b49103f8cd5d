package rabbit

import (
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

const (
	// maxShortString is how long a name, a property and a header's name may be on the wire, in bytes.
	maxShortString = 255
	// maxExpiration is the longest expiration the broker takes, in milliseconds (MAX_EXPIRY_TIMER).
	maxExpiration = 1<<32 - 1
	// headerFrameFixed is what a content header frame holds besides properties: frame header and end (8), class, weight, body
	// size and flags (14).
	headerFrameFixed = 8 + 14
)

// received makes a delivery of the library's. Headers and body are shared, not copied.
func received(d *amqp.Delivery, queue string) consume.Delivery {
	return consume.Delivery{
		Tag: d.DeliveryTag,
		Message: message.Message{
			Properties: message.Properties{
				ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode, Priority: d.Priority,
				CorrelationID: d.CorrelationId, ReplyTo: d.ReplyTo, Expiration: d.Expiration, MessageID: d.MessageId,
				Timestamp: d.Timestamp, Type: d.Type, UserID: d.UserId, AppID: d.AppId,
			},
			Headers: message.Table(d.Headers), Exchange: d.Exchange, RoutingKey: d.RoutingKey,
			Redelivered: d.Redelivered, Queue: queue, Body: d.Body,
		},
	}
}

// returned makes a message of what came back.
func returned(r *amqp.Return) *message.Message {
	return &message.Message{
		Properties: message.Properties{
			ContentType: r.ContentType, ContentEncoding: r.ContentEncoding, DeliveryMode: r.DeliveryMode, Priority: r.Priority,
			CorrelationID: r.CorrelationId, ReplyTo: r.ReplyTo, Expiration: r.Expiration, MessageID: r.MessageId,
			Timestamp: r.Timestamp, Type: r.Type, UserID: r.UserId, AppID: r.AppId,
		},
		Headers: message.Table(r.Headers), Exchange: r.Exchange, RoutingKey: r.RoutingKey, Body: r.Body,
	}
}

// publishing makes the library's form of a message, or says why it cannot be sent. What the library would choke on half-way
// through a message, which ends the connection, is refused here. Headers that the client itself decoded are not copied.
func publishing(m *message.Message, frameMax int) (amqp.Publishing, error) {
	p := amqp.Publishing{
		ContentType: m.ContentType, ContentEncoding: m.ContentEncoding, DeliveryMode: m.DeliveryMode, Priority: m.Priority,
		CorrelationId: m.CorrelationID, ReplyTo: m.ReplyTo, Expiration: m.Expiration, MessageId: m.MessageID,
		Timestamp: m.Timestamp, Type: m.Type, UserId: m.UserID, AppId: m.AppID,
		Headers: amqp.Table(m.Headers), Body: m.Body,
	}
	size, err := propertiesSize(m)
	if err != nil {
		return p, err
	}
	var h headerCheck
	if len(m.Headers) > 0 {
		if err := h.table(m.Headers); err != nil {
			return p, err
		}
	}
	if size += h.size; frameMax > 0 && size > frameMax {
		return p, fmt.Errorf("its properties and headers take %d bytes, more than the %d that the broker takes in one frame (frame_max): remove headers, or raise frame_max on the broker", size, frameMax)
	}
	if h.foreign {
		p.Headers = message.Native[amqp.Table](m.Headers, decimal)
	}
	return p, nil
}

func decimal(d message.Decimal) any { return amqp.Decimal{Scale: d.Scale, Value: d.Value} }

// propertiesSize returns the size of the content header frame without headers.
func propertiesSize(m *message.Message) (int, error) {
	size := headerFrameFixed + 1 + 1 + 8 // delivery mode, priority, timestamp
	for _, s := range [...]struct{ name, value string }{
		{"content_type", m.ContentType}, {"content_encoding", m.ContentEncoding}, {"correlation_id", m.CorrelationID},
		{"reply_to", m.ReplyTo}, {"expiration", m.Expiration}, {"message_id", m.MessageID}, {"type", m.Type},
		{"user_id", m.UserID}, {"app_id", m.AppID},
	} {
		if len(s.value) > maxShortString {
			return 0, fmt.Errorf("its property %s has %d bytes: AMQP allows %d", s.name, len(s.value), maxShortString)
		}
		size += 1 + len(s.value)
	}
	if m.Expiration != "" {
		if n, err := strconv.ParseUint(m.Expiration, 10, 64); err != nil || n > maxExpiration {
			return 0, fmt.Errorf("its expiration is %q: the broker takes whole milliseconds from 0 to %d, as digits (\"60000\" is a minute)", m.Expiration, maxExpiration)
		}
	}
	if m.DeliveryMode > message.Persistent {
		return 0, fmt.Errorf("its delivery mode is %d: the broker knows 1 (transient) and 2 (persistent)", m.DeliveryMode)
	}
	return size, nil
}

// headerCheck walks a header table once: how large it is on the wire, whether the library can encode it as it is, and what of
// it nobody can.
type headerCheck struct {
	size    int
	foreign bool // holds tables or decimals that are not the library's own
}

func (h *headerCheck) table(t map[string]any) error {
	h.size += 4
	for k, v := range t {
		if len(k) > maxShortString {
			return fmt.Errorf("the name of its header %.40q… has %d bytes: AMQP allows %d", k, len(k), maxShortString)
		}
		h.size += 1 + len(k)
		if err := h.value(v); err != nil {
			return fmt.Errorf("its header %q: %w", k, err)
		}
	}
	return nil
}

func (h *headerCheck) value(v any) error {
	h.size++
	switch x := v.(type) {
	case nil:
	case bool, int8, uint8:
		h.size++
	case int16, uint16:
		h.size += 2
	case int, int32, uint32, float32:
		h.size += 4
	case int64, float64, time.Time:
		h.size += 8
	case string:
		h.size += 4 + len(x)
	case []byte:
		h.size += 4 + len(x)
	case []any:
		return h.array(x)
	case amqp.Table:
		return h.table(x)
	case message.Table:
		h.foreign = true
		return h.table(x)
	case map[string]any:
		h.foreign = true
		return h.table(x)
	case amqp.Decimal:
		h.size += 5
	case message.Decimal:
		h.size += 5
		h.foreign = true
	default:
		return fmt.Errorf("AMQP has no type for a %T", v)
	}
	return nil
}

func (h *headerCheck) array(a []any) error {
	h.size += 4
	for _, v := range a {
		if err := h.value(v); err != nil {
			return err
		}
	}
	return nil
}
