// Package exporter is msgctl exporter: it reads a broker at intervals and serves what it found as
// metrics for Prometheus.
//
// Terms. A collection reads the broker once; its result is a Snapshot. A sample is the first
// messages of one dead-letter queue, read without taking them away. Drift is the difference between
// the broker and the topology files.
//
// Guarantees. A scrape asks the broker nothing: it gets the last snapshot. A collection makes the
// same few requests however many queues there are. When a collection fails, everything except the
// exporter's own health disappears, so that Prometheus marks the series as stale. A queue is
// sampled only where that sets no more than the flag redelivered.
//
// Limits. At most MaxQueues queues, and as many dead-letter queues, have time series of their own;
// the rest are summed up under the name Other. A collection samples a bounded number of queues,
// those with the oldest sample first. Names of metrics and labels are in docs/monitoring.md.
package exporter
