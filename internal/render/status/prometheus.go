package status

import (
	"io"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/telemetry"
)

// Prometheus writes a status in the text format of Prometheus, for the textfile collector of the
// node exporter. Continuous monitoring should use msgctl exporter instead.
func Prometheus(w io.Writer, d StatusDocument) error {
	registry := prometheus.NewRegistry()
	vector := func(name, help string, labels ...string) func(value float64, labels ...string) {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "msgctl_status_" + name, Help: help}, labels)
		registry.MustRegister(g)
		return func(value float64, labels ...string) {
			for i, v := range labels {
				labels[i] = telemetry.ValidLabel(v)
			}
			g.WithLabelValues(labels...).Add(value)
		}
	}
	gauge := func(name, help string, value float64) { vector(name, help)(value) }
	one := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	problems := vector("problems", "Problems found, by severity.", "severity")
	problems(0, string(health.Error))
	problems(0, string(health.Warning))
	for _, p := range d.Problems {
		problems(1, string(p.Severity))
	}
	running := vector("node_running", "1 when the node runs.", "node")
	alarm := vector("node_alarm", "1 when the node has the alarm.", "node", "resource")
	for _, n := range d.Nodes {
		running(one(n.Running), n.Name)
		alarm(one(n.MemAlarm), n.Name, "memory")
		alarm(one(n.DiskAlarm), n.Name, "disk")
	}
	queues := vector("queues", "Queues, by type and state.", "type", "state")
	for _, g := range d.Queues {
		queues(float64(g.Count), g.Type, g.State)
	}
	deadLetters := vector("dead_letters", "Messages that wait in a dead-letter queue.", "vhost", "queue")
	for _, l := range d.DeadLetters {
		deadLetters(float64(l.Ready), l.VHost, l.Queue)
	}
	gauge("healthy", "1 when no problem is an error, and the login may read all that status judges.",
		one(!d.Status.AtLeast(health.Error) && len(d.NotPermitted) == 0))
	gauge("not_permitted", "Parts of the broker's state that the login may not read.", float64(len(d.NotPermitted)))
	gauge("losing_queues", "Queues whose dead letters reach no queue.", float64(len(d.Losing)))
	gauge("connections", "Connections of clients.", float64(d.Totals.Connections))
	gauge("connections_blocked", "Connections that an alarm blocks.", float64(d.Blocked))
	gauge("channels", "Channels of clients.", float64(d.Totals.Channels))
	gauge("consumers", "Consumers.", float64(d.Totals.Consumers))
	gauge("messages_ready", "Messages that wait for a consumer.", float64(d.Totals.Ready))
	gauge("messages_unacked", "Messages that a consumer has not acknowledged.", float64(d.Totals.Unacked))
	return telemetry.WriteText(w, registry)
}
