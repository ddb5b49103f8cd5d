// Package handle has what msgctl consume gives messages to: a command for each, a long-lived
// process, an HTTP endpoint, a table by event type.
//
// A handler says what is to become of a message; it settles nothing itself. What it gets is
// untrusted, and so is what a command or a server answers: outputs are bounded.
package handle

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Verdict is what is to become of a message.
type Verdict uint8

// The verdicts.
const (
	// Handled: it is done with, and leaves the queue.
	Handled Verdict = iota + 1
	// Retry: it may work later. The message goes to the next retry step, or, after the last one, to
	// the dead letters.
	Retry
	// DeadLetter: it will never work.
	DeadLetter
	// Return: it was not handled, for no fault of its own: it goes back to the queue.
	Return
)

// Types of failures. Handlers may have their own.
const (
	ErrorTimeout = "timeout"
	ErrorExit    = "exit"        // a command ended with another code than 0 and 75
	ErrorTemp    = "temporary"   // a command ended with 75
	ErrorSignal  = "signal"      // a command was killed
	ErrorStart   = "start"       // a command could not be started
	ErrorHTTP    = "http"        // a server answered with another status than 2xx; the status follows: http 404
	ErrorConnect = "connect"     // a server could not be reached
	ErrorAnswer  = "answer"      // a process answered something else than the protocol says
	ErrorInvalid = "invalid"     // the event breaks its schema
	ErrorUnknown = "unknown"     // no handler is named for the type
	ErrorCrash   = "crash"       // a process ended with the message in hand
	ErrorPanic   = "panic"       // a fault of msgctl's own, which this message brought out
	errorStopped = "interrupted" // of Return
)

// Failure says why a message was not handled.
type Failure struct {
	// Type is short and the same for failures of a kind: dlq inspect groups by it.
	Type string
	// Message is for people.
	Message string
}

// Error makes a Failure an error.
func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// Result is what a handler says of a message.
type Result struct {
	Verdict Verdict
	// Failure is nil when it was handled.
	Failure *Failure
	// After asks for at least this delay before the next attempt. It is rounded up to the delay of a
	// retry step.
	After time.Duration
	// Fatal, when set, ends the run.
	Fatal error
}

// Done says that a message was handled.
func Done() Result { return Result{Verdict: Handled} }

// Again says that it may work later.
func Again(kind, text string) Result {
	return Result{Verdict: Retry, Failure: &Failure{Type: kind, Message: text}}
}

// Never says that it will not work.
func Never(kind, text string) Result {
	return Result{Verdict: DeadLetter, Failure: &Failure{Type: kind, Message: text}}
}

// Stopped says that the handler was told to stop before it was done.
func Stopped() Result {
	return Result{Verdict: Return, Failure: &Failure{Type: errorStopped, Message: "the consumer stopped first"}}
}

// Broken says that the handler can handle nothing any more: the run ends with err.
func Broken(err error) Result {
	return Result{Verdict: Return, Failure: &Failure{Type: "broken", Message: err.Error()}, Fatal: err}
}

// Job is a message to handle. Its exchange and routing key are those of its first publication, not
// of a retry.
type Job struct {
	Message *message.Message
	// Attempt counts from 1.
	Attempt int
	// Last says that no attempt follows this one.
	Last bool
	// Type is the event's, or the property of that name; "" when it has none.
	Type string
	// Tag is the broker's delivery tag.
	Tag uint64
	// Trace is the span of the attempt, where there is one: what the handler does is to be in it.
	Trace Trace
	// By names the handler for the note in a dead letter; a handler that chooses among several sets
	// it.
	By string
}

// Handler handles messages, several at a time.
type Handler interface {
	// Handle returns when it is known what is to become of the message. When ctx ends it returns
	// soon, with Return unless it knows.
	Handle(ctx context.Context, j *Job) Result
	// Name is what a dead letter tells of the handler. It must contain no secret.
	Name() string
	// Close ends what the handler keeps. It waits for processes until ctx ends, and kills them
	// then.
	Close(ctx context.Context) error
}

// Discard handles every message by doing nothing.
type Discard struct{}

// Handle implements Handler.
func (Discard) Handle(context.Context, *Job) Result { return Done() }

// Name implements Handler.
func (Discard) Name() string { return "discard" }

// Close implements Handler.
func (Discard) Close(context.Context) error { return nil }
