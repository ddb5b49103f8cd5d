package checks

import "github.com/msgctl/msgctl/pkg/topology/route"

// RouteDocument is the route of a message, for other programs.
type RouteDocument struct {
	FormatVersion string `json:"format_version"`
	// Outcome is "rests", "lost", "may be lost", "one of" (it rests in a queue, but an exchange
	// chooses which) or "refused".
	Outcome string `json:"verdict"`
	// Queues are the queues that certainly have the message in the end, Possible the queues that
	// may have it. Both are ordered. Possible includes Queues.
	Queues   []string     `json:"queues"`
	Possible []string     `json:"possible"`
	Outcomes [][]string   `json:"outcomes"`
	Unsure   []string     `json:"unsure,omitempty"`
	Copies   []route.Copy `json:"copies"`
	*route.Trace
}

// NewRouteDocument returns the document of a trace.
func NewRouteDocument(t *route.Trace) RouteDocument {
	doc := RouteDocument{
		FormatVersion: "1", Outcome: outcomeOf(t), Queues: listOrEmpty(t.Sure()), Possible: listOrEmpty(t.Possible()),
		Outcomes: [][]string{}, Unsure: t.Unsure(), Copies: t.Copies(), Trace: t,
	}
	for _, w := range t.Placements {
		doc.Outcomes = append(doc.Outcomes, listOrEmpty(w.Queues()))
	}
	if doc.Copies == nil {
		doc.Copies = []route.Copy{}
	}
	return doc
}

func outcomeOf(t *route.Trace) string {
	switch {
	case t.Refused != "":
		return "refused"
	case t.Lost():
		return "lost"
	case t.MayBeLost():
		return "may be lost"
	case len(t.Placements) > 1 || t.Open:
		return "one of"
	}
	return "rests"
}

func listOrEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
