package consume

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/consume/runner"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Broker is the set of broker operations that consume uses.
type Broker interface {
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Source reads messages, Dialer publishes them, each on its own connections.
	Source(vhost string) consume.Source
	Dialer(vhost string) publish.Dialer
	// Close ends all connections.
	Close()
}

// OpenBroker creates a client that consumes.
type OpenBroker func(ctx context.Context, conn *profile.Connection, command string) (Broker, error)

// consuming is one run of consume.
type consuming struct {
	*consumeOptions
	conn    *profile.Connection
	broker  Broker
	known   *cmdutil.Declared // nil without a topology file
	vhost   string
	handler handle.Handler
	retry   retry.Strategy
	blind   error // why the broker's settings of the queue could not be read
	// notice is a warning for a run that can begin: where the login is refused, the error says enough.
	notice string
	key    func(*message.Message) string
}

// prepare reads files and the broker, and refuses to start if messages would be lost.
func (o *consumeOptions) prepare(ctx context.Context) (*consuming, error) {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return nil, err
	}
	c := &consuming{consumeOptions: o, conn: conn, vhost: conn.VHost}
	if c.known, err = o.proc.CatalogueIfAny(&o.files, conn); err != nil {
		return nil, err
	}
	if c.known != nil && c.known.State.Home != "" && conn.Sources["vhost"] == "default" {
		c.vhost, conn.VHost = c.known.State.Home, c.known.State.Home
	}
	if c.key, err = o.orderKey(); err != nil {
		return nil, err
	}
	if c.handler, err = c.makeHandler(); err != nil {
		return nil, err
	}
	if c.broker, err = o.open(ctx, conn, "consume"); err != nil {
		return nil, err
	}
	if err := c.findRetryStrategy(ctx); err != nil {
		c.broker.Close()
		return nil, err
	}
	return c, nil
}

// run consumes until the context, a limit or an error ends it.
func (c *consuming) run(ctx context.Context) error {
	bar := c.progressBar()
	log := c.log.Logger(c.proc, terminal.Above(bar, c.proc.Streams.Err))
	shown := newShownProgress(bar)
	w := newConsumeWatch(log, c.queue, c.knownTypes(), shown)
	w.connected = sync.OnceFunc(c.say)
	w.traces = cmdmsg.NewTracing(c.proc, c.conn, tellLoss(log))
	defer func() { cmdmsg.EndTracing(c.proc, w.traces) }()
	if c.metrics != "" {
		server, err := telemetry.Serve(ctx, c.metrics, w.metrics, w.ready)
		if err != nil {
			return fmt.Errorf("serve metrics on %s: %w", c.metrics, err)
		}
		defer func() { _ = server.Close() }()
		log.Info("serving /metrics, /healthz and /readyz", "address", server.Addr)
	}
	o := runner.Options{
		Source: c.broker.Source(c.vhost), Handler: c.handler, Retry: c.retry, Prefetch: c.effectivePrefetch(),
		Concurrency: c.atMost(c.concurrency),
		Key:         c.key, Type: c.typer(),
		CheckTimeout: c.consumeOptions.handler.timeout, Dedupe: c.dedupe, Grace: max(c.grace, time.Millisecond),
		Limit: c.limit, Idle: c.idle,
		ReconnectDelay: c.conn.ReconnectDelay, ReconnectAttempts: cmdmsg.ReconnectAttempts(c.conn),
		ConfirmTimeout: cmdmsg.ConfirmTimeout(c.conn), Tag: "msgctl consume", Observer: w,
	}
	if c.retry.DeadLetter != nil || len(c.retry.Steps) > 0 && !c.retry.Native {
		o.Dialer = c.broker.Dialer(c.vhost)
	}
	report, err := runner.Run(ctx, o)
	shown.end()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.grace)
	defer cancel()
	err = errors.Join(err, c.handler.Close(closing))
	if err == nil || report != (runner.Report{}) {
		c.proc.Tell(consumeSummary(report))
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return cmdutil.ExitWith(cmdutil.ExitInterrupted)
	case report.DeadLettered+report.Dropped+report.Unfinished > 0, report.Undelivered:
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	}
	return nil
}

// say announces what happens to messages before the first is taken.
func (c *consuming) say() {
	if c.notice != "" {
		c.proc.Warn(c.notice)
	}
	p := &c.retry
	text := fmt.Sprintf("Consuming from queue %s in vhost %s: %s.", c.queue, c.vhost, c.handler.Name())
	if !c.mayFail() {
		c.proc.Tell(text + " The messages leave the queue.")
		return
	}
	var waits []string
	for _, s := range p.Steps {
		waits = append(waits, s.Delay.String())
	}
	how := ""
	switch {
	case c.key != nil && len(waits) > 0:
		how = ", held to keep the order"
	case p.Native:
		how = fmt.Sprintf(" in the queue itself (delayed retry, delivery limit %d)", p.DeliveryLimit)
		if p.DeliveryLimit < 0 {
			how = " in the queue itself (delayed retry, no delivery limit)"
		}
	case len(waits) > 0:
		how = " in wait queues"
	}
	const shown = 6
	if n := len(waits); n > shown {
		waits = append(waits[:shown-1], "…", waits[n-1])
	}
	switch {
	case p.Endless && p.DeliveryLimit < 0:
		text += fmt.Sprintf(" Failed messages are retried after %s%s, without end.", strings.Join(waits, ", "), how)
	case p.Endless:
		text += fmt.Sprintf(" Failed messages are retried after %s%s.", strings.Join(waits, ", "), how)
	case len(waits) > 0:
		text += fmt.Sprintf(" Failed messages are retried after %s%s, %d attempts in total.", strings.Join(waits, ", "),
			how, len(p.Steps)+1)
	default:
		text += " No retries are declared for the queue: a failed message is not retried."
	}
	switch {
	case p.Drop:
		text += " Messages that fail permanently are destroyed."
	case p.DeadLetter != nil && p.OwnKey:
		text += fmt.Sprintf(" Dead letters go to exchange %q with their own routing key.", p.DeadLetter.Exchange)
	case p.DeadLetter != nil:
		text += fmt.Sprintf(" Dead letters go to %s.", p.DeadLetter)
	}
	c.proc.Tell(text)
}

// mayFail reports whether a message may be retried or dead-lettered.
func (c *consuming) mayFail() bool {
	h := &c.consumeOptions.handler
	return !h.print && !h.discard
}
