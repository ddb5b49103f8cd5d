// Package deadletters renders the output of the dlq commands: dead-letter queues, groups of dead
// letters, and the outcome of replays, moves and other runs. Package messages renders single
// messages.
package deadletters

import (
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/survey"
)

// FormatVersion is the version of all documents of this package.
const FormatVersion = "1"

// ListDocument contains the dead-letter queues of one vhost or of all vhosts, for other programs.
type ListDocument struct {
	FormatVersion string `json:"format_version"`
	// VHost is the listed vhost. If all vhosts were listed, VHosts names them instead.
	VHost  string           `json:"vhost,omitempty"`
	VHosts []string         `json:"vhosts,omitempty"`
	At     time.Time        `json:"at"`
	Queues []QueueDocument  `json:"queues"`
	Losing []LosingDocument `json:"losing"`
	// Lifted are the delivery limits that msgctl commands currently lift or that killed commands
	// did not restore.
	Lifted []LiftedDocument `json:"lifted_limits,omitempty"`
	// Unsure are sentences that say what could not be determined.
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
	// Unacked is the number of messages that consumers hold.
	Unacked   int64 `json:"unacked"`
	Consumers int64 `json:"consumers"`
	// OldestMS is the age of the message at the head of the queue in milliseconds, or -1 if it is
	// unknown.
	OldestMS int64 `json:"oldest_ms"`
	// OldestUnknown says why OldestMS is unknown.
	OldestUnknown string `json:"oldest_unknown,omitempty"`
	// Growth is the growth since the previous listing, in messages per minute. It is absent in the
	// first.
	Growth *float64 `json:"growth_per_minute,omitempty"`
	// ByName is the framework whose error queues have names like this one. ByContent is the
	// framework whose convention the first message follows.
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

// BrowseDocument says whether the messages of a queue can be read safely.
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
	// Remove is the command that restores the limit.
	Remove string `json:"remove"`
	Text   string `json:"text"`
}

// NewLiftedDocument returns the document of a lifted delivery limit.
func NewLiftedDocument(l browse.LiftedLimit) LiftedDocument {
	doc := LiftedDocument{VHost: l.VHost, Queue: l.Queue, Policy: l.Policy, Operator: l.Operator, Remove: l.Remove,
		Text: l.String()}
	if !l.Since.IsZero() {
		doc.Since = &l.Since
	}
	return doc
}

// NewQueueDocument returns the document of a queue. now is the time to compute ages from.
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

// newBrowseDocument returns the document of an assessment.
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

// NewLosingDocument returns the document of a queue that loses dead letters.
func NewLosingDocument(l discover.Losing) LosingDocument {
	return LosingDocument{
		VHost: l.VHost, Queue: l.Queue, Exchange: l.Exchange, Key: l.Key, From: l.From, All: l.All,
		Certain: l.Certainty == discover.Surely, Kept: l.Kept, Reason: l.Reason,
	}
}

// LosingNow returns the number of queues that certainly lose their dead letters.
func (doc ListDocument) LosingNow() (n int) {
	for _, l := range doc.Losing {
		if l.Certain && !l.Kept {
			n++
		}
	}
	return n
}
