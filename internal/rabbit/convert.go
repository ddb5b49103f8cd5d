package rabbit

import (
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
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
