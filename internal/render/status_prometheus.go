package render

import (
	"io"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/telemetry"
)

// StatusPrometheus writes a status in the text format of Prometheus, for the textfile collector of
// the node exporter. For a broker that is watched all the time there is msgctl exporter.
func StatusPrometheus(w io.Writer, d StatusDocument) error {
	gauge := func(name, help string, value float64) *telemetry.Family {
		f := telemetry.NewGauge("msgctl_status_"+name, help)
		f.Set(value)
		return f
	}
	one := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	problems := telemetry.NewGauge("msgctl_status_problems", "Problems found, by severity.", "severity")
	problems.Set(0, string(health.Error))
	problems.Set(0, string(health.Warning))
	for _, p := range d.Problems {
		problems.Add(1, string(p.Verdict))
	}
	running := telemetry.NewGauge("msgctl_status_node_running", "1 when the node runs.", "node")
	alarm := telemetry.NewGauge("msgctl_status_node_alarm", "1 when the node has the alarm.", "node", "resource")
	for _, n := range d.Nodes {
		running.Set(one(n.Running), n.Name)
		alarm.Set(one(n.MemAlarm), n.Name, "memory")
		alarm.Set(one(n.DiskAlarm), n.Name, "disk")
	}
	queues := telemetry.NewGauge("msgctl_status_queues", "Queues, by type and state.", "type", "state")
	for _, g := range d.Queues {
		queues.Set(float64(g.Count), g.Type, g.State)
	}
	letters := telemetry.NewGauge("msgctl_status_dead_letters", "Messages that wait in a dead-letter queue.", "vhost",
		"queue")
	for _, l := range d.DeadLetters {
		letters.Set(float64(l.Ready), l.VHost, l.Queue)
	}
	return telemetry.Write(w,
		gauge("healthy", "1 when no problem is an error.",
			one(!d.Verdict.AtLeast(health.Error))), problems, running, alarm, queues, letters,
		gauge("losing_queues", "Queues whose dead letters reach no queue.", float64(len(d.Losing))),
		gauge("connections", "Connections of clients.", float64(d.Totals.Connections)),
		gauge("connections_blocked", "Connections that an alarm blocks.", float64(d.Blocked)),
		gauge("channels", "Channels of clients.", float64(d.Totals.Channels)),
		gauge("consumers", "Consumers.", float64(d.Totals.Consumers)),
		gauge("messages_ready", "Messages that wait for a consumer.", float64(d.Totals.Ready)),
		gauge("messages_unacked", "Messages that a consumer has not acknowledged.", float64(d.Totals.Unacked)))
}
