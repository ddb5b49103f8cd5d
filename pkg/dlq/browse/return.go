package browse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// returnTimeout limits how long settling one session may take.
const returnTimeout = 60 * time.Second

// returnAll returns all held messages. A quorum queue appends messages in the order of their
// return, so sessions are returned in the order in which they were filled. A classic queue puts
// each message back at its position and walks past all returned messages before it. So the last
// session is returned first: otherwise a million messages would take minutes.
func (b *browser) returnAll(ctx context.Context) (err error) {
	if b.overLimit {
		remove, rescued := b.rescue(ctx)
		if remove != nil {
			defer func() { err = errors.Join(err, remove(ctx)) }()
		}
		err = rescued
	}
	classic, counted := b.o.Assessment.Type == topology.Classic, int64(-1)
	if classic {
		slices.Reverse(b.held)
		counted = b.ready(ctx)
	}
	for i, h := range b.held {
		if errors.Is(err, consume.ErrLost) {
			break // the rest was requeued when the connection was lost
		}
		last := i == len(b.held)-1
		if classic {
			err = errors.Join(err, b.returnInTurn(ctx, h, last || i%inTurn == inTurn-1))
			continue
		}
		before := int64(-1)
		if !last {
			before = b.ready(ctx)
		}
		gone := b.returnSession(ctx, h)
		err = errors.Join(err, gone)
		if !last && gone == nil {
			b.awaitBack(ctx, before, h.Held())
		}
	}
	if finished := b.finish(ctx); err == nil || !errors.Is(finished, consume.ErrLost) {
		err = errors.Join(err, finished)
	}
	if b.report.Overridden {
		b.settle(ctx, beforeRemoval)
	}
	if err == nil && counted >= 0 {
		b.awaitCounted(ctx, counted+b.report.Returned)
	}
	return err
}

const (
	// betweenSessions is the pause that keeps the order if nothing reports that messages are back.
	betweenSessions = 50 * time.Millisecond
	// beforeRemoval gives the queue time to requeue the messages while the limit is still lifted.
	beforeRemoval = 500 * time.Millisecond
)

func (b *browser) settle(ctx context.Context, d time.Duration) { _ = waitFor(ctx, d) }

// inTurn is how many sessions of a classic queue are returned before waiting until the queue has
// them. Each wait takes several pauses; the number is small enough that the answer comes in time.
const inTurn = 16

// returnInTurn returns the messages of one session of a classic queue and waits until the broker
// has closed its channel. Each session has its own channel, and the broker processes channels
// concurrently. So nacks that are merely sent in order may reach the queue in any order, which
// doubles the time on 300,000 messages. A channel has passed its nack to the queue once it answers
// the close. With settled, returnInTurn also waits until the queue has processed this and all
// earlier nacks.
func (b *browser) returnInTurn(ctx context.Context, h *holder, settled bool) error {
	if err := b.returnSession(ctx, h); err != nil || h.closed {
		return err
	}
	if settled {
		ctx, cancel := context.WithTimeout(ctx, returnTimeout)
		defer cancel()
		if err := h.Settled(ctx); err != nil {
			return err // finish closes the channel
		}
	}
	h.closed = true
	return h.Sub.Close()
}

// returnSession returns the messages of one session. It does not wait for the last of them: see
// finish.
func (b *browser) returnSession(ctx context.Context, h *holder) error {
	ctx, cancel := context.WithTimeout(ctx, returnTimeout)
	defer cancel()
	held := h.Held()
	_, err := h.ReturnAll(ctx, b.o.Assessment.Return, b.o.Counter, b.o.Assessment.Queue)
	if err == nil && (held == 0 || !b.o.Assessment.Return.Nacks()) {
		h.closed = true
		err = h.Sub.Close()
	}
	if err == nil {
		b.report.Returned += held
	}
	return err
}

// finish waits until the broker has applied the returns, and closes. Closing directly after a nack
// would lose it on quorum queues, and the close would count as a delivery. Call it after all
// sessions are returned: one that still holds messages would make the count useless.
func (b *browser) finish(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, returnTimeout)
	defer cancel()
	for _, h := range b.held {
		if !h.closed && err == nil {
			err = h.Settled(ctx)
		}
	}
	for _, h := range b.held {
		if !h.closed {
			err = errors.Join(err, h.Sub.Close())
		}
	}
	b.held = nil
	return err
}

// ready is -1 if it is unknown.
func (b *browser) ready(ctx context.Context) int64 {
	return pipeline.CountReady(ctx, b.o.Counter, b.o.Assessment.Queue)
}

// awaitBack waits until the messages of a session are back in the queue, so that those of the next
// come behind them. before is the earlier number of ready messages; negative means unknown.
func (b *browser) awaitBack(ctx context.Context, before, held int64) {
	if before < 0 {
		b.settle(ctx, betweenSessions)
		return
	}
	pipeline.AwaitReady(ctx, b.o.Counter, b.o.Assessment.Queue, before+held)
}

// awaitCounted waits until a classic queue counts n messages, so that a later count includes all
// returned messages (fact ready-before-returns). Other consumers may take some, or some may expire,
// so a count that stays the same is accepted after a while.
func (b *browser) awaitCounted(ctx context.Context, n int64) {
	const believed = 20
	last, same := int64(-1), 0
	for deadline := time.Now().Add(2 * time.Second); same < believed && time.Now().Before(deadline); same++ {
		now := b.ready(ctx)
		if now >= n {
			return
		}
		if now != last {
			last, same = now, 0
		}
		b.settle(ctx, 5*time.Millisecond)
	}
}

// rescue prevents messages from being lost by their return: with the override, or else with copies
// at the end of the queue.
func (b *browser) rescue(ctx context.Context) (remove func(context.Context) error, err error) {
	if b.o.Override != nil {
		if remove, err := b.applyOverride(ctx); err == nil {
			if b.o.Assessment.Room.Counts {
				b.o.Assessment.Return = ReturnByClose // without a limit, a nack requeues at the tail there
			}
			return remove, nil
		}
	}
	for _, h := range b.held {
		for _, d := range h.overLimit {
			if kept := b.keep(ctx, h, &d); kept != nil {
				b.report.Lost = append(b.report.Lost, d.m.MessageID)
				err = kept
			}
		}
	}
	if len(b.report.Lost) > 0 {
		return nil, fmt.Errorf("return messages to queue %q: the broker drops or dead-letters %d of them, whose delivery "+
			"limit was reached before: %w",
			b.o.Assessment.Queue, len(b.report.Lost), err)
	}
	return nil, nil
}

var errNoKeep = errors.New("neither a policy could lift the limit, nor a copy be kept")

// keep publishes a copy of the message at the end of the queue and, once it is confirmed,
// acknowledges the original.
func (b *browser) keep(ctx context.Context, h *holder, d *overLimitMessage) error {
	if b.o.Keep == nil {
		return errNoKeep
	}
	if err := b.o.Keep(ctx, &d.m); err != nil {
		return err
	}
	if err := h.AckHeld(d.tag); err != nil {
		return err
	}
	b.report.Kept++
	return nil
}
