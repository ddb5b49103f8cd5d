package tail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// tailSource is a source of messages. take behaves as Tail.Take.
type tailSource struct {
	take  func(ctx context.Context, into []tail.Item) ([]tail.Item, error)
	stats func() tail.Stats
	stop  func()
	// wants reports whether a message is selected, if the broker could not filter it.
	wants func(*message.Message) bool
	// traced reports that the messages are those of the trace exchange.
	traced bool
	// waited reports that the messages were published before they were seen, perhaps long before.
	waited bool
}

// open opens the source that the flags select.
func (t *tailing) open(ctx context.Context) (*tailSource, error) {
	switch {
	case t.queue != "":
		return t.openQueue(ctx)
	case t.stream != "":
		return t.openStream(ctx)
	case t.firehose:
		return t.openFirehose(ctx)
	}
	return t.openExchanges(ctx)
}

// subscribe starts a tail of the subscription that open returns.
func (t *tailing) subscribe(ctx context.Context, patient bool,
	open func(context.Context, int64) (tail.Subscription, error)) (*tailSource, error) {
	f, err := tail.Start(ctx, tail.Options{
		Open: open, Patient: patient, ReconnectDelay: t.conn.ReconnectDelay, ReconnectAttempts: t.conn.ReconnectAttempts,
		Notify: func(text string) { t.proc.Warn(text) },
	})
	if err != nil {
		return nil, err
	}
	return &tailSource{take: f.Take, stats: f.Stats, stop: f.Stop, wants: tail.ParseKeys(t.patterns).Want}, nil
}

// tap watches exchanges through a private queue.
func (t *tailing) tap(ctx context.Context, binds []tail.Bind) (*tailSource, error) {
	first := true
	return t.subscribe(ctx, false, func(ctx context.Context, _ int64) (tail.Subscription, error) {
		f, skipped, err := t.broker.Tails(t.vhost).Tap(ctx, binds)
		if err != nil {
			return nil, err
		}
		for name, why := range skipped {
			if slices.Contains(t.exchanges, name) && first {
				_ = f.Close()
				return nil, why
			}
			t.proc.Warn(fmt.Sprintf("exchange %q is not watched: %v", name, why))
		}
		first = false
		return f, nil
	})
}

func (t *tailing) openExchanges(ctx context.Context) (*tailSource, error) {
	state, err := t.network(ctx)
	if err != nil {
		return nil, err
	}
	names := t.exchanges
	if len(names) == 0 {
		names = t.declaredExchanges(state)
	}
	bindings, err := tail.FindBindings(state, tail.BindingOptions{VHost: t.vhost, Exchanges: names, Keys: t.patterns})
	if err != nil {
		return nil, t.unwatchable(state, err)
	}
	if len(bindings.Binds) == 0 {
		return nil, t.nothing(bindings)
	}
	src, err := t.tap(ctx, bindings.Binds)
	if err != nil {
		return nil, err
	}
	src.wants = bindings.Wants
	t.sayBindings(bindings)
	return src, nil
}

// declaredExchanges returns the exchanges of the topology file that exist in its vhost, or nil:
// then all exchanges are watched.
func (t *tailing) declaredExchanges(live *topology.State) (names []string) {
	if t.known == nil || t.known.State.Home != t.vhost {
		return nil
	}
	for _, o := range t.known.State.Objects() {
		if x, ok := o.(*topology.Exchange); ok && x.VHost == t.vhost && live.Has(x.Ref()) {
			names = append(names, x.Name)
		}
	}
	return names
}

// network returns the exchanges and bindings of the vhost: the live ones, or those of the topology
// file if the management API cannot be used.
func (t *tailing) network(ctx context.Context) (*topology.State, error) {
	live, err := t.broker.Everything(ctx, []string{t.vhost})
	switch {
	case err == nil && slices.Contains(live.MissingVHosts, t.vhost):
		return nil, live.WithoutVHost(t.vhost)
	case err == nil:
		if why, unreadable := live.Unreadable[topology.KindPolicy]; unreadable {
			t.proc.Warn("policies cannot be read (" + why +
				"): if a policy sets an alternate exchange, it does not receive messages that reach only tail's queue")
		}
		return &live.State, nil
	case !errors.Is(err, topology.ErrAPI) || ctx.Err() != nil:
		return nil, err
	case t.known != nil && t.known.State.Home == t.vhost:
		t.proc.Warn(fmt.Sprintf("%v; using the exchanges and bindings that the topology file declares", err))
		return t.known.State, nil
	}
	code := cmdutil.ExitFailed
	if errors.Is(err, topology.ErrNotPermitted) {
		code = cmdutil.ExitNotPermitted
	}
	return nil, &cmdutil.ExitError{Code: code,
		Err:    fmt.Errorf("the exchanges and their bindings cannot be read, so they cannot be watched safely: %w", err),
		Advice: "name a topology file that declares them: msgctl tail -f topology.yaml"}
}

