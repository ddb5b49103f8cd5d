package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

// Verdict is what became of the messages.
type Verdict struct {
	Counts
	// Unknown is the number of messages that the broker did not answer.
	Unknown int
	// Lost counts the messages that are confirmed, and neither consumed nor drained.
	Lost int
	// Duplicates counts the consumptions after the first one of each message.
	Duplicates int
	// Redelivered is how many of the Duplicates the broker called redelivered. Those can come from an
	// acknowledgement that was lost with its channel. The others were published again.
	Redelivered int
	// Late counts the old messages that came after a new one (see Mark), and Reordered those that came
	// after a later one of the same publisher. Both leave out redelivered messages, which a consumer
	// that lost its connection gets late. They say something about the queue only if one consumer at a
	// time read it.
	Late, Reordered int
	// Examples describes the first messages that were lost, duplicated or late.
	Examples []string
}

const examples = 10

// Verdict judges the messages. Stop publishing and consuming and Drain the queues before: what is
// still there is lost for it.
func (l *Ledger) Verdict() Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := Verdict{Counts: l.counts}
	v.Unknown = v.Published - v.Confirmed - v.Returned - v.Nacked
	order := make([]int32, 0, len(l.messages))
	for number, m := range l.messages {
		switch {
		case m.times > 0:
			order = append(order, int32(number)) //nolint:gosec // the limit of New is far below
			v.Duplicates += int(m.times) - 1
			v.Redelivered += min(int(m.redelivered), int(m.times)-1)
		case m.state == confirmed:
			v.Lost++
			v.example("lost", number)
		}
		if m.times > 1 {
			v.example("duplicate", number)
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(l.messages[a].first, l.messages[b].first) })
	newest := map[uint8]int32{}
	phase := uint8(0)
	for _, number := range order {
		m := l.messages[number]
		if m.again {
			continue
		}
		if m.phase < phase && !m.late && m.state == confirmed {
			v.Late++
			v.example("late", int(number))
		}
		if last, any := newest[m.publisher]; any && number < last {
			v.Reordered++
			v.example("reordered", int(number))
		}
		newest[m.publisher] = max(newest[m.publisher], number)
		phase = max(phase, m.phase)
	}
	return v
}

func (v *Verdict) example(what string, number int) {
	if len(v.Examples) < examples {
		v.Examples = append(v.Examples, fmt.Sprintf("%s %d", what, number))
	}
}

// String describes the verdict in one line.
func (v Verdict) String() string {
	return fmt.Sprintf("%d published: %d confirmed, %d returned, %d nacked, %d unknown; %d consumed with %d drained; "+
		"%d LOST, %d duplicates with %d redelivered, %d late, %d reordered; %d foreign; "+
		"%d subscriptions, %d cancelled, %d connections of publishers; %s",
		v.Published, v.Confirmed, v.Returned, v.Nacked, v.Unknown, v.Consumed, v.Drained,
		v.Lost, v.Duplicates, v.Redelivered, v.Late, v.Reordered, v.Foreign,
		v.Subscribed, v.Cancelled, v.Connected, strings.Join(v.Examples, ", "))
}

// Drain reads classic and quorum queues until they are empty, in the order given, and records what
// it finds as consumed. It fails the test on an error.
func (l *Ledger) Drain(tb testing.TB, url string, queues ...string) {
	tb.Helper()
	for _, queue := range queues {
		Empty(tb, url, queue, func(d amqp.Delivery) {
			l.consumed(d.Body, d.Redelivered)
			l.count(func(c *Counts) { c.Drained++ })
		})
	}
}

// Empty removes all messages of a classic or quorum queue and calls each with them, in order. Nobody
// may publish to it or consume it meanwhile. It fails the test on an error, and when a message does
// not come for two minutes.
func Empty(tb testing.TB, url, queue string, each func(amqp.Delivery)) {
	tb.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		tb.Fatal(err)
	}
	q, err := rabbittest.CountQueue(ch, queue)
	if err != nil {
		tb.Fatalf("empty %q: %v", queue, err)
	}
	if q.Messages == 0 {
		return
	}
	deliveries, err := ch.Consume(queue, tag, true, false, false, false, nil)
	if err != nil {
		tb.Fatalf("empty %q: %v", queue, err)
	}
	for n := range q.Messages {
		select {
		case d, open := <-deliveries:
			if !open {
				tb.Fatalf("empty %q: the channel ended after %d of %d messages", queue, n, q.Messages)
			}
			each(d)
		case <-time.After(patience):
			tb.Fatalf("empty %q: %d of %d messages came", queue, n, q.Messages)
		}
	}
	if err := ch.Cancel(tag, false); err != nil {
		tb.Fatal(err)
	}
	for d := range deliveries {
		each(d)
	}
}

// returning is how long Settle waits for messages that consumers had not acknowledged.
const returning = 30 * time.Second

// Settle ends the publishers and consumers, drains the queues and judges. If messages are missing
// and there were consumers, it drains again for half a minute: what was on its way to them returns
// late.
func (l *Ledger) Settle(tb testing.TB, url string, queues ...string) Verdict {
	tb.Helper()
	l.StopPublishing()
	l.StopConsuming()
	for end := time.Now().Add(returning); ; time.Sleep(tick) {
		l.Drain(tb, url, queues...)
		v := l.Verdict()
		if v.Lost == 0 || v.Subscribed == 0 || time.Now().After(end) {
			return v
		}
	}
}
