package broker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/topology"
)

// TestOnNodesOfItsOwn has what would disturb others, on one node of each line: a start takes
// seconds.
func TestOnNodesOfItsOwn(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		t.Run("no queue is left out", func(t *testing.T) { noQueueIsLeftOut(t, n) })
		t.Run("leader that does not answer", func(t *testing.T) { leaderThatDoesNotAnswer(t, n) })
		t.Run("node that stops and returns", func(t *testing.T) { nodeThatStopsAndReturns(t, n) })
		t.Run("queues that are down", func(t *testing.T) { queuesThatAreDown(t, n) })
	})
}

// A quorum queue whose leader does not answer seems to be empty. Nothing is deleted for that.
func leaderThatDoesNotAnswer(t *testing.T, n *node.Node) {
	v := rabbittest.Of(n).VHost(t)
	c := newClient(t, v.User)
	q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Quorum, TypeDeclared: true, Durable: true}
	create(t, c, q)
	fill(t, v, "q", 3)
	if err := n.Leader(t.Context(), v.Name, "q", true); err != nil {
		t.Fatal(err)
	}
	err := declare.DeleteQueue(t.Context(), c.connection(v.Name), q, ifIdle)
	mustWrap(t, err, topology.ErrUnreachable, "its leader does not answer")
	_, err = declare.Count(t.Context(), c.connection(v.Name), q)
	mustWrap(t, err, topology.ErrUnreachable, "its leader does not answer")
	_, err = c.Ready(t.Context(), v.Name, "q")
	mustWrap(t, err, topology.ErrUnreachable, "its leader does not answer")
	if err := n.Leader(t.Context(), v.Name, "q", false); err != nil {
		t.Fatal(err)
	}
	if ready, err := c.Ready(t.Context(), v.Name, "q"); err != nil || ready != 3 {
		t.Errorf("%d messages are left, %v", ready, err)
	}
}

// stopAndStart runs f while the node is down.
func stopAndStart(t *testing.T, n *node.Node, f func() error) error {
	if err := n.Stop(t.Context()); err != nil {
		return err
	}
	if err := f(); !errors.Is(err, topology.ErrUnreachable) {
		t.Errorf("while the node is down: %v", err)
	}
	return n.Restart(t.Context())
}

// A broker that stops in the middle and comes back: what was under way ends well, or says that the
// broker is unreachable.
func nodeThatStopsAndReturns(t *testing.T, n *node.Node) {
	b := rabbittest.Of(n)
	v := b.VHost(t)
	c := newClient(t, v.User, func(o *Options) { o.ReconnectDelay, o.ReconnectAttempts = 500*time.Millisecond, 60 })
	impatient := newClient(t, v.User, once)
	queue := func(i int) *topology.Queue {
		return &topology.Queue{VHost: v.Name, Name: fmt.Sprint("q", i), Type: topology.Classic, Durable: true}
	}
	create(t, c, queue(0))
	create(t, impatient, queue(0))
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	stopped := make(chan error, 1)
	for i := range 400 {
		if i == 100 {
			go func() { stopped <- stopAndStart(t, n, func() error { return impatient.Create(t.Context(), queue(0)) }) }()
		}
		g.Go(func() error { return c.Create(ctx, queue(i)) })
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	live := readLive(t, newClient(t, v.User), Scope{VHosts: []string{v.Name}})
	for i := range 400 {
		if !live.Has(queue(i).Ref()) {
			t.Errorf("queue %d is missing", i)
		}
	}
}
