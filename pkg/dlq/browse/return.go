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

// returnTimeout bounds the settlement of one session.
const returnTimeout = 60 * time.Second

// returnAll returns all held messages. A quorum queue puts them in the order of their return, so
// the sessions go in the order in which they were filled. A classic queue puts each message where it
// was, and walks past all returned ones before it: the last session goes first there, or a million
// messages would take it minutes.
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
			break // the rest went back with the connection
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
		gone := b.returnSession(h)
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
	// betweenSessions is the pause that keeps the order where nothing tells that messages are back.
	betweenSessions = 50 * time.Millisecond
	// beforeRemoval lets the queue take the messages back while the limit is still lifted.
	beforeRemoval = 500 * time.Millisecond
)

func (b *browser) settle(ctx context.Context, d time.Duration) { _ = waitFor(ctx, d) }

// inTurn is how many sessions of a classic queue are returned before the queue is asked whether it
// has them, which takes some pauses each time, and keeps what is under way small enough for the
// answer to come in time.
const inTurn = 16

// returnInTurn returns the messages of one session of a classic queue, and comes back when the
// broker has closed its channel: sessions have a channel each, and the broker's channels work side
// by side, so that nacks which are only sent in an order reach the queue in any (4.0.5: twice the
// time for a look at 300,000 messages). A channel has handed its nack to the queue when it answers
// the close. With settled it comes back when the queue has it, too, and with it all that came
// before.
func (b *browser) returnInTurn(ctx context.Context, h *holder, settled bool) error {
	if err := b.returnSession(h); err != nil || h.closed {
		return err
	}
	if settled {
		ctx, cancel := context.WithTimeout(ctx, returnTimeout)
		defer cancel()
		if err := h.Settled(ctx); err != nil {
			return err // finish closes it
		}
	}
	h.closed = true
	return h.Sub.Close()
}

// returnSession returns the messages of one session. A nack is only handed to the connection: see
// finish.
func (b *browser) returnSession(h *holder) error {
	held := h.Held()
	_, err := h.Return(b.o.Assessment.Return)
	if err == nil && (held == 0 || b.o.Assessment.Return != ReturnByNack) {
		h.closed = true
		err = h.Sub.Close()
	}
	if err == nil {
		b.report.Returned += held
	}
	return err
}

// finish sees that the broker has applied what was returned, and closes. Closing right behind a
// nack would lose it on quorum queues, and the close counts. It is asked for when all sessions are
// returned: one that still holds messages would hide the answer.
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

// ready is -1 when that is not to be known.
func (b *browser) ready(ctx context.Context) int64 {
	return pipeline.CountReady(ctx, b.o.Counter, b.o.Assessment.Queue)
}

// awaitBack waits until what a session held is back in its queue, so that the next one's messages
// come behind it. before is what was ready, negative when that is not known.
func (b *browser) awaitBack(ctx context.Context, before, held int64) {
	if before < 0 {
		b.settle(ctx, betweenSessions)
		return
	}
	pipeline.AwaitReady(ctx, b.o.Counter, b.o.Assessment.Queue, before+held)
}

// awaitCounted waits until a classic queue counts n messages, so that a later count includes all
// returned messages (fact ready-before-returns). Other consumers may take some, or some may expire:
// a count that stays the same is believed after a while.
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

// rescue makes sure that no message is lost by its return: with the override, else with copies at
// the queue's end.
func (b *browser) rescue(ctx context.Context) (remove func(context.Context) error, err error) {
	if b.o.Override != nil {
		if remove, err := b.applyOverride(ctx); err == nil {
			if b.o.Assessment.Room.Counts {
				b.o.Assessment.Return = ReturnByClose // without a limit a nack goes to the tail there
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

// keep puts a copy of the message at the end of the queue and takes the original off, once that is
// confirmed.
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
