package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
)

// hold leads all bindings to the route, which still leads to the queue, and then the route to the
// arrivals.
func (r *Runner) hold(ctx context.Context) error {
	if err := r.leadAll(ctx, r.Job.From, r.Job.Route()); err != nil {
		return err
	}
	return r.Broker.Delete(ctx, r.Job.Bound(r.Job.Route(), r.Job.From), topology.DeleteConditions{})
}

// drain moves messages into the backlog until the queue is empty and nobody holds any.
func (r *Runner) drain(ctx context.Context) error {
	r.drained, r.cut = false, cutoff{at: time.Now()}
	if r.Job.Aborted {
		return r.drainForAbort(ctx)
	}
	var quiet quietude
	for {
		bound, gone, err := r.leadAgain(ctx)
		if err != nil || gone {
			return err // somebody deleted it, with what was in it
		}
		moved, awaited, err := r.drainOnce(ctx)
		if err != nil {
			return err
		}
		if r.report.ByName > 0 && !r.Job.AllowGap {
			return &ByNameError{r.Job.From.Name, r.report.ByName}
		}
		if bound > 0 || moved > 0 || awaited != "" {
			quiet = quietude{}
		} else if done, err := r.quietLongEnough(ctx, &quiet); done || err != nil {
			r.drained = done
			return err
		}
		if moved > 0 {
			continue
		}
		if err := r.pause(ctx, r.awaitedNow(bound, awaited)); err != nil {
			return err
		}
	}
}

// drainOnce moves what is ready. awaited says what else there is in the queue or on its way.
func (r *Runner) drainOnce(ctx context.Context) (moved int64, awaited string, err error) {
	from := r.Job.From
	n, err := r.ready(ctx, from)
	if err != nil {
		return 0, "", err
	}
	counts, err := r.Broker.Counts(ctx, from.VHost)
	if err != nil {
		return 0, "", err
	}
	r.cut.look(n, counts[from.Name])
	if !r.cut.known && !r.Job.AllowGap {
		r.progress() // it waits for time to pass only
		return 0, "the last messages that were published before the bindings were led away arrive", nil
	}
	if consumers := counts[from.Name].Consumers; n > 0 && r.Job.Exclusive && consumers > 0 {
		return 0, fmt.Sprintf("queue %q holds %d messages and has %d consumers, which are left to empty it: end them to "+
			"move the rest", from.Name, n, consumers), nil
	}
	if n > 0 {
		moved, awaited, err = r.move(ctx, from, r.Job.Backlog(), r.atMost(n), r.storing())
		r.report.Stored += moved
		return moved, awaited, err
	}
	if held := counts[from.Name].Unacked; held > 0 {
		return 0, fmt.Sprintf("consumers of queue %q hold %d messages and have not acknowledged them", from.Name, held), nil
	}
	for _, name := range r.Job.Feeding {
		if n := counts[name].Ready + counts[name].Unacked; n > 0 {
			return 0, fmt.Sprintf("%d messages wait in queue %q, which sends them to queue %q by its name", n, name,
				from.Name), nil
		}
	}
	return 0, "", nil
}

// cutoff tells messages that came by name. Nothing else leads to the queue any more, and what a
// consumer returned or what died has a mark. So whatever is taken out beyond what was ready some time
// after the last binding was removed has come by name. What msgctl returned has the mark of consumers,
// too, so it counts if no consumer held any at that time.
type cutoff struct {
	at           time.Time
	known, alone bool
	ready, taken int64
}

// onTheWay is how long messages may be on their way to a queue from which they are led away.
const onTheWay = time.Second

// look notes how many messages are ready.
func (c *cutoff) look(ready int64, counts topology.QueueCounts) {
	if time.Since(c.at) > onTheWay && (!c.known || ready == 0) {
		c.known, c.ready, c.taken = true, ready, 0
		c.alone = counts.Known && counts.Consumers == 0 && counts.Unacked == 0
	}
}

// take notes a message that is taken out, and reports whether it came by name.
func (c *cutoff) take(m *message.Message) bool {
	if !c.known || m.Redelivered && !c.alone || !m.Deaths().None() {
		return false
	}
	c.taken++
	return c.taken > c.ready
}

