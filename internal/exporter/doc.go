// Package exporter is what msgctl exporter shows of a broker, as values: what was found, how it
// becomes metrics, and which queues are to be looked into next. It does no I/O.
package exporter
