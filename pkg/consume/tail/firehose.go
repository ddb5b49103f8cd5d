package tail

import (
	"strings"

	"github.com/msgctl/msgctl/pkg/message"
)

// TraceExchange is where a broker publishes a copy of every message of a vhost whose tracing is on.
const TraceExchange = "amq.rabbitmq.trace"

// Trace is what the firehose tells of a message.
type Trace struct {
	// Delivered says that the message was handed to a consumer, or taken with basic.get, from
	// Queue; otherwise it was published.
	Delivered bool
	Queue     string
	// User published or received it, over Connection, on Node.
	User, Connection, Node string
	// Routed has the queues that a published message went to.
	Routed []string
}

// Untrace returns the message that a message of the trace exchange is about, and false when it is
// none. It trusts nothing: whoever may write to the exchange can publish there.
//
// The broker puts what it traces into headers: exchange_name, routing_keys, properties (a table
// with the names of AMQP, headers in it), redelivered; the key is publish.EXCHANGE or
// deliver.QUEUE, the body that of the message (fact firehose).
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
