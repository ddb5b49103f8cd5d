package replay

import (
	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
)

// What runs share with everything else that moves messages: internal/pipeline and its
// package report define and document it.
type (
	// Archive is where messages are kept before they leave their queue.
	Archive = pipeline.Archive
	// Reason is a stable code for why a message stays where it is.
	Reason = report.Reason
	// Outcome is what became of one message.
	Outcome = report.Outcome
	// Result says what a run did.
	Result = report.Result
	// TargetCount says how many messages went to a target.
	TargetCount = report.TargetCount
	// ReasonCount says how many messages stay for a reason.
	ReasonCount = report.ReasonCount
	// Record is one message in a report.
	Record = report.Record
	// RecordTarget is a target in a report.
	RecordTarget = report.RecordTarget
	// Recorder is told what became of each message.
	Recorder = report.Recorder
	// Observer is told what happens.
	Observer = report.Observer
	// Progress says how far a run is.
	Progress = report.Progress
	// Notice is something a person who watches wants to know when it happens.
	Notice = report.Notice
	// NoticeKind says what a Notice tells.
	NoticeKind = report.NoticeKind
	// Sending is told of each message when it is first sent.
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
