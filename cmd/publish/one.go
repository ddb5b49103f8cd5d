package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
	"github.com/msgctl/msgctl/pkg/publish/compose"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// makeOne creates the message of one payload, and shows its violations if it is invalid.
func (r *publishing) makeOne(from given) (compose.Message, error) {
	id, err := event.NewID()
	if err != nil {
		return compose.Message{}, err
	}
	m, err := r.composer.Compose(from.text, cmp.Or(r.props.id, id), time.Now())
	var invalid *compose.InvalidError
	if errors.As(err, &invalid) {
		return m, showInvalid(r.proc, invalid, from.name, "nothing was sent")
	}
	if err == nil && m.Event != nil && r.props.id != "" {
		m.Event.EventID = r.props.id
	}
	return m, err
}

// showInvalid lists the violations on stderr and returns the error that ends the command.
func showInvalid(d *cmdutil.Process, e *compose.InvalidError, file, consequence string) error {
	for _, p := range cmdmsg.Located(e.Text, e.Violations) {
		at := ""
		if file != "" {
			at = fmt.Sprintf("%s:%d:%d: ", file, p.Line, p.Column)
		}
		d.Say("%s", at+p.String())
	}
	what := "the payload"
	if e.Type != "" {
		what += " of " + e.Type
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("%s is not valid: %s, %s", what,
		terminal.FormatPlural(int64(len(e.Violations)), "violation", "violations"), consequence)}
}

// one publishes one event and waits for its outcome.
func (r *publishing) one(ctx context.Context, from given) error {
	m, err := r.makeOne(from)
	if err != nil {
		return err
	}
	b, err := r.publishOptions.open(ctx, r.conn, "publish")
	if err != nil {
		return err
	}
	defer b.Close()
	start := time.Now()
	outcome, err := r.send(ctx, b, m)
	if span, ok := m.Span.(*tracing.Send); ok {
		span.End(r.sendError(outcome, err))
	}
	if err != nil {
		return err
	}
	switch {
	case outcome.Kind == publish.Returned && (r.props.delay > 0 || r.props.unroutable):
		// the plugin returns messages that it delays
	case outcome.Kind == publish.Returned:
		return r.unroutable(ctx, b, m)
	case outcome.Kind == publish.Unknown:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("publish to %s: %w", m.Target, outcome.Err),
			Advice: "to publish it again: --id " + shell.Quote(m.Message.MessageID) +
				", so that consumers can detect the duplicate"}
	case outcome.Kind == publish.Refused:
		return r.refused(ctx, b, m, outcome.Err)
	case outcome.Kind != publish.Confirmed:
		return fmt.Errorf("publish to %s: %s: %w", m.Target, outcome.Kind, outcome.Err)
	}
	doc := events.NewPublishedDocument(r.vhost, m.Target, m.Message, m.Event, time.Since(start))
	switch {
	case outcome.Kind == publish.Confirmed && r.props.delay > 0:
		r.proc.Warn("the message was not delayed: the exchange routed it immediately")
	case outcome.Kind == publish.Confirmed:
	case r.props.delay > 0:
		doc.Outcome, doc.DelayMS = string(bulk.Delayed), r.props.delay.Milliseconds()
	default:
		doc.Outcome = string(bulk.Unrouted)
	}
	if done, err := r.output.Encode(r.proc.Streams.Out, doc); done {
		return err
	}
	return events.PublishedText(r.proc.Streams.Out, doc, r.proc.Streams.OutStyler(r.proc.Colour))
}

// send publishes one message. The broker must confirm it within the connection's timeout.
func (r *publishing) send(ctx context.Context, b Broker, m compose.Message) (publish.Outcome[struct{}], error) {
	outcome := publish.Outcome[struct{}]{Kind: publish.Unknown}
	options := r.publisherOptions(1)
	options.ConfirmTimeout = -1 // closing ends earlier, and says what it means
	notify := options.Notify
	options.Notify = func(n publish.Notice) {
		if !isRefusal(n.Err) { // this is the outcome, and is reported as such
			notify(n)
		}
	}
	p, err := publish.Open(ctx, b.Dialer(r.vhost), options, func(o []publish.Outcome[struct{}]) { outcome = o[0] })
	if err != nil {
		return outcome, err
	}
	closing := ctx
	if r.conn.Timeout > 0 {
		var cancel context.CancelFunc
		closing, cancel = context.WithTimeout(ctx, r.conn.Timeout)
		defer cancel()
	}
	err = p.Publish(closing, m.Target, m.Message, struct{}{})
	if closeErr := p.Close(closing); err == nil && errors.Is(closeErr, context.DeadlineExceeded) {
		outcome.Err = errNoConfirm
	}
	if ctx.Err() != nil {
		return outcome, ctx.Err()
	}
	return outcome, err
}

var errNoConfirm = errors.New("no confirm from the broker within --timeout: the message may or may not have arrived")

func (r *publishing) publisherOptions(window int) publish.PublisherOptions {
	return publish.PublisherOptions{Window: window, Republish: true, ReconnectDelay: r.conn.ReconnectDelay,
		ReconnectAttempts: cmdmsg.ReconnectAttempts(r.conn), ConfirmTimeout: cmdmsg.ConfirmTimeout(r.conn),
		Notify: func(n publish.Notice) { r.proc.Warn(noticeText(n)) }}
}

