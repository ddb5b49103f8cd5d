// Package alert makes alerting rules for Prometheus of a topology. It is pure.
package alert

import (
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/yamltext"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// Source says whose metrics the rules ask for.
type Source string

const (
	// Exporter is msgctl exporter.
	Exporter Source = "exporter"
	// RabbitMQ is the broker's own exporter, at /metrics/detailed with the families
	// queue_coarse_metrics, queue_metrics and queue_consumer_count (fact detailed-metrics). It does
	// not know about drift, nor which queues lose their dead letters.
	RabbitMQ Source = "rabbitmq"
)

// Options are what the rules are made of.
type Options struct {
	State *topology.State
	// File has the thresholds of the file, Queues those of queues with a block of their own.
	File   spec.AlertSettings
	Queues map[topology.Ref]spec.AlertSettings
	Source Source
	// Files is how to name the topology files in a command: -f topology.yaml.
	Files string
}

// Rule is one alerting rule, with the names of Prometheus' file.
type Rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type group struct {
	Name  string `yaml:"name"`
	Rules []Rule `yaml:"rules"`
}

// Names of the alerts.
const (
	QueueFull     = "MsgctlQueueFull"
	NoConsumers   = "MsgctlQueueWithoutConsumers"
	DeadLetters   = "MsgctlDeadLetters"
	Growing       = "MsgctlDeadLettersGrowing"
	Losing        = "MsgctlDeadLettersLost"
	Drift         = "MsgctlTopologyDrift"
	NotWatched    = "MsgctlNotWatched"
	critical      = "critical"
	warning       = "warning"
	growthWindow  = "15m"
	runbook       = "https://github.com/msgctl/msgctl/blob/main/docs/monitoring.md#"
	vhostAndQueue = "queue {{ $labels.queue }} in vhost {{ $labels.vhost }}"
	byQueue       = "max by (vhost, queue) "
)

// Rules makes the rules, those of each vhost together.
func Rules(o Options) []Rule {
	m := &maker{Options: o, names: namesOf(o.Source), found: discover.Discover(o.State, discover.Options{}),
		roles: map[topology.Ref]discover.Role{}}
	for _, q := range m.found.Queues {
		m.roles[q.Ref()] = q.Role
	}
	for _, vhost := range o.State.VHosts() {
		m.vhost(vhost)
	}
	if o.Source == Exporter {
		m.drift()
	}
	return m.rules
}

// YAML is the file that Prometheus reads.
func YAML(name string, rules []Rule) ([]byte, error) {
	return yamltext.Encode(struct {
		Groups []group `yaml:"groups"`
	}{[]group{{Name: name, Rules: rules}}})
}

// names are those of the metrics.
type names struct{ ready, bytes, consumers, dlq string }

func namesOf(s Source) names {
	if s == RabbitMQ {
		const p = "rabbitmq_detailed_queue_"
		return names{ready: p + "messages_ready", bytes: p + "messages_ready_bytes", consumers: p + "consumers", dlq: p +
			"messages_ready"}
	}
	return names{ready: exporter.QueueReady, bytes: exporter.QueueReadyBytes, consumers: exporter.QueueConsumers,
		dlq: exporter.DLQReady}
}

// maker collects rules.
type maker struct {
	Options
	names names
	found discover.Discovery
	roles map[topology.Ref]discover.Role
	rules []Rule
}

func (m *maker) of(ref topology.Ref) spec.AlertSettings {
	if s, ok := m.Queues[ref]; ok {
		return s
	}
	return m.File
}

func (m *maker) add(r Rule, lasting time.Duration, severity string, labels ...string) {
	r.For = duration(lasting)
	r.Labels = map[string]string{"severity": severity}
	for i := 0; i+1 < len(labels); i += 2 {
		r.Labels[labels[i]] = template(labels[i+1])
	}
	r.Annotations["runbook_url"] = runbook + anchor(r.Alert)
	m.rules = append(m.rules, r)
}

// drift adds one rule for drift in all vhosts, and one per vhost for when it is not watched.
func (m *maker) drift() {
	all := "" // what belongs to no vhost: users, for example
	for _, vhost := range m.State.VHosts() {
		all += "|" + pattern(vhost)
		m.add(Rule{Alert: NotWatched, Expr: fmt.Sprintf("absent(%s{vhost=%s} == 1)", exporter.VHostUp, text(vhost)),
			Annotations: map[string]string{
				"summary": template("Nobody watches vhost " + vhost),
				"description": template("msgctl exporter does not run, or cannot read vhost " + vhost +
					": the other alerts are blind. Ask it: curl http://EXPORTER:9465/readyz; its log tells more."),
			}}, m.File.For, critical, "vhost", vhost)
	}
	m.add(Rule{Alert: Drift, Expr: fmt.Sprintf("max by (vhost) (%s{vhost=~%s}) > 0", exporter.Drift, text(all)),
		Annotations: map[string]string{
			"summary":     "The broker is not as the topology file says{{ with $labels.vhost }} in vhost {{ . }}{{ end }}",
			"description": template("Somebody changed the broker or the file. See what differs: msgctl plan " + m.Files),
		}}, m.File.For, warning)
}