// storing returns how messages are changed for the backlog. It counts those that came by name.
func (r *Runner) storing() func(*message.Message) *message.Message {
	return func(m *message.Message) *message.Message {
		if r.cut.take(m) {
			r.report.ByName++
		}
		return r.Identity.Store(m)
	}
}

// quietude is how long the queue has been empty.
type quietude struct {
	since     time.Time
	published int64 // by the statistics, once they are up to date
	known     bool
}

// quietLongEnough reports whether the queue has been empty for so long that all counts have caught
// up. Messages that consumers take at once are in no count of messages, so the statistics must not
// have moved either, while there are consumers.
func (r *Runner) quietLongEnough(ctx context.Context, q *quietude) (bool, error) {
	if q.since.IsZero() {
		q.since = time.Now()
	}
	from := r.Job.From
	if r.Job.AllowGap && from.Type == topology.Classic { // whose counts are live: nothing is waited for
		return time.Since(q.since) > onTheWay, nil
	}
	if time.Since(q.since) < r.Options.Settle {
		return false, nil
	}
	if r.Job.AllowGap {
		return true, nil
	}
	counts, err := r.Broker.Counts(ctx, from.VHost)
	if err != nil || counts[from.Name].Consumers == 0 {
		return err == nil, err
	}
	n, err := r.Broker.Published(ctx, from.VHost, from.Name)
	if err != nil || n < 0 {
		return err == nil, err
	}
	switch quiet := time.Since(q.since); {
	case quiet < 2*r.Options.Settle:
		return false, nil
	case !q.known:
		q.published, q.known = n, true
	case n > q.published:
		return false, &ByNameError{from.Name, n - q.published}
	case quiet >= 3*r.Options.Settle:
		return true, nil
	}
	return false, nil
}

// drainForAbort moves what is ready behind what is in the backlog already. An empty backlog needs
// none of that.
func (r *Runner) drainForAbort(ctx context.Context) error {
	stored, err := r.ready(ctx, r.Job.Backlog())
	if err != nil || stored == 0 {
		return err
	}
	for {
		n, err := r.ready(ctx, r.Job.From)
		if err != nil || n == 0 {
			return err
		}
		moved, awaited, err := r.move(ctx, r.Job.From, r.Job.Backlog(), n, r.Identity.Store)
		r.report.Stored += moved
		if err == nil && awaited != "" {
			err = r.pause(ctx, awaited)
		}
		if err != nil {
			return err
		}
	}
}

// replace puts the new queue in the place of the old one. It goes back to drain unless the old one
// was just seen to be empty.
func (r *Runner) replace(ctx context.Context) (migrate.Stage, error) {
	j := r.Job
	have, err := r.Broker.FindQueue(ctx, j.From.VHost, j.From.Name)
	if err != nil {
		return "", err
	}
	switch {
	case have != nil && !j.Renames() && migrate.Same(have, j.To):
		return migrate.Refill, nil
	case have == nil:
		return migrate.Refill, r.Broker.Create(ctx, j.To)
	case !migrate.Same(have, j.From):
		return "", fmt.Errorf("replace queue %q: somebody declared it anew, neither as it was nor as it shall be; its "+
			"messages are safe in queue %q: delete it, then resume", j.From.Name, j.Backlog().Name)
	case !r.drained:
		return migrate.Drain, nil
	}
	r.drained = false
	if j.Renames() {
		if err := r.Broker.Create(ctx, j.To); err != nil {
			return "", err
		}
		err = r.Broker.Delete(ctx, j.From, topology.DeleteConditions{IfEmpty: true})
	} else {
		r.report.Gap, err = r.Broker.Replace(ctx, j.From, j.To)
	}
	if err == nil {
		return migrate.Refill, nil
	}
	n, counted := r.ready(ctx, j.From)
	if errors.Is(err, topology.ErrInUse) || counted == nil && n > 0 {
		return migrate.Drain, nil
	}
	return "", err
}

// nearlyEmpty is how many arrivals may be left when the new queue gets messages directly.
const nearlyEmpty = 100

// maxVain is how often the arrivals may not have become half as many while they were moved. After
// that, the new queue gets messages directly, however many are left: publishers are as fast.
const maxVain = 2

