package dashboard

import (
	"github.com/msgctl/msgctl/internal/exporter"
)

// Selectors that the variables fill.
const (
	inVHost            = `{vhost=~"$vhost"}`
	deadLetterSelector = `{vhost=~"$vhost",queue=~"$queue"}`
	consumed           = `{queue=~"$consumer"}`
	name               = "{{vhost}} {{queue}}"
)

// New makes the dashboard.
func New() Dashboard {
	b := &builder{}
	b.overview()
	b.deadLetters()
	b.topology()
	b.consumers()
	b.exporter()
	return Dashboard{
		UID: "msgctl", Title: "msgctl: dead letters, drift and consumers", Tags: []string{"rabbitmq",
			"msgctl"}, SchemaVersion: schemaVersion, Version: 1, Editable: true,
		Description: "Metrics of msgctl exporter and msgctl consume --metrics. Made by msgctl dashboard.",
		Refresh:     "30s", Timezone: "browser", GraphTooltip: 1, Time: timeRange{From: "now-6h", To: "now"},
		Templating: list[variable]{List: variables()}, Annotations: list[any]{List: []any{}}, Panels: b.panels,
	}
}

func variables() []variable {
	labels := func(name, label, query string) variable {
		return variable{
			Name: name, Label: label, Type: "query", Datasource: source(), Refresh: 2, Multi: true, IncludeAll: true,
			AllValue: ".*", Sort: 1, Options: []any{},
			Current: choice{Text: []string{"All"}, Value: []string{"$__all"}},
			Query:   map[string]string{"query": query, "refId": name},
		}
	}
	return []variable{
		{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1, Options: []any{},
			Current: choice{Text: "default", Value: "default"}},
		labels("vhost", "VHost", "label_values("+exporter.VHostUp+", vhost)"),
		labels("queue", "Dead-letter queue", "label_values("+exporter.DLQReady+inVHost+", queue)"),
		labels("consumer", "Consumed queue", "label_values(messages_consumed_total, queue)"),
	}
}

func (b *builder) overview() {
	b.stat("Watched", "1 when msgctl exporter could read the vhosts at its last collection.", "", until(1),
		"min("+exporter.VHostUp+inVHost+")")
	b.stat("Dead letters", "Messages in dead-letter queues.", "short", from(1, "orange"),
		"sum("+exporter.DLQReady+deadLetterSelector+")")
	b.stat("Oldest dead letter", "Since when the first message of a queue is dead, as the last look found it.", "s",
		from(86400, "orange"), "time() - min("+exporter.DLQOldest+deadLetterSelector+")")
	b.stat("Queues that lose dead letters", "Their dead letters reach no queue. See: msgctl dlq ls", "short",
		from(1, "red"),
		"count("+exporter.LosesDeadLetters+`{vhost=~"$vhost",certainty="surely"}) or vector(0)`)
	b.stat("Objects that drifted", "What differs from the topology file. See: msgctl plan", "short", from(1, "orange"),
		"sum("+exporter.DriftObjects+`{vhost=~"$vhost|"})`)
	b.stat("Lint errors", "See: msgctl lint --live", "short", from(1, "red"),
		"sum("+exporter.LintFindings+`{vhost=~"$vhost|",severity="error"}) or vector(0)`)
}

func (b *builder) deadLetters() {
	b.row("Dead letters")
	b.lines("Depth", "Messages that wait in each dead-letter queue.", "short",
		query{exporter.DLQReady + deadLetterSelector, name})
	b.lines("Growth per hour", "By how many messages each grows or shrinks.", "short",
		query{"deriv(" + exporter.DLQReady + deadLetterSelector + "[15m]) * 3600", name})
	b.lines("Age of the oldest message", "As the last look found it: see the age of the samples.", "s",
		query{"time() - " + exporter.DLQOldest + deadLetterSelector, name})
	b.lines("Deaths by reason, in samples",
		"Shares of the messages looked at, not of the queues: a sample is the beginning of a queue.", "percentunit",
		query{"sum by (reason) (" + exporter.DLQDeaths + deadLetterSelector + ") / scalar(sum(" + exporter.DLQDeaths +
			deadLetterSelector + "))",
			"{{reason}}"})
	b.table("Where they died, in samples", "",
		"sort_desc(sum by (vhost, queue, source_queue, reason) ("+exporter.DLQDeaths+deadLetterSelector+"))")
	b.lines("Age of the samples", "The queues are sampled in turn.", "s",
		query{"time() - " + exporter.DLQSampled + deadLetterSelector, name})
}

func (b *builder) topology() {
	b.row("Topology")
	b.lines("Drift", "Objects that differ from the topology file, by what apply --prune would do.", "short",
		query{"sum by (vhost, action) (" + exporter.DriftObjects + `{vhost=~"$vhost|"}) > 0`, "{{vhost}} {{action}}"})
	b.table("Lint findings", "", "sort_desc(sum by (vhost, severity, rule) ("+exporter.LintFindings+`{vhost=~"$vhost|"}))`)
	b.lines("Declared queues: ready messages", "The ten longest.", "short",
		query{"topk(10, " + exporter.QueueReady + inVHost + ")", name})
	b.lines("Declared queues: consumers", "The ten with the fewest.", "short",
		query{"bottomk(10, " + exporter.QueueConsumers + inVHost + ")", name})
}

func (b *builder) consumers() {
	b.row("msgctl consume")
	b.lines("Messages per second by outcome", "", "cps", query{"sum by (queue, status) (rate(messages_consumed_total" +
		consumed + "[$__rate_interval]))", "{{queue}} {{status}}"})
	b.lines("Failures per second by error", "", "cps", query{"sum by (queue, error) (rate(messages_failed_total" +
		consumed + "[$__rate_interval]))", "{{queue}} {{error}}"})
	quantile := func(q, as string) query {
		return query{"histogram_quantile(" + q + ", sum by (le, queue) (rate(message_processing_duration_seconds_bucket" +
			consumed + "[$__rate_interval])))", "{{queue}} " + as}
	}
	b.lines("Time of the handler", "", "s", quantile("0.5", "half"), quantile("0.95", "95 %"))
	b.lines("In hand", "Messages that are being handled.", "short",
		query{"sum by (queue) (messages_in_flight" + consumed + ")", "{{queue}}"})
	b.lines("Retries and dead letters per second", "", "cps",
		query{"sum by (queue) (rate(messages_retried_total" + consumed + "[$__rate_interval]))", "{{queue}} retried"},
		query{"sum by (exchange, routing_key) (rate(messages_published_total[$__rate_interval]))",
			"to {{exchange}} {{routing_key}}"})
	b.lines("Reconnections", "", "short", query{"increase(broker_reconnects_total" + consumed + "[$__rate_interval])",
		"{{queue}}"})
}

func (b *builder) exporter() {
	b.row("msgctl exporter")
	b.lines("Time of a collection", "", "s", query{exporter.Duration, "{{instance}}"})
	b.lines("Errors", "", "short", query{"increase(" + exporter.CollectionErrors + "[$__rate_interval])",
		"{{instance}} {{stage}}"}, query{"1 - " + exporter.Up, "{{instance}} not up"})
	b.lines("Since the last success", "", "s", query{"time() - " + exporter.LastSuccess, "{{instance}}"})
}
