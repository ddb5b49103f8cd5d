package replay

import "github.com/msgctl/msgctl/internal/pipeline"

// What runs share with everything else that moves messages: internal/pipeline defines and documents
// it.
type (
	// Archive is where messages are kept before they leave their queue.
	Archive = pipeline.Archive
	// Reason is a stable code for why a message stays where it is.
	Reason = pipeline.Reason
	// Outcome is what became of one message.
	Outcome = pipeline.Outcome
	// Result says what a run did.
	Result = pipeline.Result
	// TargetCount says how many messages went to a target.
	TargetCount = pipeline.TargetCount
	// ReasonCount says how many messages stay for a reason.
	ReasonCount = pipeline.ReasonCount
	// Record is one message in a report.
	Record = pipeline.Record
	// RecordTarget is a target in a report.
	RecordTarget = pipeline.RecordTarget
	// Recorder is told what became of each message.
	Recorder = pipeline.Recorder
	// Observer is told what happens.
	Observer = pipeline.Observer
	// Progress says how far a run is.
	Progress = pipeline.Progress
	// Notice is something a person who watches wants to know when it happens.
	Notice = pipeline.Notice
	// NoticeKind says what a Notice tells.
	NoticeKind = pipeline.NoticeKind
	// Sending is told of each message when it is first sent.
	Sending = pipeline.Sending
)

// The reasons.
const (
	ReasonNoHistory   = pipeline.ReasonNoHistory
	ReasonQueueGone   = pipeline.ReasonQueueGone
	ReasonSameQueue   = pipeline.ReasonSameQueue
	ReasonMaxReplays  = pipeline.ReasonMaxReplays
	ReasonDiedAgain   = pipeline.ReasonDiedAgain
	ReasonUnreadable  = pipeline.ReasonUnreadable
	ReasonUnroutable  = pipeline.ReasonUnroutable
	ReasonNacked      = pipeline.ReasonNacked
	ReasonRefused     = pipeline.ReasonRefused
	ReasonUnknown     = pipeline.ReasonUnknown
	ReasonInterrupted = pipeline.ReasonInterrupted
	ReasonNotArchived = pipeline.ReasonNotArchived
	ReasonBroken      = pipeline.ReasonBroken
)

// The outcomes.
const (
	OutcomeReplayed  = pipeline.OutcomeReplayed
	OutcomeMoved     = pipeline.OutcomeMoved
	OutcomeCopied    = pipeline.OutcomeCopied
	OutcomeDiscarded = pipeline.OutcomeDiscarded
	OutcomeArchived  = pipeline.OutcomeArchived
	OutcomeRestored  = pipeline.OutcomeRestored
	OutcomeStayed    = pipeline.OutcomeStayed
)

// The kinds of notices.
const (
	NoticeReconnecting = pipeline.NoticeReconnecting
	NoticeReconnected  = pipeline.NoticeReconnected
	NoticePaused       = pipeline.NoticePaused
	NoticeResumed      = pipeline.NoticeResumed
	NoticeStage        = pipeline.NoticeStage
)
