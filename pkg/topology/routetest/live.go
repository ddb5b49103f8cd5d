package routetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// TestVHost is a vhost on a broker that is used by one test run only. Every method returns an error
// if the broker refuses the operation or the connection is lost.
type TestVHost interface {
	// Create declares an object.
	Create(ctx context.Context, o topology.Object) error
	// Remake deletes a queue and declares it again. The queue loses its bindings.
	Remake(ctx context.Context, q *topology.Queue) error
	// Publish publishes a message and waits for the confirm. accepted is false if a full queue
	// refuses the message.
	Publish(ctx context.Context, p route.Publication, id string) (accepted bool, err error)
	// Take gets the message with that id from a queue and leaves it unacknowledged. It discards
	// other messages.
	Take(queue, id string) (tag uint64, found bool, err error)
	// Reject rejects a message that Take returned.
	Reject(tag uint64, requeue bool) error
	// Ready returns the number of ready messages.
	Ready(queue string) (int, error)
	// InStream reports whether a stream has the message with that id. It waits at most patience for
	// the message.
	InStream(ctx context.Context, queue, id string, patience time.Duration) (bool, error)
}

// Live runs tests on a broker. It is not safe for concurrent use.
type Live struct {
	testVHost TestVHost
	suite     *Suite
	vhost     string // of the files
	in        string // of the testVHost
	net       *route.Network
	objects   []topology.Object
}

// The times of a live test, such as the TTL of messages that must expire (liveTTL) and how long the
// test waits for the broker to move them (liveWait).
const (
	liveTTL  = int64(150)
	liveWait = 6 * time.Second
	liveStep = 20 * time.Millisecond
	liveCalm = 100 * time.Millisecond // less than liveTTL
	far      = int64(300_000_000_000) // milliseconds, about the longest TTL that a broker accepts
	farCount = int64(1_000_000_000)
)

// NewLive declares the exchanges, queues, bindings and policies of a vhost of the suite in a test
// vhost. in is the name of the test vhost. NewLive replaces limits and TTLs by values that are
// never reached. Run sets the limits that a test needs. It fails at the first object that the
// broker refuses.
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

// Run runs one test. id becomes the message id. The outcome of the test is in the Result. Run
// returns an error if the test could not be run, or the error of ctx if ctx has ended.
func (l *Live) Run(ctx context.Context, c Case, id string) (Result, error) {
	r, err := l.run(ctx, c, id)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // the cause, not its consequence
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
		_, err = l.collect(ctx, id, nil) // the next test needs empty queues
		return r, errors.Join(err, l.restore(ctx, changed))
	}
	happened, err := l.settle(ctx, c, id, predicted)
	if err != nil {
		return r, err
	}
	l.judge(&r, happened)
	return r, l.restore(ctx, changed)
}
