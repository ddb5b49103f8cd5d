// Package runner takes messages from a queue, passes them to a handler, and settles them.
//
// It acknowledges a message only after the handler has handled it, or after the broker has
// confirmed a copy in a wait queue or at the dead-letter target. A failure in between (of the
// connection, the broker or this process) may deliver a message again, but never loses it. A
// message whose copy cannot be published stays unsettled and is tried again; other messages
// continue.
//
// The engine (internal/pipeline/dispatch) receives, orders messages in lanes, acknowledges and
// reconnects. This package decides about each attempt: what the handler's result means, where a
// retry waits, and what becomes a dead letter.
package runner

import (
	"cmp"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// DefaultGrace is the default of Options.Grace.
const DefaultGrace = 30 * time.Second

// Options configure a run. Source, Handler and Retry are required.
type Options struct {
	Source consume.Source
	// Dialer publishes retries and dead letters. It may be nil when Retry publishes nothing.
	Dialer  publish.Dialer
	Handler handle.Handler
	Retry   retry.Strategy
	// Prefetch is the maximum number of unsettled messages, Concurrency the maximum number handled
	// at once. The default of both is 1.
	Prefetch, Concurrency int
	// Key, if not nil, orders messages: those with the same key are handled one after another,
	// including retries. "" means no key. A retry then waits unsettled, and so do the messages with
	// the same key behind it. The queue is consumed exclusively. It must not delay retries itself:
	// messages returned by a lost connection would be overtaken.
	Key func(*message.Message) string
	// Type returns the event type, or a result if the message must not be handled at all. If it is
	// nil, the type property is used.
	Type func(*message.Message) (string, *handle.Result)
	// CheckTimeout limits the time that Key and Type may take for one message; 0 means no limit.
	// When it expires, the message fails for now. The function keeps running, so it must not change
	// anything.
	CheckTimeout time.Duration
	// Dedupe is the number of remembered ids of handled messages. A message with a remembered id is
	// acknowledged without being handled. 0 remembers none.
	Dedupe int
	// Grace is how long running handlers may continue after ctx has ended. Default 30 s.
	Grace time.Duration
	// Limit ends the run after this many attempts; 0 means no limit. Idle ends it after this long
	// without work, or three times as long while the queue still has messages; 0 means never.
	Limit int64
	Idle  time.Duration
	// ReconnectDelay is the pause before the second attempt to restore a lost connection; the pause
	// before the n-th attempt is n-1 times as long. Default 5 s. ReconnectAttempts is the maximum
	// number of attempts in a row. Default 10; a negative value disables reconnecting.
	ReconnectDelay    time.Duration
	ReconnectAttempts int
	// ConfirmTimeout is how long the broker may stay silent about retries and dead letters in flight
	// before the connection that publishes counts as lost. Default 30 s; a negative value waits
	// without limit.
	ConfirmTimeout time.Duration
	// Tag is shown in the broker's list of consumers.
	Tag string
	// Observer is notified of the run's events; it may be nil.
	Observer Observer
}

// Observer is notified of the run's events. Its methods are called from many goroutines and must
// return quickly.
type Observer interface {
	// Begin is called when an attempt begins. Its result is passed to End. It may set j.Trace.
	Begin(j *handle.Attempt) any
	// End is called when the outcome of an attempt is certain, including confirms of copies.
	End(e End)
	// Notice is called for events that a user may want to see.
	Notice(n Notice)
}

// Outcome is the outcome of an attempt.
type Outcome string

// The outcomes.
const (
	Handled      Outcome = "handled"
	Retried      Outcome = "retried"
	DeadLettered Outcome = "dead-lettered"
	Dropped      Outcome = "dropped"
	// Duplicate means that a message with the same id was handled before.
	Duplicate Outcome = "duplicate"
	// Returned means that the message was not handled and goes back to the queue.
	Returned Outcome = "returned"
)

// End describes the end of an attempt.
type End struct {
	Attempt *handle.Attempt
	Outcome Outcome
	Failure *handle.Failure // nil when it was handled
	// Took is how long the handler ran.
	Took time.Duration
	// Wait is the delay before a retry. Target is where the copy was published; nil if there is
	// none.
	Wait   time.Duration
	Target *publish.Target
	// Begun is the result of Begin; nil when no handler was called.
	Begun any
}

// NoticeKind is the kind of a Notice.
type NoticeKind string

// The kinds of notices.
const (
	NoticeConnected    NoticeKind = "connected"
	NoticeReconnecting NoticeKind = "reconnecting"
	NoticePaused       NoticeKind = "paused"
	NoticeResumed      NoticeKind = "resumed"
	// NoticeStuck means that a message cannot be passed on. If a copy was not confirmed, the message
	// stays unsettled and the copy is published again. A message whose headers cannot be read stays
	// in its queue.
	NoticeStuck NoticeKind = "stuck"
	// NoticeTooLarge means that a message stays in the queue because its body is larger than what is
	// read.
	NoticeTooLarge NoticeKind = "too-large"
	// NoticeUndelivered means that the run ends because it is idle although its queue has messages.
	NoticeUndelivered NoticeKind = "undelivered"
	NoticeDraining    NoticeKind = "draining"
)

// Notice is an event to show to users.
type Notice struct {
	Kind NoticeKind
	Text string
	// Publishing reports whether the notice is about the connection that publishes retries and dead
	// letters, rather than the one that receives.
	Publishing bool
}

// Report is the result of a run. It counts attempts.
type Report struct {
	Handled, Retried, DeadLettered, Dropped, Duplicates, Returned int64
	// Unfinished is the part of Returned that was not returned by a lost connection: the run had
	// begun these attempts and left the messages in the queue.
	Unfinished int64
	// Undelivered means that the run ended as idle although its queue had messages, or the leader of
	// the queue did not answer.
	Undelivered bool
	// Reconnects is the number of restored connections.
	Reconnects int64
}

// Count counts an attempt with this outcome. It leaves Unfinished alone.
func (r *Report) Count(o Outcome) {
	switch o {
	case Handled:
		r.Handled++
	case Retried:
		r.Retried++
	case DeadLettered:
		r.DeadLettered++
	case Dropped:
		r.Dropped++
	case Duplicate:
		r.Duplicates++
	case Returned:
		r.Returned++
	}
}

func (o *Options) withDefaults() {
	o.Concurrency = max(o.Concurrency, 1)
	o.Prefetch = max(o.Prefetch, o.Concurrency)
	o.Grace = cmp.Or(o.Grace, DefaultGrace)
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
}

type noObserver struct{}

func (noObserver) Begin(*handle.Attempt) any { return nil }
func (noObserver) End(End)                   {}
func (noObserver) Notice(Notice)             {}
