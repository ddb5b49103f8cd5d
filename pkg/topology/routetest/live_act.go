package routetest

import (
	"context"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// publish publishes the message. If the test overflows a queue that refuses new messages when it is
// full, publish fills that queue first.
func (l *Live) publish(ctx context.Context, c Case, id string, r *Result) error {
	for _, s := range c.Steps {
		if s.Reason == route.MaxLength && l.refuses(s.Queue) {
			if _, err := l.testVHost.Publish(ctx, route.Publication{Key: s.Queue}, id+"-filler"); err != nil {
				return err
			}
		}
	}
	if _, err := l.testVHost.Publish(ctx, c.Publication, id); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Happened = nil
		r.fail("publish", "the broker refuses the message: "+err.Error(), "")
	}
	return nil
}

// refuses reports whether a full queue refuses new messages instead of dropping its oldest.
func (l *Live) refuses(queue string) bool {
	return route.RefusesWhenFull(l.net.Queue(queue).Type, l.net.Settings(queue).Get("overflow").Text())
}

func (l *Live) steps(ctx context.Context, c Case, id string, r *Result) error {
	for _, s := range c.Steps {
		stream := l.net.Queue(s.Queue).Type == topology.Stream
		switch {
		case stream || s.Reason == route.Expired: // happens by itself
		case s.Reason == route.MaxLength:
			if !l.refuses(s.Queue) && hasLength(l.net.Settings(s.Queue)) {
				if _, err := l.testVHost.Publish(ctx, route.Publication{Key: s.Queue}, id+"-filler"); err != nil {
					return err
				}
			}
		default:
			if err := l.reject(ctx, s, id, r); err != nil || !r.Passed() {
				return err
			}
		}
	}
	return nil
}

// extraReturns is how many times to return a message to a queue without a delivery limit, to check
// that it stays.
const extraReturns = 30

func (l *Live) reject(ctx context.Context, s route.Step, id string, r *Result) error {
	times := 1
	if s.Reason == route.DeliveryLimit {
		times = extraReturns
		if limit, ok := l.net.Settings(s.Queue).Get("delivery-limit").Int(); ok && limit >= 0 &&
			l.net.Queue(s.Queue).Type == topology.Quorum {
			times = int(limit) + 1
		}
	}
	for i := range times {
		tag, found, err := l.wait(ctx, s.Queue, id)
		if err != nil {
			return err
		}
		if !found {
			if i == 0 {
				r.Happened = nil
				r.fail(stepField([]route.Step{s}), fmt.Sprintf("the message does not reach queue %s", s.Queue),
					parting(l.net, r.Trace, s.Queue))
			}
			return nil
		}
		if err := l.testVHost.Reject(tag, s.Reason == route.DeliveryLimit); err != nil {
			return err
		}
	}
	return nil
}

// wait takes the message from a queue as soon as it is there.
func (l *Live) wait(ctx context.Context, queue, id string) (uint64, bool, error) {
	for end := time.Now().Add(liveWait); ; {
		tag, found, err := l.testVHost.Take(queue, id)
		if err != nil || found || time.Now().After(end) {
			return tag, found, err
		}
		if err := pause(ctx); err != nil {
			return 0, false, err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(liveStep):
		return nil
	}
}
