package browse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
)

// stream reads a stream from its first message to the one that is last now. Reading removes nothing
// from a stream.
func (b *browser) stream(ctx context.Context) error {
	o := consume.Options{Queue: b.o.Assessment.Queue, Tag: b.o.Tag, Prefetch: StreamPrefetch}
	last, ok, err := StreamEnd(ctx, b.src, o, b.streamWait())
	b.report.Sessions++
	if err != nil || !ok {
		return err
	}
	o.Offset = "first"
	sub, err := b.src.Subscribe(ctx, o)
	b.report.Sessions++
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	idle := startIdle(ctx, StreamStall)
	defer idle.stop()
	for {
		d, err := idle.next(ctx, sub)
		if errors.Is(err, errIdle) {
			return fmt.Errorf("read stream %q: its last offset is %d, and the broker has sent nothing for %s: only a part "+
				"was read", o.Queue, last, StreamStall)
		}
		if err != nil {
			return err
		}
		if done, err := b.read(sub, &d, last); err != nil || done {
			return err
		}
	}
}

// streamWait is how long to wait for the first message of the stream. Where there are messages, one
// that is late must not make it look empty.
func (b *browser) streamWait() time.Duration {
	if b.o.Expect > 0 {
		return max(b.o.Idle, StreamStall)
	}
	return max(b.o.Idle, StreamWait)
}

func (b *browser) read(sub consume.Subscription, d *consume.Delivery, last int64) (done bool, err error) {
	offset, _ := d.Offset()
	if offset > last {
		return true, nil
	}
	if err := b.show(&d.Message); err != nil {
		return true, err
	}
	if left, bounded := b.left(); (bounded && left <= 0) || offset == last {
		return true, nil
	}
	if d.Tag%(StreamPrefetch/2) == 0 {
		return false, sub.Ack(d.Tag, true)
	}
	return false, nil
}
