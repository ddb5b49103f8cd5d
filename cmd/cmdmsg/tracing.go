package cmdmsg

import (
	"errors"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// NewTracing creates the tracing that the environment asks for, or returns nil. It calls notify
// when spans begin to be lost, and when they are exported again.
func NewTracing(d *cmdutil.Process, conn *profile.Connection, notify func(error)) *tracing.Tracing {
	return tracing.New(tracing.Options{
		Env: func(name string) string {
			v, _ := d.Env(name)
			return v
		},
		Version: d.Build.Version, Host: conn.Host, Port: conn.Port, Warn: func(text string) { d.Warn(text) }, Notify: notify,
	})
}

// EndTracing exports the last spans. Losing them is not an error.
func EndTracing(d *cmdutil.Process, t *tracing.Tracing) {
	if lost := t.Close(); lost != "" {
		d.Warn(lost)
	}
}

// CopySpans creates a span for each message that is published again; it returns nil without
// tracing.
func CopySpans(t *tracing.Tracing) replay.Sending {
	if t == nil {
		return nil
	}
	return func(to publish.Target, m *message.Message) func(replay.Reason, string) {
		s := t.BeginCopy(to, m)
		return func(why replay.Reason, detail string) { s.End(string(why), errors.New(detail)) }
	}
}
