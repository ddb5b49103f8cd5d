package deadletters

import (
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/replay"
)

// RunDocument is what a replay, move, purge, export or import did, or in a dry run would do.
type RunDocument struct {
	FormatVersion string `json:"format_version"`
	// Action is replay, move, copy, purge, export, drain, import or play (publish --archive).
	Action string `json:"action"`
	DryRun bool   `json:"dry_run,omitempty"`
	VHost  string `json:"vhost"`
	// Queue that messages were taken from; "" for an import.
	Queue string `json:"queue,omitempty"`
	Run   string `json:"run,omitempty"`
	// Done counts the messages that reached their target or were destroyed as asked; in a dry run,
	// those that would.
	Done    int64            `json:"done"`
	Targets []TargetDocument `json:"targets,omitempty"`
	// Skipped messages did not match.
	Skipped int64 `json:"skipped"`
	// HeldByOthers counts the messages that other consumers held when the run began: it does not
	// reach them.
	HeldByOthers int64            `json:"held_by_others,omitempty"`
	Stayed       []StayedDocument `json:"stayed,omitempty"`
	// Resent bounds the duplicates that a lost connection may have made.
	Resent int64 `json:"resent,omitempty"`
	// Altered messages were published without their user_id or CC header; headers of msgctl's own
	// keep them.
	Altered     int64            `json:"altered,omitempty"`
	Interrupted bool             `json:"interrupted,omitempty"`
	Aborted     string           `json:"aborted,omitempty"`
	Unreachable string           `json:"unreachable,omitempty"`
	Broken      []BrokenDocument `json:"broken,omitempty"`
	// Reorders says that what is returned to the queue may come behind the rest.
	Reorders bool `json:"-"`
	// File is the archive or report that was written or read.
	File      string `json:"file,omitempty"`
	Error     string `json:"error,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

// TargetDocument is a target that messages went to.
type TargetDocument struct {
	Exchange string `json:"exchange"`
	Key      string `json:"routing_key"`
	Messages int64  `json:"messages"`
	// CC has the further routing keys of these messages, and how many of them have each.
	CC map[string]int64 `json:"cc,omitempty"`
	// Reaches are the queues that get a copy; Possibly those that may, which headers or plugins
	// decide.
	Reaches  []string `json:"reaches,omitempty"`
	Possibly []string `json:"possibly,omitempty"`
	// ComesBack says that the queue that the messages are taken from is one of these.
	ComesBack bool `json:"comes_back,omitempty"`
	// Drops says which of these queues drop what is too much for them.
	Drops []string `json:"drops,omitempty"`
}

// StayedDocument counts messages that stayed in their queue for one reason.
type StayedDocument struct {
	Reason   replay.Reason `json:"reason"`
	Messages int64         `json:"messages"`
	Example  string        `json:"example,omitempty"`
}

// BrokenDocument is a place where an archive cannot be read.
type BrokenDocument struct {
	Line   int64  `json:"line"`
	Byte   int64  `json:"byte"`
	Final  bool   `json:"final,omitempty"`
	Reason string `json:"reason"`
}

// NewRunDocument makes the document of a result.
func NewRunDocument(action string, r replay.Result, elapsed time.Duration) RunDocument {
	doc := RunDocument{
		FormatVersion: FormatVersion, Action: action, Queue: r.Queue, Run: r.ID, Done: r.Done, Skipped: r.Skipped,
		Resent: r.Resent, Altered: r.Altered, Interrupted: r.Interrupted, Aborted: r.Aborted, Unreachable: r.Unreachable,
		ElapsedMS: elapsed.Milliseconds(),
	}
	doc.counts(r.Targets, r.Stayed)
	return doc
}

// NewDryRunDocument makes the document of what would be done.
func NewDryRunDocument(action, queue string, p replay.Plan, elapsed time.Duration) RunDocument {
	doc := RunDocument{
		FormatVersion: FormatVersion, Action: action, DryRun: true, Queue: queue, Done: p.Sends,
		Skipped: p.Browsed - p.Matching, Altered: p.Altered, ElapsedMS: elapsed.Milliseconds(),
	}
	doc.counts(p.Targets, p.Stays)
	return doc
}

func (doc *RunDocument) counts(targets []replay.TargetCount, stayed []replay.ReasonCount) {
	for _, t := range targets {
		doc.Targets = append(doc.Targets, TargetDocument{Exchange: t.Exchange, Key: t.Key, Messages: t.Messages, CC: t.CC})
	}
	for _, s := range stayed {
		doc.Stayed = append(doc.Stayed, StayedDocument{Reason: s.Reason, Messages: s.Messages, Example: s.Example})
	}
}

// Stays is how many messages matched and stayed.
func (doc *RunDocument) Stays() (n int64) {
	for _, s := range doc.Stayed {
		n += s.Messages
	}
	return n
}

// Denied reports whether nothing is done because the login may not publish any of it.
func (doc *RunDocument) Denied() bool {
	return doc.Done == 0 && len(doc.Stayed) == 1 && doc.Stayed[0].Reason == replay.ReasonPermission
}

// broken counts the places where an archive could not be read. How many messages that concerns is
// not known.
func (doc *RunDocument) broken() (n int64) {
	for _, s := range doc.Stayed {
		if s.Reason == replay.ReasonBroken {
			n += s.Messages
		}
	}
	return n
}
