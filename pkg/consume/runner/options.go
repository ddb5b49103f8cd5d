// Package runner takes messages from a queue, gives them to a handler, and settles them.
//
// What it guarantees: a message is acknowledged only after it was handled, or after the broker has
// confirmed its copy in a wait queue or a dead-letter target. Whatever breaks in between (a
// connection, the broker, this process) leads to a message that comes again, never to one that is
// gone. What cannot be moved stays in hand and is tried again; meanwhile the others go on.
//
// The engine (internal/pipeline/dispatch) receives, keeps lanes, acknowledges and reconnects. This
// package decides about each attempt: what the handler's result means, where a retry waits, what
// becomes a dead letter.
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

// DefaultGrace is how long running handlers have to end when Options do not say.
const DefaultGrace = 30 * time.Second

// Options say how to consume. Source, Handler and Plan are needed.
type Options struct {
	Source consume.Source
	// Dialer publishes retries and dead letters. It may be nil when the plan has no place to
	// publish to.
	Dialer  publish.Dialer
	Handler handle.Handler
	Plan    retry.Plan
	// Prefetch is how many messages are in hand at once, Concurrency how many of them are handled
	// at once. Default 1 each.
	Prefetch, Concurrency int
	// Key, when set, orders messages: those with the same key are handled one after another,
	// retries included. "" is no key. A retry waits in hand then, and what has the same key behind
	// it. The queue is consumed exclusively. It must not delay retries itself: what a lost
	// connection returns would be overtaken.
	Key func(*message.Message) string
	// Type tells the event's type, and a failure when the message is not fit to be handled at all.
	// nil takes the property.
	Type func(*message.Message) (string, *handle.Result)
	// CheckTimeout is how long Key and Type may take for a message, which fails for now when they
	// take longer; 0 is for ever. Then they go on by themselves: they must change nothing.
	CheckTimeout time.Duration
	// Dedupe is how many ids of handled messages are remembered; one that comes again is
	// acknowledged unhandled. 0 remembers none.
	Dedupe int
	// Grace is how long running handlers have after ctx has ended. Default 30 s.
	Grace time.Duration
	// Limit ends the run after so many attempts; 0 is no limit. Idle ends it when there was nothing
	// to do for so long, or three times as long while the queue has messages; 0 never does.
	Limit int64
	Idle  time.Duration
	// ReconnectDelay is the pause before the second attempt to restore a lost connection; before
	// the n-th it is n-1 times as long. Default 5 s. ReconnectAttempts is how often it is tried in
	// a row, default 10; negative: never.
	ReconnectDelay    time.Duration
	ReconnectAttempts int
	// Tag is shown in the broker's list of consumers.
	Tag string
	// Observer is told what happens; nil is told nothing.
	Observer Observer
}

// Observer is told what happens. Its methods are called from many goroutines and must return soon.
type Observer interface {
	// Begin: an attempt begins. What it returns is passed to End. It may set j.Trace.
	Begin(j *handle.Job) any
	// End: it is known for certain what became of an attempt, copies confirmed.
	End(e End)
	// Notice: something happened that a user may want to know.
	Notice(n Notice)
}

// Outcome is what became of an attempt.
type Outcome string

// The outcomes.
const (
	Handled      Outcome = "handled"
	Retried      Outcome = "retried"
	DeadLettered Outcome = "dead-lettered"
	Dropped      Outcome = "dropped"
	// Duplicate: its id was handled before.
	Duplicate Outcome = "duplicate"
	// Returned: it was not handled, and goes back to the queue.
	Returned Outcome = "returned"
)

// End is the end of an attempt.
type End struct {
	Job     *handle.Job
	Outcome Outcome
	Failure *handle.Failure // nil when it was handled
	// Took is how long the handler did.
	Took time.Duration
	// Wait is that of a retry. Target is where a copy went, nil when there is none.
	Wait   time.Duration
	Target *publish.Target
	// Begun is what Begin returned, nil when no handler was asked.
	Begun any
}

// NoticeKind says what a Notice tells.
type NoticeKind string

// The kinds of notices.
const (
	NoticeConnected    NoticeKind = "connected"
	NoticeReconnecting NoticeKind = "reconnecting"
	NoticePaused       NoticeKind = "paused"
	NoticeResumed      NoticeKind = "resumed"
	// NoticeStuck: a copy was not confirmed where it has to go; the message stays in hand, and it
	// is tried again.
	NoticeStuck NoticeKind = "stuck"
	// NoticeUndelivered: the run ends for idleness, though its queue has messages.
	NoticeUndelivered NoticeKind = "undelivered"
	NoticeDraining    NoticeKind = "draining"
)

// Notice is for people.
type Notice struct {
	Kind NoticeKind
	Text string
	// Publishing: it is about the connection that publishes retries and dead letters, not the one
	// that receives.
	Publishing bool
}

// Report is what a run came to. Its counts are of attempts.
type Report struct {
	Handled, Retried, DeadLettered, Dropped, Duplicates, Returned int64
	// Unfinished are those of the Returned that no lost connection brought back: the run had begun
	// them, and left them in the queue.
	Unfinished int64
	// Reconnects counts connections that were restored.
	Reconnects int64
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

func (noObserver) Begin(*handle.Job) any { return nil }
func (noObserver) End(End)               {}
func (noObserver) Notice(Notice)         {}
