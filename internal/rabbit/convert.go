package rabbit

import (
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/message"
)

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
