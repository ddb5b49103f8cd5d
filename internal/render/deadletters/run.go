package deadletters

import (
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/replay"
)

// RunDocument is the outcome of a replay, move, purge, export or import, or the predicted outcome
// of a dry run.
type RunDocument struct {
	FormatVersion string `json:"format_version"`
	// Action is replay, move, copy, purge, export, drain, import or play (publish --archive).
	Action string `json:"action"`
	DryRun bool   `json:"dry_run,omitempty"`
	VHost  string `json:"vhost"`
	// Queue is the queue that messages are taken from, "" for an import.
	Queue string `json:"queue,omitempty"`
	Run   string `json:"run,omitempty"`
	// Done is the number of messages that reached their target or were destroyed as requested. In a
	// dry run it is the predicted number.
	Done    int64            `json:"done"`
	Targets []TargetDocument `json:"targets,omitempty"`
	// Skipped is the number of messages that did not match.
	Skipped int64 `json:"skipped"`
	// HeldByOthers is the number of messages that other consumers held when the run began. The run
	// does not reach them.
	HeldByOthers int64            `json:"held_by_others,omitempty"`
	Stayed       []StayedDocument `json:"stayed,omitempty"`
	// Resent is an upper bound of the duplicates that a lost connection may have caused.
	Resent int64 `json:"resent,omitempty"`
	// Altered is the number of messages that were published without their user_id or CC header.
	// Headers of msgctl keep the removed values.
	Altered     int64            `json:"altered,omitempty"`
	Interrupted bool             `json:"interrupted,omitempty"`
	Aborted     string           `json:"aborted,omitempty"`
	Unreachable string           `json:"unreachable,omitempty"`
	Broken      []BrokenDocument `json:"broken,omitempty"`
	// Reorders reports whether messages that are returned to the queue may end up behind the
	// others.
	Reorders bool `json:"-"`
	// File is the archive or report that was written or read.
	File      string `json:"file,omitempty"`
	Error     string `json:"error,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

// TargetDocument is a target of messages.
type TargetDocument struct {
	Exchange string `json:"exchange"`
	Key      string `json:"routing_key"`
	Messages int64  `json:"messages"`
	// CC maps each further routing key of these messages to the number of messages that have it.
	CC map[string]int64 `json:"cc,omitempty"`
	// Reaches are the queues that get a copy. Possibly are the queues that may get one, depending
	// on headers or plugins.
	Reaches  []string `json:"reaches,omitempty"`
	Possibly []string `json:"possibly,omitempty"`
	// ComesBack reports whether these include the queue that the messages are taken from.
	ComesBack bool `json:"comes_back,omitempty"`
	// Drops are those of these queues that drop messages if they are full.
	Drops []string `json:"drops,omitempty"`
}

// StayedDocument counts the messages that stayed in their queue for one reason.
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

// NewRunDocument returns the document of a result.
func NewRunDocument(action string, r replay.Result, elapsed time.Duration) RunDocument {
	doc := RunDocument{
		FormatVersion: FormatVersion, Action: action, Queue: r.Queue, Run: r.ID, Done: r.Done, Skipped: r.Skipped,
		Resent: r.Resent, Altered: r.Altered, Interrupted: r.Interrupted, Aborted: r.Aborted, Unreachable: r.Unreachable,
		ElapsedMS: elapsed.Milliseconds(),
	}
	doc.counts(r.Targets, r.Stayed)
	return doc
}

// NewDryRunDocument returns the document of a dry run.
func NewDryRunDocument(action, queue string, p replay.DryRunResult, elapsed time.Duration) RunDocument {
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

// Stays returns the number of messages that matched and stayed.
func (doc *RunDocument) Stays() (n int64) {
	for _, s := range doc.Stayed {
		n += s.Messages
	}
	return n
}

// Denied reports whether nothing is done because the login may not publish any of the messages.
func (doc *RunDocument) Denied() bool {
	return doc.Done == 0 && len(doc.Stayed) == 1 && doc.Stayed[0].Reason == replay.ReasonPermission
}

// broken returns the number of places where an archive could not be read. The number of affected
// messages is unknown.
func (doc *RunDocument) broken() (n int64) {
	for _, s := range doc.Stayed {
		if s.Reason == replay.ReasonBroken {
			n += s.Messages
		}
	}
	return n
}
