package routetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// TestVHost is a vhost of a broker that belongs to one run of tests.
type TestVHost interface {
	// Create makes an object in it.
	Create(ctx context.Context, o topology.Object) error
	// Remake deletes a queue and makes it anew; its bindings are gone.
	Remake(ctx context.Context, q *topology.Queue) error
	// Publish publishes a message and waits for the broker. accepted is false when a full queue
	// refused it.
	Publish(ctx context.Context, p route.Publication, id string) (accepted bool, err error)
	// Take takes the message of that id out of a queue and holds it; what else is there is lost.
	Take(queue, id string) (tag uint64, found bool, err error)
	// Reject rejects what Take holds.
	Reject(tag uint64, requeue bool) error
	// Ready counts the messages that nobody holds.
	Ready(queue string) (int, error)
	// InStream reports whether a stream has the message of that id, and waits for it until patience
	// is over.
	InStream(ctx context.Context, queue, id string, patience time.Duration) (bool, error)
}

// Live runs tests on a broker. It is for one goroutine.
type Live struct {
	testVHost TestVHost
	suite     *Suite
	vhost     string // of the files
	in        string // of the testVHost
	net       *route.Network
	objects   []topology.Object
}

// The times of a live test: how long a message waits where it is to expire, and how long the broker
// is given to move it.
const (
	liveTTL  = int64(150)
	liveWait = 6 * time.Second
	liveStep = 20 * time.Millisecond
	liveCalm = 100 * time.Millisecond // less than liveTTL
	far      = int64(300_000_000_000) // milliseconds, about the longest time that a broker takes
	farCount = int64(1_000_000_000)
)

// NewLive declares the exchanges, queues, bindings and policies of one of the suite's vhosts in a
// test vhost, which is named in. What would let messages expire or be pushed out is put off: a test
// makes that happen when it wants it.
func NewLive(ctx context.Context, testVHost TestVHost, suite *Suite, vhost, in string) (*Live, error) {
	l := &Live{testVHost: testVHost, suite: suite, vhost: vhost, in: in, net: suite.networks[vhost]}
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
		if err := testVHost.Create(ctx, o); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Run runs one test. An error means that the broker could not be asked, it is that of ctx when that
// has ended; what the test showed is in the Result. id is the message's own.
func (l *Live) Run(ctx context.Context, c Case, id string) (Result, error) {
	r, err := l.run(ctx, c, id)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // what it ended with is of no interest
	}
	return r, err
}

func (l *Live) run(ctx context.Context, c Case, id string) (Result, error) {
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
