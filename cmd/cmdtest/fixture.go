package cmdtest

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

// Fixture is a vhost with a channel to it.
type Fixture struct {
	T     *testing.T
	VHost *rabbittest.VHost
	Ch    *amqp.Channel
}

// NewFixture creates a vhost on the broker and deletes it when the test ends.
func NewFixture(t *testing.T, b *rabbittest.Broker) *Fixture {
	t.Helper()
	v := b.VHost(t)
	return &Fixture{T: t, VHost: v, Ch: v.Channel(t)}
}

// Reconnect opens another channel, for use after the broker was down.
func (f *Fixture) Reconnect() { f.Ch = f.VHost.Channel(f.T) }

// Check fails the test on an error.
func (f *Fixture) Check(err error) {
	f.T.Helper()
	if err != nil {
		f.T.Fatal(err)
	}
}

// Declare declares a durable queue.
func (f *Fixture) Declare(queue string, args map[string]any) {
	f.T.Helper()
	f.Ch = f.VHost.DeclareQueue(f.T, f.Ch, queue, args)
}

// Publish publishes n persistent messages with ids to a queue and waits for the confirms.
func (f *Fixture) Publish(queue string, n int) {
	f.T.Helper()
	ch := f.VHost.Channel(f.T)
	defer func() { _ = ch.Close() }()
	f.Check(ch.Confirm(false))
	const window = 2000
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, window))
	confirm := func() {
		if c := <-confirms; !c.Ack {
			f.T.Fatal("the broker refused a message of the test")
		}
	}
	for i := range n {
		if i >= window {
			confirm()
		}
		f.Check(ch.PublishWithContext(f.T.Context(), "", queue, false, false, amqp.Publishing{
			MessageId: MessageID(i), DeliveryMode: amqp.Persistent, Headers: amqp.Table{"n": int64(i)},
			Body: []byte(strconv.Itoa(i)),
		}))
	}
	for range min(n, window) {
		confirm()
	}
}

// Reject dead-letters n messages and waits until all have arrived.
func (f *Fixture) Reject(from, to string, n int) {
	f.T.Helper()
	ch := f.VHost.Channel(f.T)
	defer func() { _ = ch.Close() }() // after the wait: closing earlier could overtake the rejects
	f.Check(ch.Qos(2000, 0, false))
	in, err := ch.ConsumeWithContext(f.T.Context(), from, "", false, false, false, false, nil)
	f.Check(err)
	for i := 1; i <= n; i++ {
		d, ok := <-in
		if !ok {
			f.T.Fatal("the connection was lost")
		}
		if i%500 == 0 || i == n {
			f.Check(d.Nack(true, false))
		}
	}
	f.Await(func() bool { return f.Ready(to) >= n }, "the messages did not die")
}

// Ready returns the current number of ready messages in a queue, by a passive declaration.
func (f *Fixture) Ready(queue string) int {
	f.T.Helper()
	q, err := rabbittest.CountQueue(f.Ch, queue)
	f.Check(err)
	return q.Messages
}

// Delete deletes a queue and returns how many messages it held.
func (f *Fixture) Delete(queue string) int {
	f.T.Helper()
	n, err := f.Ch.QueueDelete(queue, false, false, false)
	f.Check(err)
	return n
}

// Portion is the number of bytes that Advance lets pass at a time: fewer than a hundred of the
// messages of these tests.
const Portion = 8 << 10

// Advance lets bytes that clients of the proxy send, or receive, pass in portions until done
// reports true. A program that the test is going to kill is then at most one portion ahead of what
// the test has seen, whatever the speed of either. Hold the proxy before the program starts; it
// stays held afterwards.
func (f *Fixture) Advance(p *rabbittest.Proxy, d rabbittest.Direction, done func() bool, otherwise string) {
	f.T.Helper()
	f.Await(func() bool {
		if done() {
			return true
		}
		if p.Held(d) {
			p.HoldAfter(d, Portion)
		}
		return false
	}, otherwise)
}

// KeepBusy lets a little pass now and then to a client behind a held proxy, until done is closed. A
// program that gets nothing for long takes that for the end of its work.
func KeepBusy(p *rabbittest.Proxy, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(5 * time.Second):
			if p.Held(rabbittest.ToClient) {
				p.HoldAfter(rabbittest.ToClient, Portion/8)
			}
		}
	}
}

// Await waits at most two minutes for a condition, then fails the test with the given message and
// what the queues hold.
func (f *Fixture) Await(done func() bool, otherwise string) {
	f.T.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.T.Fatalf("%s in two minutes; %s", otherwise, f.VHost.Holdings(f.T))
		}
	}
}

// AdvanceBelow lets a program that receives through a held proxy continue until the queue has fewer
// messages.
func (f *Fixture) AdvanceBelow(p *rabbittest.Proxy, queue string, n int, r *Running) {
	f.T.Helper()
	f.Advance(p, rabbittest.ToClient, func() bool { return f.Ready(queue) < n || r.Ended() },
		"the queue does not get emptier")
}

// AwaitReturned waits until the broker has noticed that a consumer's process is gone and has
// requeued its messages: until the count is stable.
func (f *Fixture) AwaitReturned(queue string) {
	f.T.Helper()
	last, since := -1, time.Now()
	f.Await(func() bool {
		q, err := rabbittest.CountQueue(f.Ch, queue)
		f.Check(err)
		if q.Messages != last || q.Consumers > 0 {
			last, since = q.Messages, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	}, "the queue still has a consumer")
}

// Collect empties a queue and returns how often it held each message. A queue that does not exist
// counts as empty.
func (f *Fixture) Collect(queue string) map[string]int {
	f.T.Helper()
	out := map[string]int{}
	ch := f.VHost.Channel(f.T)
	defer func() { _ = ch.Close() }()
	if _, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil); err != nil {
		return out
	}
	const window = 4000
	f.Check(ch.Qos(window, 0, false))
	in, err := ch.Consume(queue, "collector", false, false, false, false, nil)
	f.Check(err)
	unacked := 0
	for {
		select {
		case d, ok := <-in:
			if !ok { // cancelled, and all deliveries have arrived
				return out
			}
			out[d.MessageId]++
			if unacked++; unacked >= window/4 {
				f.Check(d.Ack(true))
				unacked = 0
			}
		case <-time.After(300 * time.Millisecond):
			q, err := rabbittest.CountQueue(f.Ch, queue)
			f.Check(err)
			if q.Messages == 0 && q.Consumers > 0 { // no consumer count: the leader was busy and did not answer
				f.Check(ch.Cancel("collector", false))
			}
		}
	}
}

// MessageID returns the id of the message with this number.
func MessageID(n int) string { return fmt.Sprintf("id-%06d", n) }
