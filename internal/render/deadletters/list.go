// Package deadletters renders dead-letter queues, groups of dead letters, and what was done with
// them: the output of the dlq commands, except for messages, which package messages renders.
package deadletters

import (
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/survey"
)

// FormatVersion is the version of all documents of this package.
const FormatVersion = "1"

// ListDocument is the dead-letter queues of one vhost or of all, as other programs read them.
type ListDocument struct {
	FormatVersion string `json:"format_version"`
	// VHost is the vhost that was listed; VHosts are those that were, where that is all of them.
	VHost  string           `json:"vhost,omitempty"`
	VHosts []string         `json:"vhosts,omitempty"`
	At     time.Time        `json:"at"`
	Queues []QueueDocument  `json:"queues"`
	Losing []LosingDocument `json:"losing"`
	// Lifted are delivery limits that msgctl commands lift, or that killed ones left lifted.
	Lifted []LiftedDocument `json:"lifted_limits,omitempty"`
	// Unsure are sentences about what could not be judged.
	Unsure []string `json:"unsure,omitempty"`
}

// QueueDocument is a queue that dead letters reach.
type QueueDocument struct {
	Name  string        `json:"name"`
	VHost string        `json:"vhost"`
	Type  string        `json:"type"`
	Role  discover.Role `json:"role"`
	Known bool          `json:"counts_known"`
	Ready int64         `json:"ready"`
	// Unacked messages are held by a consumer.
	Unacked   int64 `json:"unacked"`
	Consumers int64 `json:"consumers"`
	// OldestMS is the age of the message at the head in milliseconds, -1 when it is not known.
	OldestMS int64 `json:"oldest_ms"`
	// OldestUnknown is why it is not known.
	OldestUnknown string `json:"oldest_unknown,omitempty"`
	// Growth is in messages per minute since the previous listing; absent in the first.
	Growth *float64 `json:"growth_per_minute,omitempty"`
	// ByName is the framework whose error queues are named like this one, ByContent the one whose
	// convention the first message follows.
	ByName    string           `json:"by_name,omitempty"`
	ByContent string           `json:"by_content,omitempty"`
	Sources   []SourceDocument `json:"sources"`
	Browse    BrowseDocument   `json:"looking"`
}

// SourceDocument is one reason why dead letters reach a queue.
type SourceDocument struct {
	Queue    string   `json:"queue"`
	Exchange string   `json:"exchange"`
	Key      string   `json:"routing_key"`
	Original bool     `json:"original_key,omitempty"`
	Via      []string `json:"via,omitempty"`
	From     string   `json:"set_by"`
	Certain  bool     `json:"certain"`
	Why      string   `json:"why,omitempty"`
}

// BrowseDocument says whether the messages of a queue can be read without harm.
type BrowseDocument struct {
	// Safe is "yes", "with --guard", "with --force" or "no".
	Safe  string   `json:"safe"`
	Why   string   `json:"why,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// LosingDocument is a queue whose dead letters reach no queue.
type LosingDocument struct {
	VHost    string `json:"vhost"`
	Queue    string `json:"queue"`
	Exchange string `json:"exchange"`
	Key      string `json:"routing_key"`
	From     string `json:"set_by"`
	All      bool   `json:"all"`
	Certain  bool   `json:"certain"`
	Kept     bool   `json:"kept"`
	Reason   string `json:"reason"`
}

// LiftedDocument is a queue whose delivery limit a temporary policy lifts.
type LiftedDocument struct {
	VHost    string     `json:"vhost"`
	Queue    string     `json:"queue"`
	Policy   string     `json:"policy"`
	Operator bool       `json:"operator_policy,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	// Remove is the command that puts the limit back.
	Remove string `json:"remove"`
	Text   string `json:"text"`
}

// NewLiftedDocument makes the document of a lifted delivery limit.
func NewLiftedDocument(l browse.LiftedLimit) LiftedDocument {
	doc := LiftedDocument{VHost: l.VHost, Queue: l.Queue, Policy: l.Policy, Operator: l.Operator, Remove: l.Remove,
		Text: l.String()}
	if !l.Since.IsZero() {
		doc.Since = &l.Since
	}
	return doc
}

// NewQueueDocument makes the document of a queue as it was seen at a moment.
func NewQueueDocument(q survey.Queue, now time.Time) QueueDocument {
	doc := QueueDocument{
		Name: q.Name, VHost: q.VHost, Type: q.Type, Role: q.Role, ByName: q.ByName, ByContent: q.ByContent,
		Ready: q.Counts.Ready, Unacked: q.Counts.Unacked, Consumers: q.Counts.Consumers, Known: q.Counts.Known,
		OldestMS: -1, Browse: newBrowseDocument(q.Browse), Sources: make([]SourceDocument, 0, len(q.Sources)),
	}
	if q.ByName == discover.ByMatch {
		doc.ByName = "--match"
	}
	if q.Change.Known {
		perMinute := q.Change.PerMinute()
		doc.Growth = &perMinute
	}
	if !doc.Known || doc.Ready > 0 {
		doc.OldestUnknown, doc.ByContent = q.Head.Unknown, q.Head.Convention
		if !q.Head.Died.IsZero() {
			doc.OldestMS = max(0, now.Sub(q.Head.Died).Milliseconds())
		}
	}
	for _, s := range q.Sources {
		doc.Sources = append(doc.Sources, SourceDocument{
			Queue: s.Queue, Exchange: s.Exchange, Key: s.Key, Original: s.Original, Via: s.Via, From: s.From,
			Certain: s.Certainty == discover.Surely, Why: s.Why,
		})
	}
	return doc
}

// newBrowseDocument makes the document of an assessment.
func newBrowseDocument(l browse.Assessment) BrowseDocument {
	doc := BrowseDocument{Safe: "yes", Why: l.Refused}
	switch {
	case l.Refused == "":
	case l.Allow == browse.PermitOverride:
		doc.Safe = "with --guard"
	case l.Allow == browse.PermitForce:
		doc.Safe = "with --force"
	default:
		doc.Safe = "no"
	}
	for _, n := range l.Notes {
		doc.Notes = append(doc.Notes, n.Text)
	}
	return doc
}

// NewLosingDocument makes the document of a queue that loses dead letters.
func NewLosingDocument(l discover.Losing) LosingDocument {
	return LosingDocument{
		VHost: l.VHost, Queue: l.Queue, Exchange: l.Exchange, Key: l.Key, From: l.From, All: l.All,
		Certain: l.Certainty == discover.Surely, Kept: l.Kept, Reason: l.Reason,
	}
}

// LosingNow counts the queues that certainly lose their dead letters.
func (doc ListDocument) LosingNow() (n int) {
	for _, l := range doc.Losing {
		if l.Certain && !l.Kept {
			n++
		}
	}
	return n
}
