package report

import "github.com/msgctl/msgctl/pkg/publish"

// Outcome is the result for one message.
type Outcome string

// The outcomes.
const (
	OutcomeReplayed  Outcome = "replayed"
	OutcomeMoved     Outcome = "moved"
	OutcomeCopied    Outcome = "copied"
	OutcomeDiscarded Outcome = "discarded"
	OutcomeArchived  Outcome = "archived"
	OutcomeRestored  Outcome = "restored"
	OutcomeStayed    Outcome = "stayed"
)

// Record is one message in a report. Messages that do not match a filter have no record. After a
// lost connection, a message that stayed is read again, so it may have several records: the last
// one counts.
type Record struct {
	Outcome Outcome `json:"outcome"`
	// MessageID is the message_id of the message, which may be empty or not unique.
	MessageID string `json:"messageId,omitempty"`
	// Run is the id of the run.
	Run string `json:"run,omitempty"`
	// Queue is the queue of the message, or "" if it came from an archive.
	Queue string `json:"queue,omitempty"`
	// Target is the target to which the message went or should have gone, or nil if there is none.
	Target *RecordTarget `json:"target,omitempty"`
	// Reason and Detail say why the message stayed.
	Reason Reason `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Line is the line of the message in the archive from which it is restored, from 1.
	Line int64 `json:"line,omitempty"`
}

// RecordTarget is a target in a report.
type RecordTarget struct {
	Exchange string `json:"exchange"`
	Key      string `json:"routingKey"`
}

// TargetOf returns a target in the form of a record, or nil for nil.
func TargetOf(t *publish.Target) *RecordTarget {
	if t == nil {
		return nil
	}
	return &RecordTarget{t.Exchange, t.Key}
}

// Recorder receives the outcome of each message. Record may be called from several goroutines. An
// error ends the run gracefully.
type Recorder interface {
	Record(Record) error
}
