package status

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

// Text writes a summary for a person that fits one screen.
func Text(w io.Writer, d StatusDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s  RabbitMQ %s, Erlang %s, %s\n\n", style.Bold(terminal.Neutralise(d.Cluster)),
		terminal.Neutralise(d.Version), terminal.Neutralise(d.Erlang),
		terminal.FormatPlural(int64(len(d.VHosts)), "vhost", "vhosts"))
	if err := nodeTable(b, d, style, width); err != nil {
		return err
	}
	t := d.Totals
	line := func(label, format string, args ...any) {
		render.Labelled(b, fmt.Sprintf("%-13s", label), fmt.Sprintf(format, args...), width, render.Plain)
	}
	blocked := ""
	if d.Blocked > 0 {
		blocked = fmt.Sprintf(" (%d blocked)", d.Blocked)
	}
	line("Connections", "%s%s, %s, %s", terminal.FormatCount(t.Connections), blocked,
		terminal.FormatPlural(t.Channels, "channel", "channels"), terminal.FormatPlural(t.Consumers, "consumer", "consumers"))
	line("Queues", "%s", queueText(d))
	rates := ""
	if !t.OneVHost {
		rates = fmt.Sprintf("; %s/s in, %s/s out", terminal.FormatCount(int64(math.Round(t.PublishRate))),
			terminal.FormatCount(int64(math.Round(t.DeliverRate))))
	}
	line("Messages", "%s ready, %s unacknowledged%s", terminal.FormatCount(t.Ready), terminal.FormatCount(t.Unacked),
		rates)
	line("Dead letters", "%s", deadLetterText(d))
	fmt.Fprintln(b)
	statusProblems(b, d, style, width)
	return b.Flush()
}

func nodeTable(b *bufio.Writer, d StatusDocument, style terminal.Styler, width int) error {
	if len(d.Nodes) == 0 {
		return nil
	}
	t := render.Table{Headers: []string{"NODE", "STATE", "MEMORY", "DISK FREE", "FILES", "UP"}}
	for _, n := range d.Nodes {
		if !n.Running {
			t.Rows = append(t.Rows, []string{n.Name, "down", "", "", "", ""})
			continue
		}
		if !n.Measured() {
			t.Rows = append(t.Rows, []string{n.Name, nodeState(n), "not known yet", "not known yet", "", ""})
			continue
		}
		memory := fmt.Sprintf("%s of %s", units.RoundMemory(n.MemUsed), units.RoundMemory(n.MemLimit))
		disk := fmt.Sprintf("%s (alarm below %s)", units.RoundMemory(n.DiskFree), units.RoundMemory(n.DiskLimit))
		t.Rows = append(t.Rows, []string{n.Name, nodeState(n), memory, disk,
			terminal.FormatCount(n.FDUsed) + " of " + terminal.FormatCount(n.FDTotal),
			units.FormatMilliseconds(n.Uptime.Milliseconds() / 60000 * 60000)})
	}
	t.Style = func(row, column int, text string) string {
		if column != 1 {
			return text
		}
		if state := t.Rows[row][1]; state == "running" {
			return style.Green(text)
		}
		return style.Red(text)
	}
	if err := t.WriteFitting(b, style, width); err != nil {
		return err
	}
	_, err := b.WriteString("\n")
	return err
}

func nodeState(n health.Node) string {
	var states []string
	if n.MemAlarm {
		states = append(states, "memory alarm")
	}
	if n.DiskAlarm {
		states = append(states, "disk alarm")
	}
	if len(n.Partitions) > 0 {
		states = append(states, "partitioned")
	}
	if n.Draining {
		states = append(states, "maintenance")
	}
	if len(states) == 0 {
		return "running"
	}
	return strings.Join(states, ", ")
}

func queueText(d StatusDocument) string {
	if len(d.Queues) == 0 {
		return "none"
	}
	parts := make([]string, len(d.Queues))
	for i, g := range d.Queues {
		parts[i] = fmt.Sprintf("%s %s %s", terminal.FormatCount(int64(g.Count)), terminal.Neutralise(g.Type),
			terminal.Neutralise(g.State))
	}
	return strings.Join(parts, ", ")
}

func deadLetterText(d StatusDocument) string {
	if len(d.DeadLetters) == 0 && len(d.Queues) == 0 && len(d.Unknown) > 0 {
		return "unknown: no queue could be read"
	}
	if len(d.DeadLetters) == 0 {
		return "none wait"
	}
	var sum int64
	for _, l := range d.DeadLetters {
		sum += l.Ready
	}
	return fmt.Sprintf("%s in %s (msgctl dlq ls)", terminal.FormatPlural(sum, "waits", "wait"),
		terminal.FormatPlural(int64(len(d.DeadLetters)), "queue", "queues"))
}

// maxProblems is the maximum number of problems of one kind to list.
const maxProblems = 5

func statusProblems(b *bufio.Writer, d StatusDocument, style terminal.Styler, width int) {
	shown := map[string]int{}
	for _, p := range d.Problems {
		if shown[p.ID]++; shown[p.ID] > maxProblems {
			continue
		}
		render.Labelled(b, statusLabel(p.Severity, style), p.Text, width, render.Plain)
		render.Labelled(b, below, p.Next, width, style.Dim)
	}
	for _, id := range slices.Sorted(maps.Keys(shown)) {
		if more := shown[id] - maxProblems; more > 0 {
			fmt.Fprintf(b, below+"… and %d more of the kind %s\n", more, id)
		}
	}
	for _, u := range d.Unknown {
		render.Labelled(b, statusLabel(health.Unknown, style), u, width, render.Plain)
	}
	switch {
	case len(d.Problems) > 0:
	case len(d.NotPermitted) > 0:
		fmt.Fprintln(b, style.Yellow("No problem found in what this login may read."))
	default:
		fmt.Fprintln(b, style.Green("No problem found."))
	}
}

// below is the indentation of lines that belong to the status above.
const below = "           "

// statusLabel returns a status, padded to the width of its column.
func statusLabel(v health.Status, style terminal.Styler) string {
	text := fmt.Sprintf("  %-*s", len(below)-2, v)
	switch v {
	case health.Error:
		return style.Red(text)
	case health.Warning:
		return style.Yellow(text)
	case health.OK:
		return style.Green(text)
	case health.Unknown:
	}
	return style.Dim(text)
}
