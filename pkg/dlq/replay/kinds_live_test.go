package replay_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Every way to die, and every kind of message, through the real engine: each comes back to the
// queue where it died first, as it was.
func TestEveryKindOfDeadLetterComesBack(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, queueType := range []string{topology.Classic, topology.Quorum, topology.Stream} {
			t.Run(queueType, func(t *testing.T) {
				k := newKinds(t, b, queueType)
				k.declare()
				k.deadLetters()
				k.replay()
				k.check()
			})
		}
	})
}

// kinds is a vhost with queues to die in, and what is expected of them.
type kinds struct {
	*place
	queueType string
	// sources are the arguments of the queues where messages die: a stream gets dead letters on
	// 3.10 only by at-least-once.
	sources amqp.Table
	want    []kind
}

// kind is a message and where it has to be after the replay.
type kind struct {
	queue string
	m     amqp.Publishing
	// reason is by which it died first.
	reason string
	// also checks what is special about it.
	also func(d amqp.Delivery) string
}

func newKinds(t *testing.T, b *rabbittest.Broker, queueType string) *kinds {
	v := b.VHost(t)
	k := &kinds{queueType: queueType,
		place: &place{t: t, v: v, ch: v.Channel(t), source: rabbittest.NewProxy(t, b.URL),
			target: rabbittest.NewProxy(t, b.URL)}}
	k.sources = amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"}
	if k.oldStream() {
		k.sources["x-queue-type"] = topology.Quorum
		k.sources["x-dead-letter-strategy"], k.sources["x-overflow"] = "at-least-once", "reject-publish"
	}
	return k
}

func (k *kinds) oldStream() bool { return k.queueType == topology.Stream && k.v.Broker.Line == "3.10" }

func (k *kinds) with(more amqp.Table) amqp.Table {
	all := maps.Clone(k.sources)
	maps.Copy(all, more)
	return all
}

func (k *kinds) declare() {
	t, ch := k.t, k.ch
	dead := amqp.Table{"x-queue-type": k.queueType}
	if k.queueType == topology.Quorum && k.v.Broker.Line != "3.10" {
		dead["x-delivery-limit"] = int64(-1)
	}
	k.queue("dlq", dead)
	k.queue("work", k.sources)
	k.queue("limited", k.with(amqp.Table{"x-queue-type": topology.Quorum, "x-delivery-limit": int64(1)}))
	k.queue("wait.1s", amqp.Table{"x-message-ttl": int64(100), "x-dead-letter-exchange": "",
		"x-dead-letter-routing-key": "slow"})
	k.queue("slow", k.sources)
	k.queue("copy", nil)
	if !k.oldStream() {
		k.queue("short", k.with(amqp.Table{"x-max-length": int64(1)}))
		k.queue("urgent", k.with(amqp.Table{"x-max-priority": int64(5)}))
		declareExchange(t, ch, "round", "fanout", nil)
		k.queue("first", amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "second"})
		k.queue("second", amqp.Table{"x-dead-letter-exchange": "round"})
		must(t, ch.QueueBind("first", "", "round", false, nil))
		must(t, ch.QueueBind("dlq", "", "round", false, nil))
	}
	declareExchange(t, ch, "orders", "topic", nil)
	must(t, ch.QueueBind("work", "order.*", "orders", false, nil))
	must(t, ch.QueueBind("copy", "copy", "orders", false, nil))
}

// send publishes a message and remembers what has to come of it.
func (k *kinds) send(ch *amqp.Channel, exchange, key string, w kind) {
	k.t.Helper()
	must(k.t, ch.Confirm(false))
	w.m.MessageId = fmt.Sprintf("%s %d", w.queue, len(k.want))
	w.m.DeliveryMode = amqp.Persistent
	c, err := ch.PublishWithDeferredConfirm(exchange, key, true, false, w.m)
	must(k.t, err)
	if !c.Wait() {
		k.t.Fatalf("the broker refused %s", w.m.MessageId)
	}
	k.want = append(k.want, w)
}

