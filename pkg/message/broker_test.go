package message_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
)

// receive waits for the next message of a queue.
func receive(t *testing.T, ch *amqp.Channel, queue string, args amqp.Table) *message.Message {
	t.Helper()
	tag := "t-" + queue
	deliveries, err := ch.Consume(queue, tag, false, false, false, false, args)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case d, ok := <-deliveries:
		if !ok {
			t.Fatal("the channel was closed")
		}
		if err := ch.Cancel(tag, false); err != nil {
			t.Fatal(err)
		}
		if err := d.Ack(false); err != nil {
			t.Fatal(err)
		}
		return &message.Message{
			Properties: message.Properties{
				ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode,
				Priority: d.Priority, CorrelationID: d.CorrelationId, ReplyTo: d.ReplyTo, Expiration: d.Expiration,
				MessageID: d.MessageId, Timestamp: d.Timestamp, Type: d.Type, UserID: d.UserId, AppID: d.AppId,
			},
			Headers: message.Table(d.Headers), Exchange: d.Exchange, RoutingKey: d.RoutingKey, Queue: queue, Body: d.Body,
		}
	case <-time.After(time.Minute):
		t.Fatalf("no message in %s", queue)
		return nil
	}
}

func publish(t *testing.T, ch *amqp.Channel, queue string, m *message.Message) {
	t.Helper()
	headers := message.Native[amqp.Table](m.Headers, func(d message.Decimal) any { return amqp.Decimal(d) })
	err := ch.PublishWithContext(t.Context(), "", queue, true, false, amqp.Publishing{
		Headers: headers, ContentType: m.ContentType, ContentEncoding: m.ContentEncoding, DeliveryMode: m.DeliveryMode,
		Priority: m.Priority, CorrelationId: m.CorrelationID, ReplyTo: m.ReplyTo, Expiration: m.Expiration,
		MessageId: m.MessageID, Timestamp: m.Timestamp, Type: m.Type, UserId: m.UserID, AppId: m.AppID, Body: m.Body,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func declare(t *testing.T, ch *amqp.Channel, name string, args amqp.Table) {
	t.Helper()
	if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
}

// TestDeathsAsBrokersWriteThem takes a message twice round a retry step: repeats move entries to
// the front and keep the time of the first death.
func TestDeathsAsBrokersWriteThem(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		ch := b.VHost(t).Channel(t)
		for _, kind := range []string{"classic", "quorum"} {
			work, wait := "work-"+kind, "wait-"+kind
			declare(t, ch, work, amqp.Table{
				"x-queue-type": kind, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait,
			})
			declare(t, ch, wait, amqp.Table{
				"x-queue-type": kind, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": work, "x-message-ttl": int32(1100),
			})
			publish(t, ch, work, &message.Message{Properties: message.Properties{Expiration: "600000"}})
			started := time.Now()
			reject(t, ch, work)
			again := reject(t, ch, work) // it has waited for its TTL in between
			m := receive(t, ch, work, nil)
			first, ok := m.Deaths().First(nil)
			if !ok || first.Queue != work || first.Reason != "rejected" || first.Count != 2 || first.RoutingKey() != work {
				t.Errorf("%s: first death %+v", kind, first)
			}
			// Death times are whole seconds.
			if !first.Time.Before(again.Add(-time.Second)) || first.Time.Before(started.Add(-2*time.Second)) {
				t.Errorf("%s: the death of %v is repeated at %v and has the time %v", kind, started, again, first.Time)
			}
			if latest, _ := m.Deaths().Latest(); latest.Queue != wait || m.Deaths().Count() != 4 {
				t.Errorf("%s: latest %+v of %d", kind, latest, m.Deaths().Count())
			}
			if got := m.Deaths().OriginalExpiration(); got != "600000" || m.Expiration != "" {
				t.Errorf("%s: original expiration %q, expiration %q", kind, got, m.Expiration)
			}
		}
	})
}

// reject waits for a message and rejects it. It returns when the message had come.
func reject(t *testing.T, ch *amqp.Channel, queue string) (came time.Time) {
	t.Helper()
	for range 1200 {
		d, ok, err := ch.Get(queue, false)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			came = time.Now()
			if err := d.Nack(false, false); err != nil {
				t.Fatal(err)
			}
			return came
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no message in %s", queue)
	return came
}

// TestReplayNoteSurvivesEverywhere includes streams, which drop nested header values on 3.10.
func TestReplayNoteSurvivesEverywhere(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		ch := b.VHost(t).Channel(t)
		if err := ch.Qos(1, 0, false); err != nil {
			t.Fatal(err)
		}
		sent := &message.Message{Headers: message.ReplayHeaders(retriedTwice(), message.Replay{ID: "r", From: "dlq"})}
		for _, kind := range []string{"classic", "quorum", "stream"} {
			declare(t, ch, kind, amqp.Table{"x-queue-type": kind})
			publish(t, ch, kind, sent)
			var args amqp.Table
			if kind == "stream" {
				args = amqp.Table{"x-stream-offset": "first"}
			}
			got := receive(t, ch, kind, args)
			if diff := cmp.Diff(message.Timeline(sent.Headers), message.Timeline(got.Headers)); diff != "" {
				t.Errorf("%s:\n%s", kind, diff)
			}
			if message.ReplayCount(got.Headers) != 1 || got.Headers["x-msgctl-replay-id"] != "r" {
				t.Errorf("%s: headers %v", kind, got.Headers)
			}
			if _, ok := got.Offset(); ok != (kind == "stream") {
				t.Errorf("%s: offset known %v", kind, ok)
			}
		}
	})
}

