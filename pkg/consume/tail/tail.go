package tail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
)

// DefaultBuffer is the default of Options.Buffer.
const DefaultBuffer = 32 << 20

// Options say how to follow a subscription.
type Options struct {
	// Open opens the subscription, and reopens it after a lost connection. seen is the offset of
	// the last message received; -1 if there is none. It is required.
	Open func(ctx context.Context, seen int64) (Subscription, error)
	// Patient never drops messages: those that the reader does not take wait in the broker. It is
	// for streams, which keep everything anyway; after a lost connection Open continues after seen.
	Patient bool
	// Buffer is the number of bytes that may wait for the reader. Default DefaultBuffer. A reader
	// holds up to as many bytes again in the items it has taken.
	Buffer int64
	// ReconnectDelay is the pause before the second attempt to restore a lost connection; the pause
	// before the n-th attempt is n-1 times as long. Default 5 s. ReconnectAttempts is the maximum
	// number of attempts; 0 disables reconnecting.
	ReconnectDelay    time.Duration
	ReconnectAttempts int
	// Notify is called with a text about lost and restored connections; it may be nil.
	Notify func(string)
}

// Stats are the counts of a Tail.
type Stats struct {
	// Seen is the number of messages that arrived. Dropped is how many of them did not reach the
	// reader, because it was slow or they arrived faster than they could be fetched. Bytes is the
	// total size of the bodies fetched.
	Seen, Dropped, Bytes int64
	// Gaps is how often the connection was lost.
	Gaps int64
	// Overflowed reports whether the private queue was full, as happens while this process is
	// stopped. The broker may have dropped messages and does not say how many; they are not counted
	// in Dropped.
	Overflowed bool
}

// Tail follows a subscription. Take must be called from one goroutine; the other methods may be
// called from any.
type Tail struct {
	o      Options
	buf    *Relay[Item]
	cancel context.CancelFunc
	done   chan struct{}

	fetched, dropped, bytes, gaps atomic.Int64
	// purged counts messages purged unread from the private queue; untold those of them that no
	// item has reported yet
	purged, untold atomic.Int64
	overflowed     atomic.Bool

	// Used only by the goroutine that takes from the subscription.
	dropping bool
	missed   int64 // dropped since the last item
	gap      bool
	offset   int64 // of the last message of a stream; -1 for none
	losses   *reconnect.Losses
	opened   time.Time // the subscription
}

// Start opens the subscription and takes from it until ctx ends or Stop is called.
//
// When the reader is slow, the buffer fills first. Then messages wait in the private queue, as long
// as the reader makes progress. When it has made none for a second, new messages are dropped until
// it has emptied half of its buffer. When the private queue is half full and does not shrink,
// because of a slow reader or a slow network, it is purged. So neither this process nor the broker
// grows without bound, and missing messages are counted. A broker says how many messages it has
// purged, but not how many it has dropped. The error is that of the first call of Open. Later
// losses end in the error of Take.
func Start(ctx context.Context, o Options) (*Tail, error) {
	o.Buffer = cmp.Or(o.Buffer, DefaultBuffer)
	subscription, err := o.Open(ctx, -1)
	if err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(ctx)
	t := &Tail{o: o, buf: NewRelay(o.Buffer, (*Item).Cost), cancel: cancel, done: make(chan struct{}), offset: -1,
		losses: reconnect.NewLosses(o.reconnectPolicy()), opened: time.Now()}
	guarded.Go(func() { t.run(run, subscription) })
	return t, nil
}

// Take waits for items and returns all that have arrived. It reuses the memory of into, which the
// caller must no longer use. At the end it returns the reason: the error of the ctx of Start or
// Take, or why the connection could not be restored.
func (t *Tail) Take(ctx context.Context, into []Item) ([]Item, error) { return t.buf.Take(ctx, into) }

// Stop ends the subscription and waits until its connection is closed. Buffered items can still be
// taken.
func (t *Tail) Stop() {
	t.cancel()
	<-t.done
}

// Stats returns the counts so far.
func (t *Tail) Stats() Stats {
	purged := t.purged.Load()
	return Stats{Seen: t.fetched.Load() + purged, Dropped: t.dropped.Load() + purged, Bytes: t.bytes.Load(),
		Gaps: t.gaps.Load(), Overflowed: t.overflowed.Load()}
}

func (t *Tail) run(ctx context.Context, subscription Subscription) {
	defer close(t.done)
	for {
		err := t.follow(ctx, subscription)
		if ctx.Err() != nil {
			t.buf.Close(ctx.Err())
			return
		}
		if !errors.Is(err, consume.ErrLost) && !errors.Is(err, consume.ErrCancelled) {
			t.buf.Close(err)
			return
		}
		if errors.Is(err, consume.ErrProtocol) {
			t.buf.Close(fmt.Errorf("watching ended: %w", err))
			return
		}
		t.gaps.Add(1)
		t.gap = !t.o.Patient
		if subscription, err = t.restore(ctx, err); err != nil {
			t.buf.Close(err)
			return
		}
	}
}

// follow takes from one subscription until it ends.
func (t *Tail) follow(ctx context.Context, subscription Subscription) error {
	ctx, cancel := context.WithCancel(ctx)
	acks := &acker{subscription: subscription}
	watched := make(chan struct{})
	guarded.Go(func() { defer close(watched); t.watch(ctx, subscription, acks) })
	defer func() {
		cancel()
		_ = subscription.Close()
		<-watched
	}()
	for {
		d, err := subscription.Next(ctx)
		if err != nil {
			return err
		}
		t.one(ctx, &d)
		if err := acks.came(&d); err != nil {
			return err
		}
	}
}

// one passes a message on, or drops it.
func (t *Tail) one(ctx context.Context, d *consume.Delivery) {
	t.fetched.Add(1)
	t.bytes.Add(int64(len(d.Body)))
	if n := t.untold.Load(); n > 0 {
		t.untold.Add(-n)
		t.missed += n
	}
	item := Item{Message: d.Message, At: time.Now(), Dropped: t.missed, Gap: t.gap}
	if !t.pass(ctx, &item) {
		t.missed++
		t.dropped.Add(1)
		return
	}
	t.missed, t.gap = 0, false
	if t.o.Patient {
		if offset, ok := d.Offset(); ok {
			t.offset = offset
		}
	}
}

// pass waits for room as long as that does no harm.
func (t *Tail) pass(ctx context.Context, item *Item) bool {
	if t.dropping = t.dropping && !t.buf.low(); t.dropping {
		return false
	}
	if t.buf.Put(item) {
		return true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-t.buf.freed:
		case <-timer.C:
			if !t.o.Patient {
				t.dropping = true
				return false
			}
		case <-ctx.Done():
			return false
		}
		if t.buf.Put(item) {
			return true
		}
	}
}

const (
	// patience is how long a reader that makes no progress may hold up the subscription.
	patience = time.Second
	// depthEvery is the interval between checks of the private queue's depth.
	depthEvery = 200 * time.Millisecond
)
