package cmd

import (
	"strconv"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

// bench is a vhost with many messages, and a connection to it.
type bench struct {
	t  *testing.T
	v  *rabbittest.VHost
	ch *amqp.Channel
}

func newBench(t *testing.T, b *rabbittest.Broker) *bench {
	t.Helper()
	v := b.VHost(t)
	return &bench{t: t, v: v, ch: v.Channel(t)}
}

// reconnect is for after the broker was away.
func (b *bench) reconnect() { b.ch = b.v.Channel(b.t) }

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) declare(queue string, args map[string]any) {
	b.t.Helper()
	_, err := b.ch.QueueDeclare(queue, true, false, false, false, args)
	b.check(err)
}

// publish puts n persistent messages with ids into a queue, confirmed.
func (b *bench) publish(queue string, n int) {
	b.t.Helper()
	ch := b.v.Channel(b.t)
	defer func() { _ = ch.Close() }()
	b.check(ch.Confirm(false))
	const window = 2000
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, window))
	confirm := func() {
		if c := <-confirms; !c.Ack {
			b.t.Fatal("the broker refused a message of the test")
		}
	}
	for i := range n {
		if i >= window {
			confirm()
		}
		b.check(ch.PublishWithContext(b.t.Context(), "", queue, false, false, amqp.Publishing{
			MessageId: accountID(i), DeliveryMode: amqp.Persistent, Headers: amqp.Table{"n": int64(i)},
			Body: []byte(strconv.Itoa(i)),
		}))
	}
	for range min(n, window) {
		confirm()
	}
}

// reject makes n messages die, and waits until all are where they go.
func (b *bench) reject(from, to string, n int) {
	b.t.Helper()
	ch := b.v.Channel(b.t)
	defer func() { _ = ch.Close() }() // after the wait: a close could overtake the deaths
	b.check(ch.Qos(2000, 0, false))
	in, err := ch.ConsumeWithContext(b.t.Context(), from, "", false, false, false, false, nil)
	b.check(err)
	for i := 1; i <= n; i++ {
		d, ok := <-in
		if !ok {
			b.t.Fatal("the connection was lost")
		}
		if i%500 == 0 || i == n {
			b.check(d.Nack(true, false))
		}
	}
	b.await(func() bool { return b.ready(to) >= n }, "the messages did not die")
}

// ready counts by a passive declaration, as of now.
func (b *bench) ready(queue string) int {
	b.t.Helper()
	q, err := b.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	b.check(err)
	return q.Messages
}

// delete deletes a queue and returns how many messages it had.
func (b *bench) delete(queue string) int {
	b.t.Helper()
	n, err := b.ch.QueueDelete(queue, false, false, false)
	b.check(err)
	return n
}

// portion is how many bytes advance lets pass at a time: less than a hundred of the messages of
// these tests.
const portion = 8 << 10

// advance lets pass what clients of the proxy send, or receive, a portion at a time, until done
// reports true. So a program that a test is going to kill is nowhere but a portion ahead of what
// the test has seen, however fast one is and however slow the other. The proxy has to be held
// before the program starts, and stays so.
func (b *bench) advance(p *rabbittest.Proxy, d rabbittest.Direction, done func() bool, otherwise string) {
	b.t.Helper()
	b.await(func() bool {
		if done() {
			return true
		}
		if p.Held(d) {
			p.HoldAfter(d, portion)
		}
		return false
	}, otherwise)
}

func (b *bench) await(done func() bool, otherwise string) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal(otherwise)
		}
	}
}

func (b *bench) awaitBelow(queue string, n int, r *running) {
	b.t.Helper()
	b.await(func() bool { return b.ready(queue) < n || r.ended() }, "the queue does not get emptier")
}

// advanceBelow lets a program that receives through a held proxy go on until the queue has fewer
// messages.
func (b *bench) advanceBelow(p *rabbittest.Proxy, queue string, n int, r *running) {
	b.t.Helper()
	b.advance(p, rabbittest.ToClient, func() bool { return b.ready(queue) < n || r.ended() },
		"the queue does not get emptier")
}

// awaitReturned waits until the broker has noticed that a consumer's process is gone, and its
// messages are back: until the count has not changed for a while.
func (b *bench) awaitReturned(queue string) {
	b.t.Helper()
	last, since := -1, time.Now()
	b.await(func() bool {
		q, err := b.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		b.check(err)
		if q.Messages != last || q.Consumers > 0 {
			last, since = q.Messages, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	}, "the queue still has a consumer")
}

// collect empties a queue and returns how often each message was in it. A queue that does not exist
// is empty.
func (b *bench) collect(queue string) map[string]int {
	b.t.Helper()
	out := map[string]int{}
	ch := b.v.Channel(b.t)
	defer func() { _ = ch.Close() }()
	if _, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil); err != nil {
		return out
	}
	const window = 4000
	b.check(ch.Qos(window, 0, false))
	in, err := ch.Consume(queue, "collector", false, false, false, false, nil)
	b.check(err)
	unacked := 0
	for {
		select {
		case d, ok := <-in:
			if !ok { // cancelled, and what was under way is here
				return out
			}
			out[d.MessageId]++
			if unacked++; unacked >= window/4 {
				b.check(d.Ack(true))
				unacked = 0
			}
		case <-time.After(300 * time.Millisecond):
			q, err := b.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
			b.check(err)
			if q.Messages == 0 && q.Consumers > 0 { // without consumers: the leader is busy and did not answer
				b.check(ch.Cancel("collector", false))
			}
		}
	}
}
