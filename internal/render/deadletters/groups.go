package deadletters

import (
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message/document"
)

// GroupsDocument contains the counts of groups of messages in a queue, for other programs.
type GroupsDocument struct {
	FormatVersion string   `json:"format_version"`
	VHost         string   `json:"vhost"`
	Queue         string   `json:"queue"`
	Type          string   `json:"type"`
	GroupBy       []string `json:"group_by"`
	// Browsed is the number of messages that were read, Matched the number of them that matched the
	// filter.
	Browsed int64           `json:"looked_at"`
	Matched int64           `json:"matched"`
	Groups  []GroupDocument `json:"groups"`
	// Rest combines the groups that are not listed because there are too many.
	Rest *GroupDocument `json:"rest,omitempty"`
}

// GroupDocument is a group of messages with the same values.
type GroupDocument struct {
	Values     map[string]string `json:"values,omitempty"`
	Count      int64             `json:"count"`
	AtLeast    bool              `json:"at_least,omitempty"`
	Bytes      int64             `json:"bytes"`
	FirstDeath *time.Time        `json:"first_death,omitempty"`
	LastDeath  *time.Time        `json:"last_death,omitempty"`
	Example    string            `json:"example_id,omitempty"`

	ordered []string
}

// NewGroupsDocument returns the document of groups.
func NewGroupsDocument(g browse.Groups) GroupsDocument {
	doc := GroupsDocument{FormatVersion: FormatVersion, GroupBy: g.Names, Matched: g.Messages,
		Groups: make([]GroupDocument, 0, len(g.List))}
	for _, one := range g.List {
		doc.Groups = append(doc.Groups, newGroup(g.Names, one))
	}
	if g.Rest.Count > 0 {
		rest := newGroup(nil, g.Rest)
		doc.Rest = &rest
	}
	return doc
}

func newGroup(names []string, g browse.Group) GroupDocument {
	doc := GroupDocument{Count: g.Count, AtLeast: g.AtLeast, Bytes: g.Bytes, Example: g.Example, ordered: g.Values}
	for i, name := range names {
		if doc.Values == nil {
			doc.Values = map[string]string{}
		}
		doc.Values[name] = g.Values[i]
	}
	doc.FirstDeath, doc.LastDeath = timeOrNil(g.FirstDeath), timeOrNil(g.LastDeath)
	return doc
}

func timeOrNil(t time.Time) *time.Time {
	return document.Time(t)
}
