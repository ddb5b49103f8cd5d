package rabbit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	amqp "github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// values draws header values of every type, in the library's own nested tables, so that they
// compare equal when they come back.
func values(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int8().AsAny(), rapid.Uint8().AsAny(), rapid.Int16().AsAny(), rapid.Uint16().AsAny(),
		rapid.Int32().AsAny(), rapid.Uint32().AsAny(), rapid.Int64().AsAny(), rapid.Float32().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.Custom(func(t *rapid.T) any { return time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "s"), 0) }),
		rapid.Custom(func(t *rapid.T) any {
			return amqp.Decimal{Scale: rapid.Uint8().Draw(t, "scale"), Value: rapid.Int32().Draw(t, "value")}
		}),
	}
	if depth > 0 {
		plain = append(plain, rapid.SliceOfN(values(depth-1), 0, 4).AsAny(),
			rapid.Custom(func(t *rapid.T) any {
				return amqp.Table(rapid.MapOfN(names(), values(depth-1), 0, 4).Draw(t,
					"table"))
			}))
	}
	return rapid.OneOf(plain...)
}

// names draws header names that no broker gives a meaning.
func names() *rapid.Generator[string] { return rapid.StringMatching(`h[a-zA-Zäß ]{0,20}`) }

func messages() *rapid.Generator[*message.Message] {
	return rapid.Custom(func(t *rapid.T) *message.Message {
		short := func(name string) string {
			s := rapid.SampledFrom([]string{"", "x", "ü", strings.Repeat("y", 255)}).Draw(t, name)
			return s
		}
		m := &message.Message{Properties: message.Properties{
			ContentType: short("content type"), ContentEncoding: short("encoding"), CorrelationID: short("correlation"), ReplyTo: short("reply"),
			MessageID: short("id"), Type: short("type"), AppID: short("app"), Expiration: rapid.SampledFrom([]string{"", "60000",
				"4294967295"}).Draw(t, "expiration"),
			DeliveryMode: rapid.Uint8Range(0, 2).Draw(t, "mode"), Priority: rapid.Uint8Range(0, 9).Draw(t, "priority"),
		}}
		if rapid.Bool().Draw(t, "has a time") {
			m.Timestamp = time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "timestamp"), 0)
		}
		m.Headers = rapid.MapOfN(names(), values(2), 0, 6).Draw(t, "headers")
		m.Body = []byte(strings.Repeat("b", rapid.SampledFrom([]int{0, 1, 300, 131064, 131065, 300000}).Draw(t, "size")))
		return m
	})
}

// TestWhatIsSentArrives sends messages with every kind of property and header, and receives them
// with the client library, then with ours.
func TestWhatIsSentArrives(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		declareQueue(t, v, "q", nil)
		const n = 300
		var sent []*message.Message
		p, got := openPublisher(t, c, v.Name, publish.PublisherOptions{})
		for i := range n {
			m := messages().Example(i)
			sent = append(sent, m)
			if err := p.Publish(t.Context(), publish.Target{Key: "q"}, m, i); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, p)
		if got.count(publish.Confirmed) != n {
			t.Fatalf("%d of %d confirmed", got.count(publish.Confirmed), n)
		}
		ch := v.Channel(t)
		deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			d := <-deliveries
			arrived(t, i, sent[i], received(&d, "q").Message)
		}
		if err := ch.Close(); err != nil { // gives them back
			t.Fatal(err)
		}
		sub := subscribe(t, c, v.Name, consume.Options{Queue: "q", Prefetch: n})
		for i := range n {
			d, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := *sent[i]
			want.Redelivered, want.Headers = true, plain(want.Headers).(message.Table)
			arrived(t, i, &want, d.Message)
		}
	})
}

func arrived(t *testing.T, i int, sent *message.Message, got message.Message) {
	t.Helper()
	want := *sent
	want.RoutingKey, want.Queue = "q", "q"
	if !bytes.Equal(want.Body, got.Body) {
		t.Fatalf("message %d has another body", i)
	}
	want.Body, got.Body = nil, nil // cmp would look at every byte
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(),
		cmp.Transformer("NaN", func(f float64) string { return fmt.Sprint(f) }), cmp.Transformer("NaN32",
			func(f float32) string { return fmt.Sprint(f) }),
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Fatalf("message %d:\n%s", i, diff)
	}
}

// TestWhatCannotBeSentIsRefusedBefore: and the channel stays usable.
func TestWhatCannotBeSentIsRefusedBefore(t *testing.T) {
	v := rabbittest.Any(t).VHost(t)
	declareQueue(t, v, "q", nil)
	ch, err := newClient(t, v.User).Dialer(v.Name).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 256)
	q := publish.Target{Key: "q"}
	for text, m := range map[string]*message.Message{
		"frame_max": {Headers: message.Table{"x": strings.Repeat("x", 131000)},
			Properties: message.Properties{Type: long[:255]}},
		`expiration is "12s"`:    {Properties: message.Properties{Expiration: "12s"}},
		`expiration is "-1"`:     {Properties: message.Properties{Expiration: "-1"}},
		`"4294967296"`:           {Properties: message.Properties{Expiration: "4294967296"}},
		"delivery mode is 3":     {Properties: message.Properties{DeliveryMode: 3}},
		"type has 256 bytes":     {Properties: message.Properties{Type: long}},
		"has 256 bytes: AMQP":    {Headers: message.Table{"a": message.Table{long: 1}}},
		"no type for a struct {": {Headers: message.Table{"a": []any{struct{}{}}}},
	} {
		if _, err := ch.Publish(t.Context(), q, m); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q: %v", text, err)
		}
	}
	if _, err := ch.Publish(t.Context(), publish.Target{Exchange: long}, &message.Message{}); err == nil {
		t.Error("a name of 256 bytes")
	}
	full := &message.Message{Headers: message.Table{"n": int(1 << 40),
		"t": map[string]any{"d": message.Decimal{Scale: 2, Value: 5}}}}
	if seq, err := ch.Publish(t.Context(), q, full); seq != 1 || err != nil {
		t.Fatal(seq, err)
	}
	events, err := ch.Receive(t.Context(), nil)
	if err != nil || len(events) != 1 || events[0].Kind != publish.EventConfirmed || events[0].Seq != 1 {
		t.Errorf("%+v, %v", events, err)
	}
	if err := ch.Close(); err != nil || ch.Err() != nil {
		t.Error(err, ch.Err())
	}
}
