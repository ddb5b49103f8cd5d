package routetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Lab is a vhost of a broker that belongs to one run of tests.
type Lab interface {
	// Create makes an object in it.
	Create(ctx context.Context, o topology.Object) error
	// Remake deletes a queue and makes it anew; its bindings are gone.
	Remake(ctx context.Context, q *topology.Queue) error
	// Publish publishes a message and waits for the broker. accepted is false when a full queue refused it.
	Publish(ctx context.Context, p route.Publication, id string) (accepted bool, err error)
	// Take takes the message of that id out of a queue and holds it; what else is there is lost.
	Take(queue, id string) (tag uint64, found bool, err error)
	// Reject rejects what Take holds.
	Reject(tag uint64, requeue bool) error
	// Ready counts the messages that nobody holds.
	Ready(queue string) (int, error)
	// InStream says whether a stream has the message of that id, and waits for it until patience is over.
	InStream(ctx context.Context, queue, id string, patience time.Duration) (bool, error)
}

// Live runs tests on a broker. It is for one goroutine.
type Live struct {
	lab     Lab
	suite   *Suite
	vhost   string // of the files
	in      string // of the lab
	net     *route.Network
	objects []topology.Object
}

// The times of a live test: how long a message waits where it is to expire, and how long the broker is given to move it.
const (
	liveTTL  = int64(150)
	liveWait = 6 * time.Second
	liveStep = 20 * time.Millisecond
	liveCalm = 100 * time.Millisecond // less than liveTTL
	far      = int64(300_000_000_000) // milliseconds, about the longest time that a broker takes
	farCount = int64(1_000_000_000)
)

