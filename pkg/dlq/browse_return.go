package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// returnTimeout bounds the settlement of one window.
const returnTimeout = 60 * time.Second

// giveBack returns all held messages, the windows in the order in which they were filled.
func (b *browser) giveBack(ctx context.Context) (err error) {
	if b.doomed {
		lower, rescued := b.rescue(ctx)
		if lower != nil {
			defer func() { err = errors.Join(err, lower(ctx)) }()
		}
		err = rescued
	}
	for i, w := range b.held {
		if i > 0 && b.o.Looking.Return == ReturnByClose {
			b.settle(ctx, betweenCloses)
		}
		err = errors.Join(err, b.giveBackWindow(ctx, w))
	}
	for _, w := range b.held {
		if !w.returned {
			err = errors.Join(err, w.sub.Close())
		}
	}
	if b.report.Guarded {
		b.settle(ctx, beforeLowering)
	}
	b.held = nil
	return err
}

const (
	// betweenCloses keeps the windows in order: nothing tells when a queue has taken back what a closed channel held.
	betweenCloses = 50 * time.Millisecond
	// beforeLowering lets the queue take the messages back while the limit is still lifted.
	beforeLowering = 500 * time.Millisecond
)

func (b *browser) settle(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (b *browser) giveBackWindow(ctx context.Context, w *window) error {
	ctx, cancel := context.WithTimeout(ctx, returnTimeout)
	defer cancel()
	if w.count > 0 && b.o.Looking.Return == ReturnByNack {
		if err := w.sub.Nack(w.last, true, true); err != nil {
			return err
		}
		// Closing right behind a nack loses it on quorum queues, and the close counts. It also keeps the windows in order.
		if err := w.sub.Settled(ctx); err != nil {
			return err
		}
		b.report.Returned += w.count
		return nil
	}
	w.returned = true
	err := w.sub.Close()
	if err == nil {
		b.report.Returned += w.count
	}
	return err
}

// rescue makes sure that no message is lost by its return: with the guard, else with copies at the queue's end.
func (b *browser) rescue(ctx context.Context) (lower func(context.Context) error, err error) {
	if b.o.Guard != nil {
		if lower, err := b.raise(ctx); err == nil {
			if b.o.Looking.Room.Counts {
				b.o.Looking.Return = ReturnByClose // without a limit a nack goes to the tail there
			}
			return lower, nil
		}
	}
	for _, w := range b.held {
		for _, d := range w.doomed {
			if kept := b.keep(ctx, w, &d); kept != nil {
				b.report.Lost = append(b.report.Lost, d.m.MessageID)
				err = kept
			}
		}
	}
	if len(b.report.Lost) > 0 {
		return nil, fmt.Errorf("return messages to queue %q: the broker drops or dead-letters %d of them, whose delivery limit was reached before: %w",
			b.o.Looking.Queue, len(b.report.Lost), err)
	}
	return nil, nil
}

var errNoKeep = errors.New("neither a policy could lift the limit, nor a copy be kept")

// keep puts a copy of the message at the end of the queue and takes the original off, once that is confirmed.
func (b *browser) keep(ctx context.Context, w *window, d *doomedMessage) error {
	if b.o.Keep == nil {
		return errNoKeep
	}
	if err := b.o.Keep(ctx, &d.m); err != nil {
		return err
	}
	if err := w.sub.Ack(d.tag, false); err != nil {
		return err
	}
	w.count--
	b.report.Kept++
	if d.tag == w.last {
		w.last--
	}
	return nil
}
