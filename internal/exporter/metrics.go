package exporter

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// The stages in which a collection can fail: the label of msgctl_collection_errors_total.
const (
	StageBroker = "broker" // nothing could be read
	StageVHost  = "vhost"  // one vhost could not be read
	StageFile   = "file"   // the topology file has errors
	StageSample = "sample" // a queue could not be sampled
)

// Metrics are the result of the last collection, and the exporter's own health. They are safe for
// concurrent use.
//
// When a collection fails, everything but the health is dropped: a value that was true once would
// be taken for one that is true now.
type Metrics struct {
	registry *prometheus.Registry // of the health
	health   *healthMetrics

	mu       sync.RWMutex
	notReady error
	known    []string // the vhosts of msgctl_vhost_up
	snapshot *prometheus.Registry
}

// healthMetrics are about the exporter itself.
type healthMetrics struct {
	up, duration, lastSuccess prometheus.Gauge
	vhostUp                   *prometheus.GaugeVec
	collections               prometheus.Counter
	errors                    *prometheus.CounterVec
}

func newHealthMetrics() *healthMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	return &healthMetrics{
		up:          gauge(Up, "1 when the last collection from the broker succeeded."),
		vhostUp:     newGauge(VHostUp, "1 when the last collection could read the vhost.", "vhost"),
		duration:    gauge(Duration, "How long the last collection took."),
		lastSuccess: gauge(LastSuccess, "When the last collection succeeded; 0 for never."),
		collections: prometheus.NewCounter(prometheus.CounterOpts{Name: Collections,
			Help: "Collections, those that failed included."}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: CollectionErrors,
			Help: "Collections, or parts of them, that failed."}, []string{"stage"}),
	}
}

func (h *healthMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{h.up, h.vhostUp, h.duration, h.lastSuccess, h.collections, h.errors}
}

// NewMetrics returns the metrics before the first collection of some vhosts.
func NewMetrics(vhosts []string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), health: newHealthMetrics(),
		notReady: errors.New("nothing was collected yet"), snapshot: prometheus.NewRegistry()}
	m.registry.MustRegister(m.health.collectors()...)
	m.known = vhosts
	m.vhosts(vhosts, 0)
	for _, stage := range []string{StageBroker, StageVHost, StageFile, StageSample} {
		m.health.errors.WithLabelValues(stage)
	}
	return m
}

func (m *Metrics) vhosts(names []string, up float64) {
	for _, name := range names {
		set(m.health.vhostUp, up, name)
	}
}

// Succeeded replaces the result of the collection before.
func (m *Metrics) Succeeded(s *Snapshot, at time.Time, took time.Duration) {
	registry := newSnapshotMetrics().registry(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = slices.Concat(s.Open, s.Closed)
	m.health.vhostUp.Reset()
	m.vhosts(s.Closed, 0)
	m.vhosts(s.Open, 1)
	m.health.up.Set(1)
	m.health.lastSuccess.Set(seconds(at))
	m.health.duration.Set(took.Seconds())
	m.health.collections.Inc()
	m.snapshot, m.notReady = registry, nil
}

// Failed drops the result of the collection before.
func (m *Metrics) Failed(err error, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.vhosts(m.known, 0)
	m.health.up.Set(0)
	m.health.duration.Set(took.Seconds())
	m.health.collections.Inc()
	m.health.errors.WithLabelValues(StageBroker).Inc()
	m.snapshot, m.notReady = prometheus.NewRegistry(), err
}

// CountError counts an error that hides only a part.
func (m *Metrics) CountError(stage string) { m.health.errors.WithLabelValues(stage).Inc() }

// Ready returns why there is no result, nil when there is one.
func (m *Metrics) Ready() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.notReady
}

// Gather implements prometheus.Gatherer.
func (m *Metrics) Gather() ([]*dto.MetricFamily, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return prometheus.Gatherers{m.registry, m.snapshot}.Gather()
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