// noticeText describes what happened to the connection.
func noticeText(n publish.Notice) string {
	switch n.Kind {
	case publish.NoticeBlocked:
		return fmt.Sprintf("paused: %v", n.Err)
	case publish.NoticeUnblocked:
		return "resumed: the broker accepts messages again"
	case publish.NoticeLost:
		if isRefusal(n.Err) {
			return fmt.Sprintf("the broker closed the channel: %v", n.Err)
		}
		return fmt.Sprintf("connection lost: %v", n.Err)
	case publish.NoticeRetry:
		return fmt.Sprintf("reconnecting in %s (attempt %d): %v", n.Wait, n.Attempt, n.Err)
	case publish.NoticeRestored:
		return "reconnected; sending unconfirmed messages again"
	}
	return ""
}

// isRefusal reports whether the broker closed the channel because of what was published on it.
func isRefusal(err error) bool {
	var refusal *publish.Refusal
	return errors.As(err, &refusal)
}

// refused explains why the broker refuses a message. If the exchange does not exist, it suggests
// the likely name.
func (r *publishing) refused(ctx context.Context, b Broker, m compose.Message, why error) error {
	err := fmt.Errorf("publish to %s: refused: %w", m.Target, why)
	live, readErr := b.Everything(ctx, []string{r.vhost})
	ref := topology.Ref{Kind: topology.KindExchange, VHost: r.vhost, Name: m.Target.Exchange}
	if readErr != nil || m.Target.Exchange == "" || capability.PredeclaredType(ref.Name) != "" || live.Has(ref) {
		return err
	}
	if r.declared != nil && r.declared.State.Has(ref) {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: "the topology file declares it: msgctl apply"}
	}
	var names []string
	for _, o := range live.Objects() {
		if x, ok := o.(*topology.Exchange); ok && x.VHost == r.vhost {
			names = append(names, x.Name)
		}
	}
	if near := suggest.Nearest(ref.Name, names); near != "" {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: "did you mean exchange " + shell.Quote(near) +
			"?"}
	}
	return err
}

// maxBindingsShown limits how many bindings the error about an unroutable event lists.
const maxBindingsShown = 10

// unroutable explains why a message reached no queue: the bindings, and the nearest key.
func (r *publishing) unroutable(ctx context.Context, b Broker, m compose.Message) error {
	what := "the message"
	if m.Event != nil {
		what = "event " + m.Event.EventType
	}
	state, version, origin := (*topology.State)(nil), "", ""
	if live, err := b.Everything(ctx, []string{r.vhost}); err == nil {
		state, version = &live.State, live.Server.Version
	} else if r.declared != nil {
		state, origin = r.declared.State, " by the topology file (the broker's bindings cannot be read)"
	}
	err := fmt.Errorf("%s reached no queue and was dropped: no binding matches %s", what, m.Target)
	if state == nil {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: "declare a queue and a binding for it"}
	}
	n := route.New(state, r.vhost, version)
	lines := []string{bindingsOf(n, m.Target, origin)}
	if m.Target.Exchange == "" {
		lines = nil
	}
	if near := suggest.Nearest(m.Target.Key, keysFrom(n, m.Target.Exchange)); near != "" && near != m.Target.Key {
		lines = append(lines, fmt.Sprintf("the nearest key is %s", near))
	}
	if hint := r.wouldRoute(m.Target); hint != "" {
		lines = append(lines, hint)
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: strings.Join(lines, "\n")}
}

// bindingsOf lists the bindings of an exchange.
func bindingsOf(n *route.Network, t publish.Target, origin string) string {
	kind, _ := n.ExchangeType(t.Exchange)
	bindings := n.From(t.Exchange)
	if len(bindings) == 0 {
		return fmt.Sprintf("exchange %s (%s) has no bindings%s", t.Exchange, kind, origin)
	}
	text := fmt.Sprintf("exchange %s (%s) has these bindings%s:", t.Exchange, kind, origin)
	for i, b := range bindings {
		if i == maxBindingsShown {
			return text + fmt.Sprintf("\n  and %d more", len(bindings)-i)
		}
		text += fmt.Sprintf("\n  %q → %s %s", b.RoutingKey, b.DestinationType, b.Destination)
	}
	return text
}

func keysFrom(n *route.Network, exchange string) []string {
	if exchange == "" {
		return n.QueueNames()
	}
	var keys []string
	for _, b := range n.From(exchange) {
		keys = append(keys, b.RoutingKey)
	}
	return keys
}

// wouldRoute reports whether the topology file routes the message although the broker does not.
func (r *publishing) wouldRoute(t publish.Target) string {
	if r.declared == nil {
		return ""
	}
	trace := route.New(r.declared.State, r.vhost, "").Route(route.Publication{Exchange: t.Exchange, Key: t.Key})
	if queues := trace.Sure(); len(queues) > 0 {
		return fmt.Sprintf("the topology file routes it to %s: run msgctl apply", strings.Join(queues, ", "))
	}
	return ""
}
