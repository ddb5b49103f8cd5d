package consume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// consumerTimeout is the broker's default (fact consumer-timeout).
const consumerTimeout = 30 * time.Minute

// findRetryStrategy determines where failed messages go, from the broker, or from the topology file
// if the broker does not tell. It refuses to start if dead letters would be lost.
func (c *consuming) findRetryStrategy(ctx context.Context) error {
	state, version, err := c.facts(ctx)
	if err != nil {
		return err
	}
	c.retry = retry.Strategy{Queue: c.queue}
	if state != nil {
		if err := c.retryStrategyFrom(state, version); err != nil {
			return err
		}
	}
	c.retry.UserID = c.conn.User
	if err := c.redirect(); err != nil {
		return err
	}
	if c.mayFail() && c.retry.DeadLetter == nil && !c.retry.Drop {
		return c.noDeadLetters(state != nil)
	}
	if state != nil && c.mayFail() {
		c.warnDrops(state, version)
	}
	return nil
}

// warnDrops warns of queues that dead letters go to and that drop messages. There, the confirm that
// consume waits for does not mean that the dead letter is kept (fact drop-head-confirms). A wait
// queue that is full dead-letters the oldest message, which then comes back early, and drops none.
func (c *consuming) warnDrops(state *topology.State, version string) {
	to := c.retry.DeadLetter
	if to == nil {
		return
	}
	var reach discover.Reach
	if c.retry.OwnKey {
		reach = discover.ReachesWithAnyKey(state, c.vhost, version, to.Exchange)
	} else {
		reach = discover.Reaches(state, c.vhost, version, *to)
	}
	live := &topology.Live{State: *state, Server: topology.Server{Version: version}}
	queues := slices.Concat(reach.Sure, reach.Possible)
	drops := vhost.Drops(live, c.vhost, queues)
	for _, q := range queues {
		if text := drops[q].Text; text != "" {
			c.proc.Warn("dead letters may be lost: " + text)
		}
	}
}

// facts reads the vhost. Without the management API it uses the topology file. state is nil if
// nothing is known.
func (c *consuming) facts(ctx context.Context) (state *topology.State, version string, err error) {
	live, err := c.broker.Everything(ctx, []string{c.vhost})
	switch {
	case err == nil && len(live.MissingVHosts) > 0:
		return nil, "", live.MissingVHost()
	case err == nil && live.Migrated(c.vhost, c.queue) != nil:
		return nil, "", live.Migrated(c.vhost, c.queue)
	case err == nil && live.Unreadable[topology.KindQueue] == "":
		return &live.State, live.Server.Version, nil
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case err != nil && !errors.Is(err, topology.ErrUnreachable) && !errors.Is(err, topology.ErrNotPermitted) &&
		!errors.Is(err, topology.ErrAPI):
		return nil, "", err
	}
	c.blind = err
	if c.known != nil && c.known.State.Has(c.queueRef()) {
		c.notice = fmt.Sprintf("the queue's settings cannot be read from the broker (%s): those of the topology file are "+
			"used",
			c.whyBlind())
		return c.known.State, "", nil
	}
	return nil, "", nil
}

// whyBlind returns why the broker's settings cannot be read.
func (c *consuming) whyBlind() string {
	if c.blind == nil {
		return "its list of queues cannot be read"
	}
	return c.blind.Error()
}

func (c *consuming) queueRef() topology.Ref {
	return topology.Ref{Kind: topology.KindQueue, VHost: c.vhost, Name: c.queue}
}

func (c *consuming) retryStrategyFrom(state *topology.State, version string) (err error) {
	n := route.New(state, c.vhost, version)
	q := n.Queue(c.queue)
	switch {
	case q == nil:
		return c.noQueue(n)
	case q.Type == topology.Stream:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err: fmt.Errorf("queue %q is a stream: messages never leave it, so consume cannot acknowledge them",
				c.queue), Advice: "msgctl tail --stream " + shell.Quote(c.queue) + " reads it"}
	}
	var declared *topology.RetrySchedule
	if c.known != nil {
		if l, ok := c.known.State.RetrySchedule(c.queueRef()); ok {
			declared = &l
		}
	}
	if c.retry, err = retry.Discover(n, c.queue, declared); err != nil {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err,
			Advice: "msgctl apply -f FILE creates what the topology file declares; msgctl lint --live lists what is missing"}
	}
	for _, step := range c.retry.Steps {
		if c.key != nil && step.Delay >= consumerTimeout {
			c.proc.Warn(fmt.Sprintf("with --ordered-by a message is held until its retry: the broker closes the channel of a "+
				"consumer that holds one for longer than consumer_timeout (default %s), and a retry delay is %s", consumerTimeout,
				step.Delay))
			break
		}
	}
	if c.key != nil && c.retry.Native {
		return &cmdutil.ExitError{
			Code: cmdutil.ExitFailed, Err: fmt.Errorf("queue %q delays retries itself, including messages that a lost "+
				"connection returns: other messages would overtake them, so --ordered-by cannot keep the order", c.queue),
			Advice: "recreate the queue with retry: { backoff: […], via: queues } in the topology file",
		}
	}
	return nil
}

func (c *consuming) noQueue(n *route.Network) error {
	hint := "msgctl export lists the queues; --vhost selects another vhost"
	if near := suggest.Nearest(c.queue, n.QueueNames()); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("queue %q does not exist in vhost %q", c.queue,
		c.vhost), Advice: hint}
}

// redirect applies --dead-letter-to.
func (c *consuming) redirect() error {
	if c.deadLetterTo == "" {
		return nil
	}
	if c.deadLetterTo == "drop" {
		c.retry.Drop, c.retry.DeadLetter = true, nil
		return nil
	}
	to, err := replay.ParseDestination(c.deadLetterTo)
	switch {
	case err != nil:
		return cmdutil.UsageError("--dead-letter-to queue:NAME, exchange:NAME/KEY or drop", "%sflag --dead-letter-to: %v",
			cmdutil.Where(c.cmd), err)
	case to.Kind == replay.ToQueue:
		c.retry.DeadLetter, c.retry.OwnKey = &publish.Target{Key: to.Queue}, false
	case to.Kind == replay.ToExchange:
		c.retry.DeadLetter, c.retry.OwnKey = &publish.Target{Exchange: to.Exchange, Key: to.Key}, !to.HasKey
	default:
		return cmdutil.UsageError("--dead-letter-to queue:NAME, exchange:NAME/KEY or drop",
			"%sflag --dead-letter-to: %q is not a destination",
			cmdutil.Where(c.cmd), c.deadLetterTo)
	}
	return nil
}

func (c *consuming) noDeadLetters(known bool) error {
	why := "has no dead-letter exchange: a message that fails permanently would be lost"
	if !known {
		why = "cannot be read (" + c.whyBlind() +
			"), and no topology file declares it: the destination of dead letters is unknown"
	}
	return &cmdutil.ExitError{
		Code: cmdutil.ExitFailed, Err: fmt.Errorf("queue %q %s", c.queue, why),
		Advice: "set deadLetter in the topology file and apply it; or pass --dead-letter-to queue:NAME, or " +
			"--dead-letter-to drop to destroy them",
	}
}
