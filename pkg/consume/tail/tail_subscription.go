package tail

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
)

// watch acknowledges the latest messages and checks the depth of the private queue. It returns when
// ctx ends.
func (t *Tail) watch(ctx context.Context, subscription Subscription, acks *acker) {
	tick := time.NewTicker(depthEvery)
	defer tick.Stop()
	d := depth{}
	for {
		asleep := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.stopped = time.Since(asleep) > stopped
		_ = acks.flush() // the subscription's own end tells why
		if t.o.Patient {
			continue
		}
		n, err := subscription.Waiting(ctx)
		if err != nil {
			continue
		}
		limit := t.queueLimit()
		purge, full := d.observe(n, limit)
		if purge {
			if n, err = subscription.Purge(ctx); err == nil {
				t.purged.Add(n)
				t.untold.Add(n)
				full = full || brimful(n, limit) // it may have filled since the check
			}
		}
		if full {
			t.overflowed.Store(true)
			t.say("the private queue was full: the broker may have dropped the oldest messages in it, and does not say how many")
		}
	}
}

// stopped is the time without a check after which this process must have been stopped, or the
// machine asleep.
const stopped = 10 * depthEvery

// depth judges the depth of the private queue from successive checks.
type depth struct {
	last    int64
	stopped bool // before this check
	full    bool // at the last
}

// observe reports whether the queue must be purged: it is half full, was half full at the last
// check, and is not shrinking. full reports whether the queue has become so full that the broker
// may have dropped messages. When this process resumes after a stop, part of the queue is gone
// before the first check.
func (d *depth) observe(n, limit int64) (purge, full bool) {
	over := brimful(n, limit) || d.stopped && n > limit-limit/4
	full, d.full = over && !d.full, over
	purge = n > limit/2 && d.last > limit/2 && n >= d.last
	if d.last = n; purge {
		d.last = 0
	}
	return purge, full
}

func brimful(n, limit int64) bool { return n > limit-limit/10 }

// queueLimit returns the approximate number of messages that the private queue holds: as many as
// fit into its byte limit, given their mean size so far.
func (t *Tail) queueLimit() int64 {
	mean := max(1, t.bytes.Load()/max(1, t.fetched.Load()))
	return max(2, min(QueueMessages, QueueBytes/mean))
}

// acker acknowledges messages in batches: acknowledging each one would be half of the work.
type acker struct {
	subscription Subscription

	mu    sync.Mutex
	last  uint64 // tag
	count int    // not acknowledged, with it
	bytes int
}

// ackBytes limits how many bytes the broker keeps for unacknowledged large messages.
const ackBytes = 4 << 20

func (a *acker) came(d *consume.Delivery) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = d.Tag
	a.count++
	a.bytes += len(d.Body)
	if a.count < Prefetch/4 && a.bytes < ackBytes {
		return nil
	}
	return a.ack()
}

// flush acknowledges the rest. The broker closes the channel if a delivery stays unacknowledged for
// half an hour.
func (a *acker) flush() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ack()
}

func (a *acker) ack() error {
	if a.count == 0 {
		return nil
	}
	a.count, a.bytes = 0, 0
	return a.subscription.Ack(a.last, true)
}

// restore reopens the subscription.
func (t *Tail) restore(ctx context.Context, cause error) (Subscription, error) {
	t.say(fmt.Sprintf("the connection was lost: %v", cause))
	t.losses.Note(reconnect.Loss{Place: t.fetched.Load(), Lived: time.Since(t.opened)})
	subscription, err := reconnect.Open(ctx, t.losses.Series, cause, func(ctx context.Context) (Subscription, error) {
		return t.o.Open(ctx, t.offset)
	}, func(f reconnect.Failure) { t.say(fmt.Sprintf("%v; trying again in %s", f.Err, f.Wait)) })
	switch {
	case err == nil:
		t.opened = time.Now()
		t.say(t.restored())
		return subscription, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("watching ended: %w", err)
}

func (o *Options) reconnectPolicy() reconnect.Policy {
	p := reconnect.Policy{Delay: o.ReconnectDelay, Attempts: o.ReconnectAttempts}
	if p.Attempts == 0 {
		p.Attempts = -1
	}
	return p
}

func (t *Tail) restored() string {
	if t.o.Patient {
		return "the connection is restored; nothing was missed"
	}
	return "the connection is restored; what was published meanwhile was not seen"
}

func (t *Tail) say(text string) {
	if t.o.Notify != nil {
		t.o.Notify(text)
	}
}
