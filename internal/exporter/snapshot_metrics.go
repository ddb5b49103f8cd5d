package exporter

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Names of the metrics that alerts and dashboards ask for.
const (
	Up               = "msgctl_up"
	VHostUp          = "msgctl_vhost_up"
	QueueReady       = "msgctl_queue_messages_ready"
	QueueReadyBytes  = "msgctl_queue_messages_ready_bytes"
	QueueConsumers   = "msgctl_queue_consumers"
	DLQReady         = "msgctl_dlq_messages_ready"
	DLQOldest        = "msgctl_dlq_oldest_message_timestamp_seconds"
	DLQDeaths        = "msgctl_dlq_sampled_deaths"
	DLQSampleSize    = "msgctl_dlq_sampled_messages"
	DLQSampled       = "msgctl_dlq_sample_timestamp_seconds"
	LosesDeadLetters = "msgctl_queue_loses_dead_letters"
	Drift            = "msgctl_drift"
	DriftObjects     = "msgctl_drift_objects"
	LintFindings     = "msgctl_lint_findings"
	Duration         = "msgctl_collection_duration_seconds"
	LastSuccess      = "msgctl_last_success_timestamp_seconds"
	Collections      = "msgctl_collections_total"
	CollectionErrors = "msgctl_collection_errors_total"
)

// MaxQueues is how many queues, and how many dead-letter queues, have time series of their own; the
// others are summed up under the name Other.
const MaxQueues = 5000

// snapshotMetrics are the metrics of one snapshot.
type snapshotMetrics struct {
	queueReady, queueUnacked, queueBytes, queueConsumers *prometheus.GaugeVec
	dlqReady, dlqUnacked, dlqConsumers                   *prometheus.GaugeVec
	oldest, deaths, sampledMessages, sampledAt, refused  *prometheus.GaugeVec
	losing, drift, driftObjects, findings                *prometheus.GaugeVec
}

func newGauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func newSnapshotMetrics() *snapshotMetrics {
	g := newGauge
	return &snapshotMetrics{
		queueReady: g(QueueReady, "Messages of a declared queue that wait for a consumer.", "vhost", "queue"),
		queueUnacked: g("msgctl_queue_messages_unacked", "Messages of a declared queue that consumers hold.", "vhost",
			"queue"),
		queueBytes: g(QueueReadyBytes, "Bytes of the ready messages of a declared queue that has a limit in bytes.",
			"vhost", "queue"),
		queueConsumers: g(QueueConsumers, "Consumers of a declared queue.", "vhost", "queue"),
		dlqReady:       g(DLQReady, "Messages that wait in a dead-letter queue.", "vhost", "queue"),
		dlqUnacked: g("msgctl_dlq_messages_unacked", "Messages of a dead-letter queue that consumers hold.", "vhost",
			"queue"),
		dlqConsumers: g("msgctl_dlq_consumers", "Consumers of a dead-letter queue.", "vhost", "queue"),
		oldest: g(DLQOldest, "When the first message of a dead-letter queue died, as the last look found it.",
			"vhost", "queue"),
		deaths: g(DLQDeaths, "Messages of the last sample by why and where they died; not a count of the queue.",
			"vhost", "queue", "reason", "source_queue"),
		sampledMessages: g(DLQSampleSize, "How many messages the last sample of a dead-letter queue has.", "vhost", "queue"),
		sampledAt:       g(DLQSampled, "When the last sample of a dead-letter queue was taken.", "vhost", "queue"),
		refused: g("msgctl_dlq_sampling_refused",
			"1 for a dead-letter queue that is not sampled, because browsing could do harm or failed.", "vhost", "queue"),
		losing: g(LosesDeadLetters, "1 for a queue whose dead letters, or some, reach no queue: they are lost.",
			"vhost", "queue", "certainty"),
		drift: g(Drift, "1 where the broker is not as the topology file says.", "vhost"),
		driftObjects: g(DriftObjects, "Objects that differ from the topology file, by what apply --prune would do.",
			"vhost", "action"),
		findings: g(LintFindings, "Findings of lint --live.", "vhost", "severity", "rule"),
	}
}

