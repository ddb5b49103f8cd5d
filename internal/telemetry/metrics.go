// Package telemetry is what a long-running msgctl tells about itself: metrics and health over HTTP,
// and logs.
package telemetry

import (
	"bufio"
	"io"
	"sync"
)

// Metrics are those of a consumer, written in the text format of Prometheus. They are safe for
// concurrent use.
//
// They are written by hand: client_golang, with the protocol buffers behind it, would slow down the
// start of every command by a fifth of a bare program's time (docs/decisions/0012-consumer.md).
type Metrics struct {
	// Published counts messages published and confirmed: retries and dead letters. Labels:
	// exchange, routing_key, event_type.
	Published *Family
	// Consumed counts attempts by what became of them. Labels: queue, event_type, status.
	Consumed *Family
	// Failed counts attempts that failed, by the type of the error. Labels: queue, event_type,
	// error.
	Failed *Family
	// Retries counts messages that went up the retry ladder by a step. Labels: queue, event_type.
	Retries *Family
	// Duration is how long the handler took, in seconds. Labels: queue, event_type.
	Duration *Family
	// InFlight is how many messages are being handled. Label: queue.
	InFlight *Family
	// Reconnects counts connections that were lost and restored. Label: queue.
	Reconnects *Family
}

// NewMetrics returns metrics without values.
func NewMetrics() *Metrics {
	return &Metrics{
		Published: newFamily("messages_published_total", counter,
			"Messages published and confirmed: retries and dead letters.", "exchange", "routing_key", "event_type"),
		Consumed: newFamily("messages_consumed_total", counter, "Attempts to handle a message, by what became of them.",
			"queue", "event_type", "status"),
		Failed: newFamily("messages_failed_total", counter, "Attempts that failed, by the type of the error.", "queue",
			"event_type", "error"),
		Retries: newFamily("messages_retried_total", counter, "Messages that went up the retry ladder by a step.", "queue",
			"event_type"),
		Duration: newFamily("message_processing_duration_seconds", histogram, "How long the handler took.", "queue",
			"event_type"),
		InFlight: newFamily("messages_in_flight", gauge, "Messages that are being handled.", "queue"),
		Reconnects: newFamily("broker_reconnects_total", counter, "Connections to the broker that were lost and restored.",
			"queue"),
	}
}

// Families are all of them, in the order in which they are written.
func (m *Metrics) Families() []*Family {
	return []*Family{m.Published, m.Consumed, m.Failed, m.Retries, m.Duration, m.InFlight, m.Reconnects}
}

// Write writes all metrics as Prometheus reads them.
func (m *Metrics) Write(to io.Writer) error { return Write(to, m.Families()...) }

// Write writes metrics as Prometheus reads them.
func Write(to io.Writer, families ...*Family) error {
	w := bufio.NewWriter(to)
	for _, f := range families {
		f.write(w)
	}
	return w.Flush()
}

// Labels bounds how many values of a label there are: messages come from outside, and each value is
// a time series for ever.
type Labels struct {
	Most int

	mu   sync.RWMutex
	seen map[string]bool
}

// Other stands for the values beyond the bound.
const Other = "other"

// Value returns v, or Other when there are too many already.
func (l *Labels) Value(v string) string {
	l.mu.RLock()
	known := l.seen[v]
	l.mu.RUnlock()
	if known {
		return v
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.seen) >= l.Most && !l.seen[v] {
		return Other
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[v] = true
	return v
}
