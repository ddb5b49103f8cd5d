package consume

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/runner"
)

// knownTypes are the event types of the topology file.
func (c *consuming) knownTypes() []string {
	if c.known == nil {
		return nil
	}
	return c.known.Catalogue.Names()
}

// Bounds on the number of time series.
const (
	maxTypes  = 200
	maxKeys   = 200
	maxErrors = 50
)

// consumeWatch logs and measures a run.
type consumeWatch struct {
	log     *slog.Logger
	queue   string
	metrics *telemetry.ConsumerMetrics
	types   telemetry.BoundedLabel
	keys    telemetry.BoundedLabel
	errors  telemetry.BoundedLabel
	traces  *tracing.Tracing // nil without
	shown   *shownProgress
	// connected is called once the queue is being consumed, before the first message is handled.
	connected func()

	mu       sync.Mutex
	receives connectionState
	sends    connectionState // of retries and dead letters
}

// connectionState is the state of one connection.
type connectionState struct {
	notReady error
	lost     bool
}

var _ runner.Observer = (*consumeWatch)(nil)

func newConsumeWatch(log *slog.Logger, queue string, types []string, shown *shownProgress) *consumeWatch {
	w := &consumeWatch{
		log: log, shown: shown, queue: queue, metrics: telemetry.NewConsumerMetrics(queue),
		types: telemetry.BoundedLabel{Limit: max(maxTypes, len(types)+1)},
		keys:  telemetry.BoundedLabel{Limit: maxKeys}, errors: telemetry.BoundedLabel{Limit: maxErrors},
		receives: connectionState{notReady: errors.New("not connected yet")},
	}
	for _, t := range types {
		w.types.Value(t)
	}
	return w
}

// ready returns why no messages can be handled now, or nil if they can.
func (w *consumeWatch) ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.receives.notReady, w.sends.notReady)
}

// Begin implements runner.Observer.
func (w *consumeWatch) Begin(a *handle.Attempt) any {
	w.metrics.InFlight.Inc()
	w.shown.begin()
	if w.traces == nil {
		return nil
	}
	p := w.traces.BeginProcess(tracing.Delivery{Message: a.Message, Queue: w.queue, Tag: a.Tag, Attempt: a.Number,
		Type: a.Type})
	a.Trace = handle.Trace(p.Context())
	return p
}

// endProcess ends the span of an attempt.
func endProcess(e *runner.End) {
	p, ok := e.Begun.(*tracing.Process)
	if !ok {
		return
	}
	v := tracing.AttemptResult{Outcome: string(e.Outcome), Handler: e.Attempt.By, Wait: e.Wait,
		Retried: e.Outcome == runner.Retried,
		Dead:    e.Outcome == runner.DeadLettered}
	v.Failed = v.Retried || v.Dead || e.Outcome == runner.Dropped
	if e.Failure != nil {
		v.ErrorType, v.Error = e.Failure.Type, redact.Text(e.Failure.Message)
	}
	if e.Target != nil {
		v.To = e.Target.String()
	}
	p.End(v)
}

// End implements runner.Observer.
func (w *consumeWatch) End(e runner.End) {
	typ := w.types.Value(e.Attempt.Type)
	m := w.metrics
	m.Consumed.WithLabelValues(typ, string(e.Outcome)).Inc()
	if e.Outcome != runner.Duplicate {
		m.InFlight.Dec()
		m.Duration.WithLabelValues(typ).Observe(e.Took.Seconds())
	}
	if e.Failure != nil && e.Outcome != runner.Returned {
		m.Failed.WithLabelValues(typ, w.errors.Value(e.Failure.Type)).Inc()
	}
	if e.Outcome == runner.Retried {
		m.Retries.WithLabelValues(typ).Inc()
	}
	if e.Target != nil {
		m.Published.WithLabelValues(telemetry.ValidLabel(e.Target.Exchange), w.keys.Value(e.Target.Key), typ).Inc()
	}
	endProcess(&e)
	w.shown.count(e.Outcome)
	w.logEnd(&e)
}

func (w *consumeWatch) logEnd(e *runner.End) {
	level, text := slog.LevelDebug, string(e.Outcome)
	switch e.Outcome {
	case runner.Retried, runner.Returned:
		level = slog.LevelWarn
	case runner.DeadLettered, runner.Dropped:
		level = slog.LevelError
	}
	ctx := context.Background()
	if !w.log.Enabled(ctx, level) {
		return
	}
	m := e.Attempt.Message
	attrs := []slog.Attr{slog.String("queue", w.queue), slog.String("message_id", m.MessageID),
		slog.Int("attempt", e.Attempt.Number)}
	optional := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	optional("event_type", e.Attempt.Type)
	optional("routing_key", m.RoutingKey)
	optional("correlation_id", m.CorrelationID)
	p, _ := e.Begun.(*tracing.Process)
	trace, span := p.IDs()
	if trace == "" {
		trace, span = traceOf(m.Headers.Text("traceparent"))
	}
	optional("trace_id", trace)
	optional("span_id", span)
	if e.Failure != nil {
		optional("error", e.Failure.Type)
		optional("detail", redact.Text(e.Failure.Message))
	}
	if e.Outcome == runner.Retried {
		optional("again_in", e.Wait.String())
	}
	if e.Target != nil {
		optional("to", e.Target.String())
	}
	attrs = append(attrs, slog.String("took", e.Took.Round(time.Microsecond).String()))
	w.log.LogAttrs(ctx, level, text, attrs...)
}

// traceOf returns the value of a W3C Trace Context header.
func traceOf(header string) (trace, span string) {
	parts := strings.Split(header, "-")
	if len(parts) < 4 || len(parts[1]) != 32 || len(parts[2]) != 16 {
		return "", ""
	}
	return parts[1], parts[2]
}

// Notice implements runner.Observer.
func (w *consumeWatch) Notice(n runner.Notice) {
	level := slog.LevelInfo
	w.mu.Lock()
	state := &w.receives
	if n.Publishing {
		state = &w.sends
	}
	switch n.Kind {
	case runner.NoticeConnected:
		if !n.Publishing {
			w.connected()
			w.shown.start()
		}
		if state.lost {
			w.metrics.Reconnects.Inc()
		}
		*state = connectionState{}
	case runner.NoticeReconnecting:
		level, *state = slog.LevelWarn, connectionState{notReady: errors.New(n.Text), lost: true}
	case runner.NoticePaused:
		level, state.notReady = slog.LevelWarn, errors.New(n.Text)
	case runner.NoticeStuck, runner.NoticeUndelivered:
		level = slog.LevelWarn
	case runner.NoticeTooLarge:
		level = slog.LevelWarn
		n.Text += " (--max-message-size SIZE reads larger messages)"
	case runner.NoticeResumed:
		state.notReady = nil
	case runner.NoticeDraining:
		w.receives.notReady = errors.New(n.Text)
	}
	w.mu.Unlock()
	w.log.Log(context.Background(), level, redact.Text(n.Text), "queue", w.queue)
}

// tellLoss logs that spans are lost, for as long as they are.
func tellLoss(log *slog.Logger) func(error) {
	return func(err error) {
		if err != nil {
			log.Warn("spans are not exported: " + redact.Text(err.Error()))
			return
		}
		log.Info("spans are exported again")
	}
}