// kill takes the next message of a queue and rejects it.
func (k *kinds) kill(queue string) {
	k.t.Helper()
	d := await(k.t, k.ch, queue)
	must(k.t, d.Reject(false))
}

func (k *kinds) deadLetters() {
	k.rejected()
	k.expired()
	k.limited()
	k.waited()
	if !k.oldStream() {
		k.overflowed()
		k.urgent()
		k.roundAndRound()
	}
	k.awaitDead()
}

func (k *kinds) rejected() {
	other := k.v.AddUser(k.t)
	for _, w := range []kind{
		{m: amqp.Publishing{Body: []byte(`{"orderId":1}`), ContentType: "application/json"}},
		{m: amqp.Publishing{Body: []byte{0, 1, 2, 0xff, 0xfe, 0x80, '\n'}, Headers: amqp.Table{"odd": "\xff\xfe"}}},
		{m: amqp.Publishing{Body: bytes.Repeat([]byte{0xff, 0, 'x', '\n'}, 16<<20/4)}},
		{m: amqp.Publishing{Headers: amqp.Table{"large": strings.Repeat("h", 126_000)}}},
		{m: amqp.Publishing{UserId: k.v.Login}, also: func(d amqp.Delivery) string { return differs(d.UserId, k.v.Login) }},
		{m: amqp.Publishing{Headers: amqp.Table{"CC": []any{"copy"}}},
			also: func(d amqp.Delivery) string { return differs(d.Headers["CC"], nil) }},
	} {
		w.queue, w.reason = "work", message.ReasonRejected
		k.send(k.ch, "orders", "order.created", w)
		k.kill("work")
	}
	k.send(other.Channel(k.t), "orders", "order.created", kind{queue: "work", reason: message.ReasonRejected,
		m: amqp.Publishing{UserId: other.Login}, also: func(d amqp.Delivery) string {
			return differs(d.UserId, "") + differs(d.Headers[replay.HeaderUserID], other.Login)
		}})
	k.kill("work")
}

func differs(got, want any) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("%v, want %v; ", got, want)
}

func (k *kinds) expired() {
	k.send(k.ch, "orders", "order.paid", kind{queue: "work", reason: message.ReasonExpired,
		m: amqp.Publishing{Expiration: "50"}, also: func(d amqp.Delivery) string {
			return differs(d.Expiration, "")
		}})
}

func (k *kinds) limited() {
	k.send(k.ch, "", "limited", kind{queue: "limited", reason: message.ReasonDeliveryLimit})
	for range 2 {
		d := await(k.t, k.ch, "limited")
		must(k.t, d.Reject(true)) // a nack does not count on 4.3
	}
}

// waited died first in a wait queue, which is not where it belongs.
func (k *kinds) waited() {
	k.send(k.ch, "", "wait.1s", kind{queue: "slow", reason: message.ReasonExpired})
	k.kill("slow")
}

func (k *kinds) overflowed() {
	k.send(k.ch, "", "short", kind{queue: "short", reason: message.ReasonMaxLength})
	must(k.t, k.ch.Publish("", "short", true, false, amqp.Publishing{MessageId: "the next"}))
	for deadline := time.Now().Add(time.Minute); k.ready("short") != 1 &&
		time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
	}
	d := await(k.t, k.ch, "short") // makes room for the one that comes back
	must(k.t, d.Ack(false))
}

func (k *kinds) urgent() {
	k.send(k.ch, "", "urgent", kind{queue: "urgent", reason: message.ReasonRejected, m: amqp.Publishing{Priority: 3},
		also: func(d amqp.Delivery) string {
			return differs(d.Priority, uint8(3))
		}})
	k.kill("urgent")
}

// roundAndRound goes twice through a circle of rejections, and leaves a dead letter each time.
func (k *kinds) roundAndRound() {
	w := kind{queue: "first", reason: message.ReasonRejected}
	k.send(k.ch, "", "first", w)
	for range 2 {
		k.kill("first")
		k.kill("second")
	}
	d := await(k.t, k.ch, "first")
	must(k.t, d.Ack(false))
	again := k.want[len(k.want)-1]
	k.want = append(k.want, again)
}