// TestArchiveRestoresOnTheBroker publishes every header type and property, archives what arrives,
// publishes what the archive holds and compares what arrives then.
func TestArchiveRestoresOnTheBroker(t *testing.T) {
	sent := &message.Message{
		Properties: message.Properties{
			ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: 2, Priority: 7, CorrelationID: "c",
			ReplyTo: "r", Expiration: "600000", MessageID: "m\xff", Timestamp: time.Unix(0, 0), Type: "t", AppID: "a",
		},
		Headers: message.Table{
			"nil": nil, "bool": true, "i8": int8(-8), "u8": uint8(8), "i16": int16(-16), "u16": uint16(16), "i32": int32(-32),
			"u32": uint32(32), "i64": int64(1) << 60, "f32": float32(1.5), "f64": 2.5, "string": "grüße", "raw": "\xff\xfe",
			"bytes": []byte{0, 255}, "time": time.Unix(1700000000, 0), "decimal": message.Decimal{Scale: 2, Value: 995},
			"table": message.Table{"deep": []any{message.Table{"d": message.Decimal{Scale: 1, Value: 1}}, int64(1), nil}},
			"k\xff": "non-UTF-8 name",
		},
		Body: []byte{0xff, 0, 1},
	}
	sameTables := cmp.Options{
		cmp.Transformer("table", func(t amqp.Table) message.Table { return message.Table(t) }),
		cmp.Transformer("decimal", func(d amqp.Decimal) message.Decimal { return message.Decimal(d) }),
		cmpopts.IgnoreFields(message.Message{}, "Queue"),
	}
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		ch := b.VHost(t).Channel(t)
		for _, kind := range []string{"classic", "quorum"} {
			declare(t, ch, kind, amqp.Table{"x-queue-type": kind})
			publish(t, ch, kind, sent)
			first := receive(t, ch, kind, nil)
			line, err := archive.AppendLine(nil, first)
			if err != nil {
				t.Fatal(err)
			}
			restored, err := archive.ParseLine(line)
			if err != nil {
				t.Fatal(err)
			}
			publish(t, ch, kind, restored)
			second := receive(t, ch, kind, nil)
			for _, m := range []*message.Message{first, second} { // acquired counts differ by version
				delete(m.Headers, "x-delivery-count")
				delete(m.Headers, "x-acquired-count")
			}
			if diff := cmp.Diff(first, second, sameTables); diff != "" {
				t.Errorf("%s:\n%s\n%s", kind, diff, line)
			}
			if len(first.Headers) != len(sent.Headers) {
				t.Errorf("%s: %d headers of %d arrived", kind, len(first.Headers), len(sent.Headers))
			}
		}
	})
}
