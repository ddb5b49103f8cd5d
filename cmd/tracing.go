package cmd

import (
	"errors"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
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