func (f *snapshotMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		f.queueReady, f.queueUnacked, f.queueBytes, f.queueConsumers, f.dlqReady, f.dlqUnacked, f.dlqConsumers,
		f.oldest, f.deaths, f.sampledMessages, f.sampledAt, f.refused, f.losing, f.drift, f.driftObjects, f.findings,
	}
}

// registry returns a registry with the values of a snapshot.
func (f *snapshotMetrics) registry(s *Snapshot) *prometheus.Registry {
	f.fill(s)
	r := prometheus.NewRegistry()
	r.MustRegister(f.collectors()...)
	return r
}

// set and add take label values that need not be valid UTF-8: names of queues are any bytes.
func set(g *prometheus.GaugeVec, v float64, labels ...string) {
	g.WithLabelValues(valid(labels)...).Set(v)
}

func add(g *prometheus.GaugeVec, v int64, labels ...string) {
	g.WithLabelValues(valid(labels)...).Add(float64(v))
}

func valid(labels []string) []string {
	for i, v := range labels {
		labels[i] = telemetry.ValidLabel(v)
	}
	return labels
}

func (f *snapshotMetrics) fill(s *Snapshot) {
	for i, q := range byName(s.Queues) {
		f.addQueue(q, i < MaxQueues)
	}
	for i, q := range byName(s.DeadLetters) {
		f.addDeadLetters(q, i < MaxQueues)
	}
	for _, l := range s.Losing {
		certainty := "possibly"
		if l.Certain {
			certainty = "surely"
		}
		set(f.losing, 1, l.VHost, l.Queue, certainty)
	}
	for vhost, steps := range s.Drift {
		differs := 0.0
		for _, action := range []plan.Action{plan.Create, plan.Update, plan.Replace, plan.Delete} {
			set(f.driftObjects, float64(steps[action]), vhost, string(action))
			if steps[action] > 0 {
				differs = 1
			}
		}
		set(f.drift, differs, vhost)
	}
	for k, n := range s.Findings {
		set(f.findings, float64(n), k.VHost, k.Severity, k.Rule)
	}
}

func byName(list []Queue) []Queue {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Queue) int {
		return cmp.Or(cmp.Compare(a.VHost, b.VHost),
			cmp.Compare(a.Name, b.Name))
	})
	return list
}

// addQueue adds a queue, alone or to the sum of those without time series of their own.
func (f *snapshotMetrics) addQueue(q Queue, alone bool) {
	if !alone {
		q.Name = Other
	}
	add(f.queueConsumers, q.Consumers, q.VHost, q.Name)
	if q.ReadyBytes >= 0 {
		add(f.queueBytes, q.ReadyBytes, q.VHost, q.Name)
	}
	if q.Known {
		add(f.queueReady, q.Ready, q.VHost, q.Name)
		add(f.queueUnacked, q.Unacked, q.VHost, q.Name)
	}
}

func (f *snapshotMetrics) addDeadLetters(q Queue, alone bool) {
	if !alone {
		q.Name, q.Sample = Other, nil
	}
	add(f.dlqConsumers, q.Consumers, q.VHost, q.Name)
	if q.Known {
		add(f.dlqReady, q.Ready, q.VHost, q.Name)
		add(f.dlqUnacked, q.Unacked, q.VHost, q.Name)
	}
	s := q.Sample
	if s == nil {
		return
	}
	set(f.sampledAt, seconds(s.At), q.VHost, q.Name)
	if s.Refused {
		set(f.refused, 1, q.VHost, q.Name)
		return
	}
	set(f.sampledMessages, float64(s.Messages), q.VHost, q.Name)
	if !s.Oldest.IsZero() {
		set(f.oldest, seconds(s.Oldest), q.VHost, q.Name)
	}
	for d, n := range s.Deaths {
		set(f.deaths, float64(n), q.VHost, q.Name, d.Reason, d.Queue)
	}
}
