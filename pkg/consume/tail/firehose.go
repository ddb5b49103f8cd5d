package tail

import (
	"strings"

	"github.com/msgctl/msgctl/pkg/message"
)

// TraceExchange is the exchange to which a broker publishes a copy of every message of a vhost that
// has tracing enabled.
const TraceExchange = "amq.rabbitmq.trace"

// Trace is what the firehose reports about a message.
type Trace struct {
	// Delivered reports whether the message was delivered to a consumer, or fetched with basic.get,
	// from Queue. Otherwise it was published.
	Delivered bool
	Queue     string
	// User published or received the message, over Connection, on Node.
	User, Connection, Node string
	// Routed has the queues that a published message was routed to.
	Routed []string
}

// Untrace returns the original message for a message of the trace exchange, or false if the message
// is not a trace. It validates its input: anyone with write permission can publish to the exchange.
//
// The broker describes the traced message in headers: exchange_name, routing_keys, properties (a
// table with AMQP names, including headers) and redelivered. The routing key is publish.EXCHANGE or
// deliver.QUEUE, and the body is that of the original message (fact firehose).
func Untrace(m *message.Message) (message.Message, Trace, bool) {
	kind, name, ok := strings.Cut(m.RoutingKey, ".")
	properties, hasProperties := message.AsTable(m.Headers["properties"])
	if !ok || !hasProperties || kind != "publish" && kind != "deliver" {
		return message.Message{}, Trace{}, false
	}
	t := Trace{
		Delivered: kind == "deliver", User: m.Headers.Text("user"), Connection: m.Headers.Text("connection"),
		Node:   m.Headers.Text("node"),
		Routed: texts(m.Headers["routed_queues"]),
	}
	out := message.Message{Exchange: m.Headers.Text("exchange_name"), Body: m.Body}
	if t.Delivered {
		t.Queue, out.Queue = name, name
		n, _ := message.AsInt(m.Headers["redelivered"])
		out.Redelivered = n != 0 || m.Headers["redelivered"] == true
	}
	if keys := texts(m.Headers["routing_keys"]); len(keys) > 0 {
		out.RoutingKey = keys[0]
	}
	out.Properties = traced(properties)
	if headers, ok := message.AsTable(properties["headers"]); ok {
		out.Headers = headers
	}
	return out, t, true
}

func traced(t message.Table) message.Properties {
	number := func(name string) uint8 {
		n, _ := message.AsInt(t[name])
		return uint8(n)
	}
	p := message.Properties{
		ContentType: t.Text("content_type"), ContentEncoding: t.Text("content_encoding"),
		DeliveryMode: number("delivery_mode"),
		Priority:     number("priority"), CorrelationID: t.Text("correlation_id"), ReplyTo: t.Text("reply_to"),
		Expiration: t.Text("expiration"),
		MessageID:  t.Text("message_id"), Type: t.Text("type"), UserID: t.Text("user_id"), AppID: t.Text("app_id"),
	}
	p.ClusterID = t.Text("cluster_id")
	p.Timestamp, _ = message.AsTime(t["timestamp"])
	for name, one := range map[string]message.PropertySet{"delivery_mode": message.DeliveryModeProperty,
		"priority": message.PriorityProperty} {
		if _, ok := t[name]; ok && !p.Present(one) {
			p.Explicit |= one
		}
	}
	return p
}

func texts(v any) (out []string) {
	list, _ := message.AsArray(v)
	for _, e := range list {
		if s, ok := message.AsString(e); ok {
			out = append(out, s)
		}
	}
	return out
}
