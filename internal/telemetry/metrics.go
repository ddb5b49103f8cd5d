package telemetry

import (
	"io"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/terminal"
)

// buckets of histograms, in seconds: from half a millisecond to two minutes.
var buckets = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120}

// ConsumerMetrics are those of msgctl consume, in a registry of their own. They are safe for
// concurrent use. Values of labels must be valid UTF-8 and few: see BoundedLabel.
type ConsumerMetrics struct {
	*prometheus.Registry
	// Published counts messages published and confirmed: retries and dead letters. Labels:
	// exchange, routing_key, event_type.
	Published *prometheus.CounterVec
	// Consumed counts attempts by what became of them. Labels: event_type, status.
	Consumed *prometheus.CounterVec
	// Failed counts attempts that failed, by the type of the error. Labels: event_type, error.
	Failed *prometheus.CounterVec
	// Retries counts messages that were scheduled for a retry. Label: event_type.
	Retries *prometheus.CounterVec
	// Duration is how long the handler took, in seconds. Label: event_type.
	Duration prometheus.ObserverVec
	// InFlight is how many messages are being handled.
	InFlight prometheus.Gauge
	// Reconnects counts connections that were lost and restored.
	Reconnects prometheus.Counter
}

// NewConsumerMetrics returns the metrics of a consumer of one queue, whose name is the label queue
// of all but Published.
func NewConsumerMetrics(queue string) *ConsumerMetrics {
	v := newConsumerVectors()
	of := prometheus.Labels{"queue": ValidLabel(queue)}
	m := &ConsumerMetrics{
		Registry: prometheus.NewRegistry(), Published: v.published, Consumed: v.consumed.MustCurryWith(of),
		Failed: v.failed.MustCurryWith(of), Retries: v.retries.MustCurryWith(of),
		Duration: v.duration.MustCurryWith(of), InFlight: v.inFlight.With(of), Reconnects: v.reconnects.With(of),
	}
	m.MustRegister(v.collectors()...)
	return m
}

// consumerVectors are the metrics with all their labels.
type consumerVectors struct {
	published, consumed, failed, retries, reconnects *prometheus.CounterVec
	duration                                         *prometheus.HistogramVec
	inFlight                                         *prometheus.GaugeVec
}

func newConsumerVectors() *consumerVectors {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &consumerVectors{
		published: counter("messages_published_total", "Messages published and confirmed: retries and dead letters.",
			"exchange", "routing_key", "event_type"),
		consumed: counter("messages_consumed_total", "Attempts to handle a message, by what became of them.",
			"queue", "event_type", "status"),
		failed: counter("messages_failed_total", "Attempts that failed, by the type of the error.", "queue", "event_type",
			"error"),
		retries: counter("messages_retried_total", "Messages that were scheduled for a retry.", "queue",
			"event_type"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "message_processing_duration_seconds",
			Help: "How long the handler took.", Buckets: buckets}, []string{"queue", "event_type"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "messages_in_flight",
			Help: "Messages that are being handled."}, []string{"queue"}),
		reconnects: counter("broker_reconnects_total", "Connections to the broker that were lost and restored.", "queue"),
	}
}

func (v *consumerVectors) collectors() []prometheus.Collector {
	return []prometheus.Collector{v.published, v.consumed, v.failed, v.retries, v.duration, v.inFlight, v.reconnects}
}

// WriteText writes metrics in the text format of Prometheus.
func WriteText(w io.Writer, from prometheus.Gatherer) error {
	families, err := from.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

// ValidLabel makes a label's value of any bytes: names in AMQP need not be valid UTF-8, and may hold
// control characters, which become visible. Newlines stay: the text format escapes them.
func ValidLabel(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsFunc(s, obeyed) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if obeyed(r) {
			b.WriteString(terminal.Neutralise(string(r)))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func obeyed(r rune) bool { return r < 0x20 && r != '\n' || jsonline.Escaped(r) }

// BoundedLabel bounds how many values of a label there are: messages come from outside, and each
// value is a time series forever.
type BoundedLabel struct {
	Limit int

	mu    sync.RWMutex
	known map[string]string // to the valid one
}

// Other stands for the values over the limit.
const Other = "other"

// Value returns v as a valid label, or Other when there are too many values already.
func (l *BoundedLabel) Value(v string) string {
	l.mu.RLock()
	valid, ok := l.known[v]
	l.mu.RUnlock()
	if ok {
		return valid
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if valid, ok = l.known[v]; ok {
		return valid
	}
	if len(l.known) >= l.Limit {
		return Other
	}
	if l.known == nil {
		l.known = map[string]string{}
	}
	l.known[v] = ValidLabel(v)
	return l.known[v]
}