func (t *tailing) unwatchable(state *topology.State, err error) error {
	var why *tail.Unwatchable
	if errors.As(err, &why) && why.Default {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err,
			Advice: "watch a queue: msgctl tail --queue NAME; or everything: msgctl tail --firehose"}
	}
	if !errors.As(err, &why) || !why.Missing {
		return err
	}
	var names []string
	for _, o := range state.Objects() {
		if x, ok := o.(*topology.Exchange); ok && x.VHost == t.vhost {
			names = append(names, x.Name)
		}
	}
	hint := "msgctl export lists the exchanges"
	if near := suggest.Nearest(why.Exchange, names); near != "" {
		hint = "did you mean --exchange " + shell.Quote(near) + "?"
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("exchange %q does not exist in vhost %q",
		why.Exchange, t.vhost),
		Advice: hint}
}

// nothing explains why there are no bindings.
func (t *tailing) nothing(p *tail.Bindings) error {
	text := fmt.Sprintf("vhost %q has no exchange to watch", t.vhost)
	switch names := listOf("exchange", "exchanges", p.Mirrored); {
	case len(p.Mirrored) > 0 && len(t.patterns) > 0:
		text = fmt.Sprintf("no binding of %s matches %s, so there is nothing to show", names,
			strings.Join(t.patterns, ", "))
	case len(p.Mirrored) > 0:
		text = fmt.Sprintf("nothing is bound to %s, so there is nothing to show", names)
	}
	hint := "declare one: msgctl apply; or watch a queue: msgctl tail --queue NAME"
	for name, why := range p.Skipped {
		text += fmt.Sprintf("; %s: %s", name, why)
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: errors.New(text), Advice: hint}
}

// sayBindings announces what is watched and what cannot be seen.
func (t *tailing) sayBindings(p *tail.Bindings) {
	pattern := ""
	if len(t.patterns) > 0 {
		pattern = " for " + strings.Join(t.patterns, ", ")
	}
	t.proc.Note(fmt.Sprintf("Watching %s in vhost %s%s; Ctrl-C ends.", listOf("exchange", "exchanges", p.Exchanges),
		t.vhost,
		pattern))
	if len(p.Mirrored) > 0 {
		t.proc.Note(fmt.Sprintf("Of %s, only messages that match the current bindings are shown.",
			strings.Join(p.Mirrored, ", ")))
	}
	for name, why := range p.Skipped {
		t.proc.Note(fmt.Sprintf("Exchange %s is not watched: %s.", name, why))
	}
}

func listOf(one, many string, names []string) string {
	if len(names) == 1 {
		return one + " " + names[0]
	}
	return many + " " + suggest.List(names)
}

func (t *tailing) openStream(ctx context.Context) (*tailSource, error) {
	offset := t.from.at(time.Now())
	src, err := t.subscribe(ctx, true, func(ctx context.Context, seen int64) (tail.Subscription, error) {
		if seen >= 0 {
			offset = seen + 1
		}
		return t.broker.Tails(t.vhost).Stream(ctx, t.stream, offset)
	})
	if err == nil {
		src.waited = true
		from := t.from.String()
		if t.from.ago > 0 {
			from += " ago"
		}
		t.proc.Note(fmt.Sprintf("Reading stream %s in vhost %s from %s; Ctrl-C ends.", t.stream, t.vhost, from))
		return src, nil
	}
	return nil, t.noStream(ctx, err)
}

// noStream says more about a stream that cannot be read, if the management API shows that it does
// not exist or is another queue. Otherwise it returns the error of the attempt.
func (t *tailing) noStream(ctx context.Context, err error) error {
	s := vhost.New(t.broker, t.vhost, cmdmsg.VHostOptions(t.proc, t.conn, nil))
	if errors.Is(err, topology.ErrNotPermitted) || ctx.Err() != nil || s.Read(ctx) != nil {
		return err
	}
	q, missing := s.Queue(t.stream)
	switch {
	case missing != nil:
		return cmdmsg.AdviseMissing(missing)
	case q.Type != topology.Stream:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err:    fmt.Errorf("queue %q is a %s queue: only streams can be read by offset", q.Name, q.Type),
			Advice: "msgctl tail --queue " + shell.Quote(q.Name)}
	}
	return err
}

const firehoseCost = `the broker publishes a copy of every message published and of every message delivered in the vhost: this at least doubles its work, and everyone who may read amq.rabbitmq.trace sees every body`

func (t *tailing) openFirehose(ctx context.Context) (*tailSource, error) {
	on, err := t.broker.Tracing(ctx, t.vhost)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil:
		t.proc.Warn(fmt.Sprintf("%v: if it is off, no message will be shown", err))
	case !on:
		return nil, &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err: fmt.Errorf("tracing is off in vhost %q; while it is on, %s",
				t.vhost, firehoseCost),
			Advice: fmt.Sprintf("on the broker's machine: rabbitmqctl trace_on -p %s\nand when you are done: "+
				"rabbitmqctl trace_off -p %s", shell.Quote(t.vhost), shell.Quote(t.vhost))}
	}
	src, err := t.tap(ctx, []tail.Bind{{Exchange: tail.TraceExchange, Key: "#"}})
	if err != nil {
		return nil, err
	}
	src.traced = true
	t.proc.Note(fmt.Sprintf("Watching all of vhost %s; Ctrl-C ends. While tracing is on, %s. Turn it off again: "+
		"rabbitmqctl "+
		"trace_off -p %s", t.vhost, firehoseCost, shell.Quote(t.vhost)))
	return src, nil
}
