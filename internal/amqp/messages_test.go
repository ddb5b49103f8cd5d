package amqp

import (
	"strings"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
)

// headerValues draws header values of every type, in the library's own nested tables, so that they
// compare equal when they come back.
func headerValues(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int8().AsAny(), rapid.Uint8().AsAny(), rapid.Int16().AsAny(),
		rapid.Uint16().AsAny(),
		rapid.Int32().AsAny(), rapid.Uint32().AsAny(), rapid.Int64().AsAny(), rapid.Float32().AsAny(),
		rapid.Float64().AsAny(), rapid.String().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.Custom(func(t *rapid.T) any { return time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "s"), 0) }),
		rapid.Custom(func(t *rapid.T) any {
			return amqp091.Decimal{Scale: rapid.Uint8().Draw(t, "scale"), Value: rapid.Int32().Draw(t, "value")}
		}),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.SliceOfN(headerValues(depth-1), 0, 4).AsAny(),
			rapid.Custom(func(t *rapid.T) any {
				return amqp091.Table(rapid.MapOfN(headerNames(), headerValues(depth-1), 0, 4).Draw(t,
					"table"))
			}))
	}
	return rapid.OneOf(kinds...)
}

// headerNames draws header names that no broker gives a meaning.
func headerNames() *rapid.Generator[string] { return rapid.StringMatching(`h[a-zA-Zäß ]{0,20}`) }

// randomMessages draws messages with every kind of property, header and size of body.
func randomMessages() *rapid.Generator[*message.Message] {
	return rapid.Custom(func(t *rapid.T) *message.Message {
		short := func(name string) string {
			s := rapid.SampledFrom([]string{"", "x", "ü", strings.Repeat("y", 255)}).Draw(t, name)
			return s
		}
		m := &message.Message{Properties: message.Properties{
			ContentType: short("content type"), ContentEncoding: short("encoding"), CorrelationID: short("correlation"),
			ReplyTo:   short("reply"),
			MessageID: short("id"), Type: short("type"), AppID: short("app"), Expiration: rapid.SampledFrom([]string{"", "60000",
				"4294967295"}).Draw(t, "expiration"),
			DeliveryMode: rapid.Uint8Range(0, 2).Draw(t, "mode"), Priority: rapid.Uint8Range(0, 9).Draw(t, "priority"),
		}}
		if rapid.Bool().Draw(t, "has a time") {
			m.Timestamp = time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "timestamp"), 0)
		}
		if rapid.Bool().Draw(t, "explicit") {
			m.ClusterID = short("cluster")
			m.Explicit = explicitZeros(&m.Properties)
		}
		m.Headers = rapid.MapOfN(headerNames(), headerValues(2), 0, 6).Draw(t, "headers")
		m.Body = []byte(strings.Repeat("b", rapid.SampledFrom([]int{0, 1, 300, 131064, 131065, 300000}).Draw(t, "size")))
		return m
	})
}

// explicitZeros has every property that is zero and may be explicitly so: brokers refuse an empty
// expiration, an empty user_id and, on 3.10, a delivery mode of 0.
func explicitZeros(p *message.Properties) (set message.PropertySet) {
	for one := message.ContentTypeProperty; one >= message.ClusterIDProperty; one >>= 1 {
		switch one {
		case message.ContentTypeProperty >> 2, message.ExpirationProperty, message.UserIDProperty,
			message.DeliveryModeProperty:
		default:
			if !p.Present(one) {
				set |= one
			}
		}
	}
	return set
}

// plain replaces the library's types by ours, and nil slices by empty ones.
func plain(v any) any {
	switch x := v.(type) {
	case message.Table:
		out := message.Table{}
		for k, e := range x {
			out[k] = plain(e)
		}
		return out
	case amqp091.Table:
		return plain(message.Table(x))
	case []any:
		out := make([]any, 0, len(x))
		for _, e := range x {
			out = append(out, plain(e))
		}
		return out
	case amqp091.Decimal:
		return message.Decimal{Scale: x.Scale, Value: x.Value}
	}
	return v
}
