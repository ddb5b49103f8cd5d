package replay

import (
	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
)

// Types that runs share with everything else that moves messages. internal/pipeline and its package
// report define and document them.
type (
	// Archive stores messages before they leave their queue.
	Archive = pipeline.Archive
	// Reason is a stable code for why a message stays in its queue.
	Reason = report.Reason
	// Outcome is what happened to one message.
	Outcome = report.Outcome
	// Result is the result of a run.
	Result = report.Result
	// TargetCount is how many messages went to a target.
	TargetCount = report.TargetCount
	// ReasonCount is how many messages stay for a reason.
	ReasonCount = report.ReasonCount
	// Record is one message in a report.
	Record = report.Record
	// RecordTarget is a target in a report.
	RecordTarget = report.RecordTarget
	// Recorder receives what happened to each message.
	Recorder = report.Recorder
	// Observer receives the progress and the notices of a run.
	Observer = report.Observer
	// Progress is how far a run has come.
	Progress = report.Progress
	// Notice is an event that users should see at once.
	Notice = report.Notice
	// NoticeKind is the kind of a Notice.
	NoticeKind = report.NoticeKind
	// Sending is called for each message when it is first sent.
	Sending = report.Sending
)

// The reasons.
const (
	ReasonNoHistory   = report.ReasonNoHistory
	ReasonQueueGone   = report.ReasonQueueGone
	ReasonSameQueue   = report.ReasonSameQueue
	ReasonMaxReplays  = report.ReasonMaxReplays
	ReasonDiedAgain   = report.ReasonDiedAgain
	ReasonUnreadable  = report.ReasonUnreadable
	ReasonTooLarge    = report.ReasonTooLarge
	ReasonInvalid     = report.ReasonInvalid
	ReasonUnroutable  = report.ReasonUnroutable
	ReasonNacked      = report.ReasonNacked
	ReasonNoRoom      = report.ReasonNoRoom
	ReasonRefused     = report.ReasonRefused
	ReasonPermission  = report.ReasonPermission
	ReasonUnknown     = report.ReasonUnknown
	ReasonInterrupted = report.ReasonInterrupted
	ReasonNotArchived = report.ReasonNotArchived
	ReasonBroken      = report.ReasonBroken
)

// The outcomes.
const (
	OutcomeReplayed  = report.OutcomeReplayed
	OutcomeMoved     = report.OutcomeMoved
	OutcomeCopied    = report.OutcomeCopied
	OutcomeDiscarded = report.OutcomeDiscarded
	OutcomeArchived  = report.OutcomeArchived
	OutcomeRestored  = report.OutcomeRestored
	OutcomeStayed    = report.OutcomeStayed
)

// The kinds of notices.
const (
	NoticeReconnecting = report.NoticeReconnecting
	NoticeReconnected  = report.NoticeReconnected
	NoticePaused       = report.NoticePaused
	NoticeResumed      = report.NoticeResumed
	NoticeStage        = report.NoticeStage
)
