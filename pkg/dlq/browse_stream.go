package dlq

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// streamPrefetch is enough to keep the broker sending; it is acknowledged in batches of half of it.
const streamPrefetch = 1000

// stream reads a stream from its first message to what is its last now. Nothing is taken out of a stream by reading.
func (b *browser) stream(ctx context.Context) error {
	last, ok, err := b.lastOffset(ctx)
	if err != nil || !ok {
		return err
	}
	sub, err := b.subscribe(ctx, "first")
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	idle := startIdle(ctx, b.o.Idle)
	defer idle.stop()
	for {
		d, err := idle.next(ctx, sub)
		if errors.Is(err, errIdle) {
			return nil
		}
		if err != nil {
			return err
		}
		if done, err := b.read(sub, &d, last); err != nil || done {
			return err
		}
	}
}

func (b *browser) read(sub consume.Subscription, d *consume.Delivery, last int64) (done bool, err error) {
	offset, _ := d.Offset()
	if offset > last {
		return true, nil
	}
	b.report.Seen++
	if err := b.each(&d.Message); err != nil {
		return true, err
	}
	if left, bounded := b.left(); (bounded && left <= 0) || offset == last {
		return true, nil
	}
	if d.Tag%(streamPrefetch/2) == 0 {
		return false, sub.Ack(d.Tag, true)
	}
	return false, nil
}

// lastOffset returns where the stream ends now, and false when it is empty. "last" begins with the last chunk.
func (b *browser) lastOffset(ctx context.Context) (last int64, ok bool, err error) {
	sub, err := b.subscribe(ctx, "last")
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = sub.Close() }()
	for {
		d, err := lastWait(ctx, sub, b.o.Idle/3)
		if errors.Is(err, errIdle) {
			return last, ok, nil
		}
		if err != nil {
			return 0, false, err
		}
		last, ok = offsetOf(&d.Message)
		if err := sub.Ack(d.Tag, false); err != nil {
			return 0, false, err
		}
	}
}

func offsetOf(m *message.Message) (int64, bool) { return m.Offset() }

func (b *browser) subscribe(ctx context.Context, offset string) (consume.Subscription, error) {
	b.report.Windows++
	o := consume.Options{Queue: b.o.Looking.Queue, Prefetch: streamPrefetch, Tag: b.o.Tag, Offset: offset}
	return b.src.Subscribe(ctx, o)
}