// refill moves the backlog into the new queue, and then most of the arrivals. It goes back if
// somebody has deleted the new queue.
func (r *Runner) refill(ctx context.Context) (migrate.Stage, error) {
	j := r.Job
	if missing, err := r.missing(ctx); missing || err != nil {
		return migrate.Switch, err
	}
	if err := r.makeOwn(ctx); err != nil {
		return "", err
	}
	if err := r.Broker.Create(ctx, j.Bound(j.Into(j.To), j.To)); err != nil {
		return "", err
	}
	moved, err := r.moveAll(ctx, j.Backlog(), j.To)
	r.report.Restored += moved
	for before, vain := int64(math.MaxInt64), 0; err == nil; {
		var n int64
		if n, err = r.ready(ctx, j.Arrivals()); err != nil || n <= nearlyEmpty {
			break
		}
		if n > before/2 {
			if vain++; vain > maxVain {
				break
			}
		}
		before = n
		moved, err = r.moveSome(ctx, j.Arrivals(), j.To, n)
		r.report.Arrived += moved
	}
	return migrate.Release, err
}

// missing reports whether the new queue is missing, and notes that somebody deleted it.
func (r *Runner) missing(ctx context.Context) (bool, error) {
	have, err := r.Broker.FindQueue(ctx, r.Job.To.VHost, r.Job.To.Name)
	if err == nil && have == nil {
		r.note(fmt.Sprintf("queue %q was deleted by somebody else meanwhile, and declared again", r.Job.To.Name))
	}
	return have == nil, err
}

// release leads the route to the new queue, moves the last arrivals, and leads the bindings back.
func (r *Runner) release(ctx context.Context) (migrate.Stage, error) {
	j := r.Job
	if missing, err := r.missing(ctx); missing || err != nil {
		return migrate.Switch, err
	}
	if err := r.Broker.Create(ctx, j.Bound(j.Route(), j.To)); err != nil {
		return "", err
	}
	moved, err := r.moveAll(ctx, j.Arrivals(), j.To)
	r.report.Arrived += moved
	r.report.Overtaken += moved
	if err == nil {
		err = r.leadAll(ctx, j.Route(), j.To)
	}
	return migrate.Clean, err
}

// clean removes what belongs to the migration, the route first: nothing arrives afterwards. It goes
// back if messages or bindings are left.
func (r *Runner) clean(ctx context.Context) (migrate.Stage, error) {
	j := r.Job
	if missing, err := r.missing(ctx); missing || err != nil {
		return migrate.Switch, err // what is published goes to the arrivals
	}
	left, err := r.othersTo(ctx, j.Route().Ref())
	if err != nil || len(left) > 0 {
		return migrate.Release, err
	}
	if err := r.Broker.Delete(ctx, j.Route(), topology.DeleteConditions{}); err != nil {
		return "", err
	}
	for _, q := range []*topology.Queue{j.Backlog(), j.Arrivals()} {
		if err := r.remove(ctx, q); err != nil {
			return "", err
		}
	}
	for _, x := range j.Exchanges() {
		if err := r.Broker.Delete(ctx, x, topology.DeleteConditions{}); err != nil {
			return "", err
		}
	}
	return migrate.Done, nil
}

// remove deletes a queue of the migration once it is empty.
func (r *Runner) remove(ctx context.Context, q *topology.Queue) error {
	for {
		have, err := r.Broker.FindQueue(ctx, q.VHost, q.Name)
		if err != nil || have == nil {
			return err
		}
		if n, err := r.ready(ctx, q); err != nil {
			return err
		} else if n > 0 {
			if err := r.Broker.Create(ctx, r.Job.Bound(r.Job.Into(r.Job.To), r.Job.To)); err != nil {
				return err
			}
			moved, err := r.moveAll(ctx, q, r.Job.To)
			r.report.Arrived += moved
			if err != nil {
				return err
			}
		}
		err = r.Broker.Delete(ctx, q, topology.DeleteConditions{IfEmpty: true})
		if !errors.Is(err, topology.ErrInUse) {
			return err
		}
		if err := r.pause(ctx, fmt.Sprintf("queue %q is not empty", q.Name)); err != nil {
			return err
		}
	}
}
