package exporter

import "github.com/prometheus/client_golang/prometheus"

// Collectors are all metrics of msgctl exporter, without values.
func Collectors() []prometheus.Collector {
	return append(newHealthMetrics().collectors(), newSnapshotMetrics().collectors()...)
}