// awaitDead waits until all are dead letters.
func (k *kinds) awaitDead() {
	if k.queueType != topology.Stream {
		k.await("dlq", len(k.want))
		return
	}
	if got := k.inStream(len(k.want)); len(got) < len(k.want) {
		k.t.Fatalf("the stream has %d messages, want %d", len(got), len(k.want))
	}
}

// inStream returns the ids of what is in the stream. It waits for n of them, and a moment for more.
func (k *kinds) inStream(n int) (ids []string) {
	ch := k.v.Channel(k.t)
	defer func() { _ = ch.Close() }()
	must(k.t, ch.Qos(100, 0, false))
	in, err := ch.Consume("dlq", "", false, false, false, false, amqp.Table{"x-stream-offset": "first"})
	must(k.t, err)
	for deadline := time.Now().Add(2 * time.Minute); ; {
		patience := 500 * time.Millisecond
		if len(ids) < n {
			patience = time.Until(deadline)
		}
		select {
		case d := <-in:
			ids = append(ids, d.MessageId)
			must(k.t, d.Ack(false))
		case <-time.After(patience):
			return ids
		}
	}
}

func (k *kinds) replay() {
	t := k.t
	live := brokertest.ReadLive(t, brokertest.Connect(t, k.v.User), k.v.Name)
	found := discover.Live(live, discover.Options{})
	o := k.place.replay()
	o.IsWait, o.Type, o.Copy = found.IsWait(k.v.Name), k.queueType, k.queueType == topology.Stream
	reasons := map[string]string{}
	o.Select.Where = func(m *message.Message) (bool, error) {
		if d, ok := m.Deaths().First(nil); ok {
			reasons[m.MessageID] = d.Reason
		}
		return true, nil
	}
	r, err := replay.Replay(t.Context(), o)
	if err != nil || r.Done != int64(len(k.want)) || r.Partial() {
		t.Fatalf("%+v, %v; want %d", r, err, len(k.want))
	}
	for _, w := range k.want {
		if got := reasons[w.m.MessageId]; got != w.reason {
			t.Errorf("%s died by %q, want %q", w.m.MessageId, got, w.reason)
		}
	}
}

func (k *kinds) check() {
	t := k.t
	got := map[string][]amqp.Delivery{}
	times := map[string]int{}
	for _, w := range k.want {
		times[w.m.MessageId]++
		if got[w.queue] == nil {
			k.await(w.queue, 1)
			for _, list := range k.messages(w.queue) {
				got[w.queue] = append(got[w.queue], list...)
			}
		}
	}
	for _, w := range k.want {
		n := 0
		for _, d := range got[w.queue] {
			if d.MessageId != w.m.MessageId {
				continue
			}
			n++
			if !bytes.Equal(d.Body, w.m.Body) || d.ContentType != w.m.ContentType {
				t.Errorf("%s: the body is another", d.MessageId)
			}
			for name, v := range w.m.Headers {
				if name != "CC" && d.Headers[name] != v {
					t.Errorf("%s: header %s is another", d.MessageId, name)
				}
			}
			if w.also != nil && w.also(d) != "" {
				t.Errorf("%s: %s", d.MessageId, w.also(d))
			}
			// A stream of 3.10 tells no more than the first death: what died first in a wait queue
			// takes its way through that again.
			if _, has := d.Headers["x-death"]; has && !(k.oldStream() && w.queue == "slow") {
				t.Errorf("%s has a death history", d.MessageId)
			}
		}
		if n != times[w.m.MessageId] {
			t.Errorf("%s came back %d times", w.m.MessageId, n)
		}
	}
	if left := k.ready("copy"); left != 1 { // from the first publication
		t.Errorf("%d copies went to the queue of the CC header", left)
	}
	if k.queueType != topology.Stream {
		if left := k.ready("dlq"); left != 0 {
			t.Errorf("%d are left", left)
		}
		return
	}
	k.awaitDead() // nothing is gone
	if left := len(k.inStream(len(k.want))); left > len(k.want) {
		t.Errorf("the stream has %d messages of %d", left, len(k.want))
	}
}
