package cmd

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// tracing makes spans if the environment asks for them; nil makes none. notify is told when they
// begin to be lost, and when they arrive again.
func (d *deps) tracing(conn *profile.Connection, notify func(error)) *tracing.Tracing {
	return tracing.New(tracing.Options{
		Env: func(name string) string {
			v, _ := d.env(name)
			return v
		},
		Version: d.build.Version, Host: conn.Host, Port: conn.Port, Warn: func(text string) { d.warn(text) }, Notify: notify,
	})
}

// endTracing sends the last spans. Their loss fails nothing.
func (d *deps) endTracing(t *tracing.Tracing) {
	if lost := t.Close(); lost != "" {
		d.warn(lost)
	}
}

// tellLoss logs that spans are lost, for as long as they are.
func tellLoss(log *slog.Logger) func(error) {
	return func(err error) {
		if err != nil {
			log.Warn("spans are lost: " + profile.Redact(err.Error()))
			return
		}
		log.Info("spans arrive again")
	}
}

// beginSpan begins the span of a message. key is nil where it is no template, story where there is
// no event.
type beginSpan func(to publish.Target, key *event.KeyTemplate, story *event.Metadata) *tracing.Send

func (r *publishRun) beginSpan(to publish.Target, key *event.KeyTemplate, story *event.Metadata) *tracing.Send {
	if r.traces == nil {
		return nil
	}
	template := ""
	if key != nil {
		if _, fixed := key.Fixed(); !fixed {
			template = key.String()
		}
	}
	return r.traces.BeginSend(to, template, story, r.props.table)
}

// endSpan ends the span of an item.
func endSpan(x bulk.Result) {
	s, ok := x.With.(*tracing.Send)
	if !ok {
		return
	}
	if x.Err == nil {
		s.End("", nil)
		return
	}
	s.End(string(x.Outcome), x.Err)
}

// sendError is the error.type of what became of one message, with the reason; "" when it is where
// it was to go.
func (r *publishRun) sendError(o publish.Outcome[struct{}], err error) (string, error) {
	switch {
	case err != nil && o.Kind != publish.Confirmed:
		return string(bulk.Unsent), err
	case o.Kind == publish.Confirmed, o.Kind == publish.Returned && (r.props.delay > 0 || r.props.unroutable):
		return "", nil
	case o.Kind == publish.Returned:
		return string(bulk.Returned), errors.New("it reached no queue")
	case o.Kind == publish.Nacked, o.Kind == publish.Refused:
		return string(bulk.Rejected), o.Err
	case o.Kind == publish.Unknown:
		return string(bulk.Unknown), o.Err
	}
	return string(bulk.Unsent), fmt.Errorf("it was not sent: %w", o.Err)
}

// copySpans makes a span of each message that is published again; nil without tracing.
func copySpans(t *tracing.Tracing) dlq.Sending {
	if t == nil {
		return nil
	}
	return func(to publish.Target, m *message.Message) func(dlq.Reason, string) {
		s := t.BeginCopy(to, m)
		return func(why dlq.Reason, detail string) { s.End(string(why), errors.New(detail)) }
	}
}
