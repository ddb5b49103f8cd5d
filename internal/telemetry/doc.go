// Package telemetry is what a long-running msgctl publishes about itself: logs, and metrics and
// health over HTTP. Spans are in package tracing.
//
// Metrics are client_golang's, each kind of command with a registry of its own and without the
// collectors of the Go runtime and the process. /healthz reports that the process lives, /readyz
// whether it can do its work now. A slow client never holds up the work, nor more than a bounded
// amount of memory for a bounded time.
package telemetry
