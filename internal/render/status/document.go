// Package status renders the health of a broker: the output of status, including formats for
// monitoring systems, and the production checklist of doctor.
package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/internal/shell"
)

// FormatVersion is the version of the documents of status and doctor.
const FormatVersion = "1"

// StatusDocument contains the state of a broker and its problems, for other programs.
type StatusDocument struct {
	FormatVersion string        `json:"format_version"`
	Status        health.Status `json:"verdict"`
	Cluster       string        `json:"cluster"`
	Version       string        `json:"rabbitmq_version"`
	Erlang        string        `json:"erlang_version"`
	VHosts        []string      `json:"vhosts"`
	Totals        health.Totals `json:"totals"`
	Nodes         []health.Node `json:"nodes"`
	Queues        []QueueGroup  `json:"queues"`
	// Blocked is the number of connections that an alarm blocks.
	Blocked     int              `json:"connections_blocked"`
	DeadLetters []health.Backlog `json:"dead_letters"`
	Losing      []health.Loss    `json:"losing"`
	Problems    []health.Problem `json:"problems"`
	// NotPermitted are the parts that the login may not read. Without them, the status cannot be
	// OK.
	NotPermitted []health.Part `json:"not_permitted,omitempty"`
	// Unknown says what could not be read or determined, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// QueueGroup counts queues of one type and state.
type QueueGroup struct {
	Type  string `json:"type"`
	State string `json:"state"`
	Count int    `json:"count"`
}

// NewStatusDocument returns the document of the state of a broker.
func NewStatusDocument(in *health.Inspection) StatusDocument {
	problems := health.Problems(in.Facts, in.DeadLetters)
	d := StatusDocument{
		FormatVersion: FormatVersion, Status: health.Worst(problems),
		Cluster: in.Cluster, Version: in.Version, Erlang: in.Erlang, VHosts: in.VHosts, Totals: in.Totals,
		Nodes: append([]health.Node{}, in.Nodes...), Queues: queueGroups(in.Facts.Queues),
		DeadLetters: append([]health.Backlog{}, in.Waiting...), Losing: append([]health.Loss{}, in.Losing...),
		Problems: append([]health.Problem{}, problems...),
	}
	for i := range d.Problems {
		d.Problems[i].Next = next(d.Problems[i])
	}
	for _, c := range in.Connections {
		if c.State == "blocked" || c.State == "blocking" {
			d.Blocked++
		}
	}
	for _, part := range slices.Sorted(maps.Keys(in.Unread)) {
		d.Unknown = append(d.Unknown, fmt.Sprintf("%s: %s", part, in.Unread[part]))
	}
	if len(in.Closed) > 0 {
		d.Unknown = append(d.Unknown, closedText(in))
	}
	d.Unknown = append(d.Unknown, in.Unsure...)
	if d.NotPermitted = in.NotPermitted(); len(d.NotPermitted) > 0 && d.Status == health.OK {
		d.Status = health.Unknown
	}
	return d
}

// closedText says which vhosts were not read. They do not affect the status.
func closedText(in *health.Inspection) string {
	return fmt.Sprintf("dead letters and policies of %s: user %q has no permissions there: %s", health.NameSome(in.Closed),
		in.User, refusal.GiveAccess(in.User, "VHOST"))
}

// next returns what to type or do about a problem.
func next(p health.Problem) string {
	switch p.ID {
	case health.DeadLettersLost:
		return "msgctl lint --live --vhost " + shell.Quote(p.VHost)
	case health.DeadLettersExist:
		return fmt.Sprintf("msgctl dlq inspect %s --vhost %s --group-by reason", shell.Quote(p.Queue), shell.Quote(p.VHost))
	}
	return p.Next
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
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.State, b.State))
	})
	return list
}
