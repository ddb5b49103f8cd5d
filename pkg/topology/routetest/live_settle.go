package routetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// settle waits until the message is where the simulator predicts and stays there for a moment, or
// until a timeout. It returns the queues that have the message and purges all queues.
func (l *Live) settle(ctx context.Context, c Case, id string, predicted *route.Trace) ([]string, error) {
	calm := liveCalm
	if predicted.MayBeLost() && len(predicted.DeadLetterings) > 0 {
		calm *= 4 // a message between two queues is not visible, either
	}
	var since time.Time
	for end := time.Now().Add(liveWait); time.Now().Before(end); {
		ok, err := l.asPredicted(c, predicted)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > calm:
			return l.collect(ctx, id, predicted.Possible())
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
	return l.collect(ctx, id, predicted.Possible())
}

// asPredicted reports whether exactly the queues of one of the outcomes contain messages. It
// ignores streams, because their counts lag, and queues that should overflow, because they contain
// the messages that fill them.
func (l *Live) asPredicted(c Case, predicted *route.Trace) (bool, error) {
	var full, unclear []string
	for _, q := range l.net.QueueNames() {
		if l.net.Queue(q).Type == topology.Stream || slices.Contains(c.Steps, route.Step{Queue: q, Reason: route.MaxLength}) {
			unclear = append(unclear, q)
			continue
		}
		n, err := l.testVHost.Ready(q)
		if err != nil {
			return false, err
		}
		if n > 0 {
			full = append(full, q)
		}
	}
	return slices.ContainsFunc(predicted.Placements, func(w route.Placement) bool {
		clear := slices.DeleteFunc(visible(w), func(q string) bool { return slices.Contains(unclear, q) })
		return slices.Equal(clear, full)
	}), nil
}

func (l *Live) collect(ctx context.Context, id string, likely []string) ([]string, error) {
	var has []string
	for _, q := range l.net.QueueNames() {
		var found bool
		var err error
		if l.net.Queue(q).Type == topology.Stream {
			patience := time.Duration(0)
			if slices.Contains(likely, q) {
				patience = liveWait
			}
			found, err = l.testVHost.InStream(ctx, q, id, patience)
		} else {
			found, err = l.drain(q, id)
		}
		if err != nil {
			return nil, err
		}
		if found {
			has = append(has, q)
		}
	}
	return has, nil
}

// drain purges a queue and reports whether the message was in it.
func (l *Live) drain(queue, id string) (bool, error) {
	_, found, err := l.testVHost.Take(queue, id)
	for again := found; again && err == nil; {
		_, again, err = l.testVHost.Take(queue, id)
	}
	return found, err
}

// judge compares the outcome with the test. If an exchange has a choice, a test names the queues of
// all outcomes, but only one outcome happened.
func (l *Live) judge(r *Result, happened []string) {
	r.Happened = happened
	agreed := slices.IndexFunc(r.Trace.Placements,
		func(w route.Placement) bool { return slices.Equal(visible(w), happened) })
	switch {
	case agreed >= 0 && len(r.Trace.Placements) > 1:
		r.judge(l.net, r.Trace.Sure(), r.Trace.Possible(), r.Trace.MayBeLost())
		return
	case agreed >= 0:
		r.Happened = r.Trace.Placements[agreed].Queues()
	}
	r.judge(l.net, r.Happened, r.Happened, len(r.Happened) == 0)
	if agreed < 0 && !r.Trace.Open && !r.Passed() {
		r.fail("name", fmt.Sprintf("msgctl's simulator expects %s",
			cmp.Or(strings.Join(r.Trace.Possible(), ", "), "no queue")), "")
	}
}

// visible returns the queues in which the message can be seen. A dead letter that stays in its
// queue until it can be routed cannot be seen.
func visible(w route.Placement) []string {
	var names []string
	for _, c := range w {
		if !c.Kept {
			names = append(names, c.Queue)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
