package render

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

// HealthFormatVersion is the version of the documents of status and doctor; see PlanFormatVersion.
const HealthFormatVersion = "1"

// StatusDocument is what status found.
type StatusDocument struct {
	FormatVersion string         `json:"format_version"`
	Verdict       health.Verdict `json:"verdict"`
	Cluster       string         `json:"cluster"`
	Version       string         `json:"rabbitmq_version"`
	Erlang        string         `json:"erlang_version"`
	VHosts        []string       `json:"vhosts"`
	Totals        health.Totals  `json:"totals"`
	Nodes         []health.Node  `json:"nodes"`
	Queues        []QueueGroup   `json:"queues"`
	// Blocked counts connections that an alarm holds up.
	Blocked     int                  `json:"connections_blocked"`
	DeadLetters []health.DeadLetters `json:"dead_letters"`
	Losing      []health.Loss        `json:"losing"`
	Problems    []health.Problem     `json:"problems"`
	// Unknown says what could not be looked at, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// QueueGroup counts queues of one type and state.
type QueueGroup struct {
	Type  string `json:"type"`
	State string `json:"state"`
	Count int    `json:"count"`
}

// NewStatusDocument judges what was read.
func NewStatusDocument(in *health.Inspection) StatusDocument {
	problems := health.Problems(in.Facts, in.Letters)
	d := StatusDocument{
		FormatVersion: HealthFormatVersion, Verdict: health.Worst(problems), Cluster: in.Cluster, Version: in.Version, Erlang: in.Erlang,
		VHosts: in.VHosts, Totals: in.Totals, Nodes: append([]health.Node{},
			in.Nodes...), Queues: queueGroups(in.Facts.Queues),
		Problems: append([]health.Problem{}, problems...), DeadLetters: append([]health.DeadLetters{},
			in.Waiting...), Losing: append([]health.Loss{}, in.Losing...),
	}
	for _, c := range in.Connections {
		if c.State == "blocked" || c.State == "blocking" {
			d.Blocked++
		}
	}
	for _, part := range slices.Sorted(maps.Keys(in.Unread)) {
		d.Unknown = append(d.Unknown, fmt.Sprintf("%s: %s", part, in.Unread[part]))
	}
	d.Unknown = append(d.Unknown, in.Unsure...)
	return d
}

func queueGroups(queues []health.Queue) []QueueGroup {
	counts := map[QueueGroup]int{}
	for _, q := range queues {
		state := cmp.Or(q.Trouble(), cmp.Or(q.State, "running"))
		counts[QueueGroup{Type: q.Type, State: state}]++
	}
	list := make([]QueueGroup, 0, len(counts))
	for g, n := range counts {
		g.Count = n
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b QueueGroup) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type),
			cmp.Compare(a.State, b.State))
	})
	return list
}

// StatusText writes one screen for a person. Names are neutralised.
func StatusText(w io.Writer, d StatusDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s  RabbitMQ %s, Erlang %s, %s\n\n", style.Bold(terminal.Neutralise(d.Cluster)),
		terminal.Neutralise(d.Version), terminal.Neutralise(d.Erlang),
		terminal.FormatPlural(int64(len(d.VHosts)), "vhost", "vhosts"))
	if err := nodeTable(b, d, style, width); err != nil {
		return err
	}
	t := d.Totals
	line := func(label, format string, args ...any) {
		foldedStyle(b, fmt.Sprintf("%-13s", label), fmt.Sprintf(format, args...), width, func(s string) string { return s })
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
		rates = fmt.Sprintf("; %.0f/s in, %.0f/s out", t.PublishRate, t.DeliverRate)
	}
	line("Messages", "%s ready, %s unacknowledged%s", terminal.FormatCount(t.Ready), terminal.FormatCount(t.Unacked),
		rates)
	line("Dead letters", "%s", letterText(d))
	fmt.Fprintln(b)
	statusProblems(b, d, style, width)
	return b.Flush()
}

func nodeTable(b *bufio.Writer, d StatusDocument, style terminal.Styler, width int) error {
	if len(d.Nodes) == 0 {
		return nil
	}
	t := Table{Headers: []string{"NODE", "STATE", "MEMORY", "DISK FREE", "FILES", "UP"}}
	for _, n := range d.Nodes {
		if !n.Running {
			t.Rows = append(t.Rows, []string{n.Name, "down", "", "", "", ""})
			continue
		}
		if !n.Measured() {
			t.Rows = append(t.Rows, []string{n.Name, nodeState(n), "not told yet", "not told yet", "", ""})
			continue
		}
		memory := fmt.Sprintf("%s of %s", units.RoundMemory(n.MemUsed), units.RoundMemory(n.MemLimit))
		disk := fmt.Sprintf("%s, at least %s", units.RoundMemory(n.DiskFree), units.RoundMemory(n.DiskLimit))
		t.Rows = append(t.Rows, []string{n.Name, nodeState(n), memory, disk, fmt.Sprintf("%d of %d", n.FDUsed, n.FDTotal),
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
	if tooNarrow(t, width) {
		t.writeList(b, style, width)
	} else if err := t.Write(b, width); err != nil {
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

func letterText(d StatusDocument) string {
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

// mostProblems is how many problems of one kind fit on a screen.
const mostProblems = 5

func statusProblems(b *bufio.Writer, d StatusDocument, style terminal.Styler, width int) {
	shown := map[string]int{}
	for _, p := range d.Problems {
		if shown[p.ID]++; shown[p.ID] > mostProblems {
			continue
		}
		mark := verdictMark(p.Verdict, style)
		foldedStyle(b, mark, terminal.Neutralise(p.Text), width, func(s string) string { return s })
		foldedStyle(b, "           ", terminal.Neutralise(p.Next), width, style.Dim)
	}
	for _, id := range slices.Sorted(maps.Keys(shown)) {
		if more := shown[id] - mostProblems; more > 0 {
			fmt.Fprintf(b, "           … and %d more of the kind %s\n", more, id)
		}
	}
	for _, u := range d.Unknown {
		foldedStyle(b, verdictMark(health.Unknown, style), terminal.Neutralise(u), width, func(s string) string { return s })
	}
	if len(d.Problems) == 0 {
		fmt.Fprintln(b, style.Green("No problem found."))
	}
}

// verdictMark is a word of eleven columns.
func verdictMark(v health.Verdict, style terminal.Styler) string {
	text := fmt.Sprintf("  %-9s", v)
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
