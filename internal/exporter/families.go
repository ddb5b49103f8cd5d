package exporter

import (
	"cmp"
	"slices"

	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/pkg/topology"
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
// others are summed up.
const MaxQueues = 5000

// families are the metrics of one snapshot.
type families struct {
	queueReady, queueUnacked, queueBytes, queueConsumers            *telemetry.Family
	dlqReady, dlqUnacked, dlqConsumers, oldest, deaths, size, taken *telemetry.Family
	refused, losing, drift, driftObjects, findings                  *telemetry.Family
}

func newFamilies() *families {
	g := telemetry.NewGauge
	return &families{
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
		size:  g(DLQSampleSize, "How many messages the last sample of a dead-letter queue has.", "vhost", "queue"),
		taken: g(DLQSampled, "When the last sample of a dead-letter queue was taken.", "vhost", "queue"),
		refused: g("msgctl_dlq_sampling_refused",
			"1 for a dead-letter queue that is not looked into, because a look could do harm or failed.", "vhost", "queue"),
		losing: g(LosesDeadLetters, "1 for a queue whose dead letters, or some, reach no queue: they are lost.",
			"vhost", "queue", "certainty"),
		drift: g(Drift, "1 where the broker is not as the topology file says.", "vhost"),
		driftObjects: g(DriftObjects, "Objects that differ from the topology file, by what apply --prune would do.",
			"vhost", "action"),
		findings: g(LintFindings, "Findings of lint --live.", "vhost", "severity", "rule"),
	}
}

func (f *families) all() []*telemetry.Family {
	return []*telemetry.Family{
		f.queueReady, f.queueUnacked, f.queueBytes, f.queueConsumers, f.dlqReady, f.dlqUnacked, f.dlqConsumers, f.oldest, f.deaths, f.size, f.taken,
		f.refused, f.losing, f.drift, f.driftObjects, f.findings,
	}
}

// fill makes metrics of what was found.
func (f *families) fill(s *Snapshot) {
	for i, q := range byName(s.Queues) {
		f.queue(q, i < MaxQueues)
	}
	for i, q := range byName(s.DeadLetters) {
		f.deadLetters(q, i < MaxQueues)
	}
	for _, l := range s.Losing {
		f.losing.Set(1, l.VHost, l.Queue, map[bool]string{true: "surely", false: "possibly"}[l.Surely])
	}
	for vhost, steps := range s.Drift {
		any := 0.0
		for _, action := range []topology.Action{topology.Create, topology.Update, topology.Replace, topology.Delete} {
			f.driftObjects.Set(float64(steps[action]), vhost, string(action))
			if steps[action] > 0 {
				any = 1
			}
		}
		f.drift.Set(any, vhost)
	}
	for k, n := range s.Findings {
		f.findings.Set(float64(n), k.VHost, k.Severity, k.Rule)
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

// queue adds one queue, or what it has to the sum of those that are not told apart.
func (f *families) queue(q Queue, alone bool) {
	if !alone {
		q.Name = Other
	}
	f.queueConsumers.Add(float64(q.Consumers), q.VHost, q.Name)
	if q.ReadyBytes >= 0 {
		f.queueBytes.Add(float64(q.ReadyBytes), q.VHost, q.Name)
	}
	if q.Known {
		f.queueReady.Add(float64(q.Ready), q.VHost, q.Name)
		f.queueUnacked.Add(float64(q.Unacked), q.VHost, q.Name)
	}
}

func (f *families) deadLetters(q Queue, alone bool) {
	if !alone {
		q.Name, q.Sample = Other, nil
	}
	f.dlqConsumers.Add(float64(q.Consumers), q.VHost, q.Name)
	if q.Known {
		f.dlqReady.Add(float64(q.Ready), q.VHost, q.Name)
		f.dlqUnacked.Add(float64(q.Unacked), q.VHost, q.Name)
	}
	s := q.Sample
	if s == nil {
		return
	}
	f.taken.Set(seconds(s.At), q.VHost, q.Name)
	if s.Refused {
		f.refused.Set(1, q.VHost, q.Name)
		return
	}
	f.size.Set(float64(s.Messages), q.VHost, q.Name)
	if !s.Oldest.IsZero() {
		f.oldest.Set(seconds(s.Oldest), q.VHost, q.Name)
	}
	for d, n := range s.Deaths {
		f.deaths.Set(float64(n), q.VHost, q.Name, d.Reason, d.Queue)
	}
}