// NewLive declares the exchanges, queues, bindings and policies of one of the suite's vhosts in a lab, whose vhost is in. What would let
// messages expire or be pushed out is put off: a test makes that happen when it wants it.
func NewLive(ctx context.Context, lab Lab, suite *Suite, vhost, in string) (*Live, error) {
	l := &Live{lab: lab, suite: suite, vhost: vhost, in: in, net: suite.networks[vhost]}
	for _, o := range suite.state.Objects() {
		if o.Ref().VHost == vhost {
			if moved := l.move(o); moved != nil {
				l.objects = append(l.objects, moved)
			}
		}
	}
	l.addExternal()
	slices.SortStableFunc(l.objects, func(a, b topology.Object) int { return a.Ref().Kind.Order() - b.Ref().Kind.Order() })
	for _, o := range l.objects {
		if err := lab.Create(ctx, o); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// addExternal makes stand-ins for what somebody else declares: classic queues, and topic exchanges.
func (l *Live) addExternal() {
	for _, name := range l.net.QueueNames() {
		if l.net.Queue(name).Type == route.External {
			l.objects = append(l.objects, &topology.Queue{VHost: l.in, Name: name, Type: topology.Classic, TypeDeclared: true, Durable: true})
		}
	}
	for _, name := range l.net.ExchangeNames() {
		if kind, _ := l.net.ExchangeType(name); kind == route.External {
			l.objects = append(l.objects, &topology.Exchange{VHost: l.in, Name: name, Type: route.TopicType, Durable: true})
		}
	}
}

// move returns the object in the lab's vhost, nil for kinds that route nothing.
func (l *Live) move(o topology.Object) topology.Object {
	switch o := o.(type) {
	case *topology.Exchange:
		if topology.IsReserved(o.Name) {
			return nil
		}
		x := *o
		x.VHost = l.in
		return &x
	case *topology.Queue:
		q := *o
		q.VHost, q.TypeDeclared, q.Arguments = l.in, true, putOff(o.Arguments, "x-")
		return &q
	case *topology.Binding:
		b := *o
		b.VHost = l.in
		return &b
	case *topology.Policy:
		p := *o
		p.VHost, p.Definition = l.in, putOff(o.Definition, "")
		return &p
	}
	return nil
}

// putOff keeps what a table sets, with values that are not reached: which settings a policy has decides to which queues it applies.
func putOff(a topology.Arguments, prefix string) topology.Arguments {
	out := a.Clone()
	for _, name := range []string{"message-ttl", "expires"} {
		if _, ok := out[prefix+name]; ok {
			out[prefix+name] = far
		}
	}
	for _, name := range []string{"max-length", "max-length-bytes"} {
		if _, ok := out[prefix+name]; ok {
			out[prefix+name] = farCount
		}
	}
	return topology.NormaliseTable(out)
}

// Run runs one test. An error means that the broker could not be asked; what the test showed is in the Result.
func (l *Live) Run(ctx context.Context, c Case, id string) (Result, error) {
	r := l.suite.Run(c)
	predicted := r.Trace
	r.Failures = nil
	changed, err := l.prepare(ctx, c, predicted)
	if err != nil {
		return r, err
	}
	err = l.publish(ctx, c, id, &r)
	if err == nil && r.Passed() {
		err = l.steps(ctx, c, id, &r)
	}
	if err != nil {
		return r, err
	}
	if !r.Passed() {
		_, err = l.collect(ctx, id, nil) // the next test wants empty queues
		return r, errors.Join(err, l.restore(ctx, changed))
	}
	happened, err := l.settle(ctx, c, id, predicted)
	if err != nil {
		return r, err
	}
	l.judge(&r, happened)
	return r, l.restore(ctx, changed)
}

// prepare makes anew the queues in which the message is to expire or overflow: a queue's own argument works from the first message on, a policy
// some time after it was set.
func (l *Live) prepare(ctx context.Context, c Case, predicted *route.Trace) ([]string, error) {
	changes := map[string]topology.Arguments{}
	for _, s := range c.Steps {
		switch s.Reason {
		case route.Expired:
			changes[s.Queue] = topology.Arguments{"x-message-ttl": liveTTL}
		case route.MaxLength:
			if hasLength(l.net.Settings(s.Queue)) {
				changes[s.Queue] = topology.Arguments{"x-max-length": int64(1)}
			}
		}
	}
	for _, f := range predicted.Fates {
		if f.Wait {
			changes[f.Queue] = topology.Arguments{"x-message-ttl": liveTTL}
		}
	}
	var names []string
	for name, args := range changes {
		if l.net.Queue(name).Type == topology.Stream {
			continue
		}
		names = append(names, name)
		if err := l.remake(ctx, name, args); err != nil {
			return names, err
		}
	}
	return names, nil
}

func hasLength(s route.Settings) bool {
	_, count := s.Get("max-length").Int()
	_, bytes := s.Get("max-length-bytes").Int()
	return count || bytes
}

func (l *Live) restore(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := l.remake(ctx, name, nil); err != nil {
			return err
		}
	}
	return nil
}

func (l *Live) remake(ctx context.Context, name string, args topology.Arguments) error {
	for _, o := range l.objects {
		q, ok := o.(*topology.Queue)
		if !ok || q.Name != name {
			continue
		}
		changed := *q
		changed.Arguments = q.Arguments.Clone()
		for k, v := range args {
			changed.Arguments[k] = v
		}
		if err := l.lab.Remake(ctx, &changed); err != nil {
			return err
		}
	}
	for _, o := range l.objects {
		if b, ok := o.(*topology.Binding); ok && b.Destination == name && b.DestinationType == topology.ToQueue {
			if err := l.lab.Create(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// publish publishes the message. A queue that is to refuse it is filled before.
func (l *Live) publish(ctx context.Context, c Case, id string, r *Result) error {
	for _, s := range c.Steps {
		if s.Reason == route.MaxLength && l.refuses(s.Queue) {
			if _, err := l.lab.Publish(ctx, route.Publication{Key: s.Queue}, id+"-filler"); err != nil {
				return err
			}
		}
	}
	if _, err := l.lab.Publish(ctx, c.Publication, id); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Happened = nil
		r.fail("publish", "the broker refuses the message: "+err.Error(), "")
	}
	return nil
}

// refuses says that a full queue turns away what comes, instead of dropping its oldest.
func (l *Live) refuses(queue string) bool {
	overflow := l.net.Settings(queue).Get("overflow").Text()
	return overflow == route.RejectPublish || overflow == route.RejectPublishDLX && l.net.Queue(queue).Type == topology.Classic
}

func (l *Live) steps(ctx context.Context, c Case, id string, r *Result) error {
	for _, s := range c.Steps {
		stream := l.net.Queue(s.Queue).Type == topology.Stream
		switch {
		case stream || s.Reason == route.Expired: // time does it
		case s.Reason == route.MaxLength:
			if !l.refuses(s.Queue) && hasLength(l.net.Settings(s.Queue)) {
				if _, err := l.lab.Publish(ctx, route.Publication{Key: s.Queue}, id+"-filler"); err != nil {
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

// extraReturns is how often a message is returned to a queue that has no delivery limit, to see that it stays.
const extraReturns = 30

func (l *Live) reject(ctx context.Context, s route.Step, id string, r *Result) error {
	times := 1
	if s.Reason == route.DeliveryLimit {
		times = extraReturns
		if limit, ok := l.net.Settings(s.Queue).Get("delivery-limit").Int(); ok && limit >= 0 && l.net.Queue(s.Queue).Type == topology.Quorum {
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
				r.fail(stepField([]route.Step{s}), fmt.Sprintf("the message does not come into queue %s", s.Queue), parting(l.net, r.Trace, s.Queue))
			}
			return nil
		}
		if err := l.lab.Reject(tag, s.Reason == route.DeliveryLimit); err != nil {
			return err
		}
	}
	return nil
}

// wait takes the message out of a queue as soon as it is there.
func (l *Live) wait(ctx context.Context, queue, id string) (uint64, bool, error) {
	for end := time.Now().Add(liveWait); ; {
		tag, found, err := l.lab.Take(queue, id)
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

// settle waits until the message is where the simulator says and stays there for a moment, or has not come there in time, and returns
// the queues that have it. It empties all queues.
func (l *Live) settle(ctx context.Context, c Case, id string, predicted *route.Trace) ([]string, error) {
	calm := liveCalm
	if predicted.MayBeLost() && len(predicted.Fates) > 0 {
		calm *= 4 // nothing is in sight while a message is between two queues, either
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

// asPredicted says whether messages are in the queues of one of the outcomes, and in no other. Streams have no count that can be trusted,
// and what a queue has that is to overflow may be what fills it.
func (l *Live) asPredicted(c Case, predicted *route.Trace) (bool, error) {
	var full, unclear []string
	for _, q := range l.net.QueueNames() {
		if l.net.Queue(q).Type == topology.Stream || slices.Contains(c.Steps, route.Step{Queue: q, Reason: route.MaxLength}) {
			unclear = append(unclear, q)
			continue
		}
		n, err := l.lab.Ready(q)
		if err != nil {
			return false, err
		}
		if n > 0 {
			full = append(full, q)
		}
	}
	return slices.ContainsFunc(predicted.Worlds, func(w route.World) bool {
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
			found, err = l.lab.InStream(ctx, q, id, patience)
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

// drain empties a queue and says whether the message was there.
func (l *Live) drain(queue, id string) (bool, error) {
	_, found, err := l.lab.Take(queue, id)
	for again := found; again && err == nil; {
		_, again, err = l.lab.Take(queue, id)
	}
	return found, err
}

// judge compares what happened with the test. Where an exchange has a choice, a test names the queues of all outcomes, and one of
// them happened.
func (l *Live) judge(r *Result, happened []string) {
	r.Happened = happened
	agreed := slices.IndexFunc(r.Trace.Worlds, func(w route.World) bool { return slices.Equal(visible(w), happened) })
	switch {
	case agreed >= 0 && len(r.Trace.Worlds) > 1:
		r.judge(l.net, r.Trace.Sure(), r.Trace.Possible(), r.Trace.MayBeLost())
		return
	case agreed >= 0:
		r.Happened = r.Trace.Worlds[agreed].Queues()
	}
	r.judge(l.net, r.Happened, r.Happened, len(r.Happened) == 0)
	if agreed < 0 && !r.Trace.Open && !r.Passed() {
		r.fail("name", fmt.Sprintf("msgctl's simulator expects %s", cmp.Or(strings.Join(r.Trace.Possible(), ", "), "no queue")), "")
	}
}

// visible are the queues in which a message can be seen: one that its queue keeps for a dead-letter exchange cannot.
func visible(w route.World) []string {
	var names []string
	for _, c := range w {
		if !c.Kept {
			names = append(names, c.Queue)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
