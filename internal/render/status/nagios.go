package status

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/terminal"
)

// The exit codes of monitoring plugins (monitoring-plugins.org/doc/guidelines.html).
const (
	nagiosOK       = 0
	nagiosWarning  = 1
	nagiosCritical = 2
	nagiosUnknown  = 3
)

// Nagios writes the output of a monitoring plugin: a line with performance data, then a line per
// further problem. It returns the exit code of the plugin. If err is not nil there is no document:
// an unreachable broker is critical, any other error is unknown.
func Nagios(w io.Writer, d StatusDocument, err error, unreachable bool) (code int, writeErr error) {
	if err != nil {
		word, code := "UNKNOWN", nagiosUnknown
		if unreachable {
			word, code = "CRITICAL", nagiosCritical
		}
		_, werr := fmt.Fprintf(w, "RABBITMQ %s - %s\n", word, nagiosText(firstLine(err.Error())))
		return code, werr
	}
	word, code := "OK", nagiosOK
	switch d.Status {
	case health.Error:
		word, code = "CRITICAL", nagiosCritical
	case health.Warning:
		word, code = "WARNING", nagiosWarning
	case health.Unknown:
		word, code = "UNKNOWN", nagiosUnknown
	case health.OK:
	}
	text := fmt.Sprintf("RabbitMQ %s, %s, %s", d.Version, terminal.FormatPlural(int64(len(d.Nodes)), "node", "nodes"),
		terminal.FormatPlural(d.Totals.Queues, "queue", "queues"))
	if len(d.Problems) > 0 {
		text = d.Problems[0].Text
		if more := len(d.Problems) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
	}
	unknown := d.Unknown
	if d.Status == health.Unknown {
		text, unknown = unknown[0], unknown[1:]
	}
	if _, err := fmt.Fprintf(w, "RABBITMQ %s - %s | %s\n", word, nagiosText(text), performance(d)); err != nil {
		return code, err
	}
	for _, p := range d.Problems[min(len(d.Problems), 1):] {
		if _, err := fmt.Fprintf(w, "%s: %s\n", p.Severity, nagiosText(p.Text)); err != nil {
			return code, err
		}
	}
	for _, u := range unknown {
		if _, err := fmt.Fprintf(w, "%s: %s\n", health.Unknown, nagiosText(u)); err != nil {
			return code, err
		}
	}
	return code, nil
}

// nagiosText replaces | in a text, because it begins the performance data.
func nagiosText(s string) string { return strings.ReplaceAll(terminal.Neutralise(s), "|", "/") }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// performance returns the performance data (label=value;warn;crit;min) of the parts that could be
// read.
func performance(d StatusDocument) string {
	var deadLetters int64
	for _, l := range d.DeadLetters {
		deadLetters += l.Ready
	}
	running := 0
	for _, n := range d.Nodes {
		if n.Running {
			running++
		}
	}
	t := d.Totals
	var data []string
	for _, x := range []struct {
		label string
		value int64
		part  health.Part
	}{
		{"nodes", int64(running), health.PartNodes}, {"connections", t.Connections, health.PartConnections},
		{"consumers", t.Consumers, health.PartConsumers}, {"queues", t.Queues, health.PartTopology},
		{"messages_ready", t.Ready, health.PartTopology}, {"messages_unacked", t.Unacked, health.PartTopology},
		{"dead_letters", deadLetters, health.PartTopology}, {"losing_queues", int64(len(d.Losing)), health.PartTopology},
	} {
		if !slices.Contains(d.NotPermitted, x.part) { // what was not seen is not 0
			data = append(data, fmt.Sprintf("%s=%d;;;0", x.label, x.value))
		}
	}
	return strings.Join(data, " ")
}
