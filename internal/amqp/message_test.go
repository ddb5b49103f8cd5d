package amqp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// TestWhatIsSentArrives sends messages with every kind of property and header, and receives them.
func TestWhatIsSentArrives(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		declareQueue(t, v, "q", nil)
		const n = 300
		var sent []*message.Message
		p, got := openPublisher(t, c, v.Name, publish.PublisherOptions{})
		for i := range n {
			m := randomMessages().Example(i)
			sent = append(sent, m)
			if err := p.Publish(t.Context(), publish.Target{Key: "q"}, m, i); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, p)
		if got.count(publish.Confirmed) != n {
			t.Fatalf("%d of %d confirmed", got.count(publish.Confirmed), n)
		}
		sub := subscribe(t, c, v.Name, consume.Options{Queue: "q", Prefetch: n})
		for i := range n {
			d, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := *sent[i]
			want.Headers, d.Headers = plain(want.Headers).(message.Table), plain(d.Headers).(message.Table)
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
		`expiration is "12s"`:     {Properties: message.Properties{Expiration: "12s"}},
		`expiration is "-1"`:      {Properties: message.Properties{Expiration: "-1"}},
		`"4294967296"`:            {Properties: message.Properties{Expiration: "4294967296"}},
		"delivery mode is 3":      {Properties: message.Properties{DeliveryMode: 3}},
		"type has 256 bytes":      {Properties: message.Properties{Type: long}},
		"has 256 bytes: AMQP":     {Headers: message.Table{"a": message.Table{long: 1}}},
		"struct {} not supported": {Headers: message.Table{"a": []any{struct{}{}}}},
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
