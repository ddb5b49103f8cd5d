// Package handle has the handlers to which msgctl consume passes messages: a command per message, a
// long-lived process, an HTTP endpoint, and a table by event type.
//
// A handler decides what happens to a message; it settles nothing itself. Messages are untrusted
// input, and so are the answers of commands and servers: output is limited in size.
package handle

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Verdict is a handler's decision about a message.
type Verdict uint8

// The verdicts.
const (
	// Handled means that the message is done and leaves the queue.
	Handled Verdict = iota + 1
	// Retry means that a later attempt may succeed. The message goes to the next retry step or,
	// after the last one, to the dead-letter target.
	Retry
	// DeadLetter means that no attempt will succeed.
	DeadLetter
	// Return means that the message was not handled, through no fault of its own. It goes back to
	// the queue.
	Return
)

// Types of failures. Handlers may define their own.
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
	ErrorPanic   = "panic"       // this message triggered a bug in msgctl
	errorStopped = "interrupted" // of Return
)

// Failure says why a message was not handled.
type Failure struct {
	// Type is short and the same for failures of one kind: dlq inspect groups by it.
	Type string
	// Message describes the failure for users.
	Message string
}

// Error returns the type and the message, so that a Failure is an error.
func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// Result is the outcome of handling a message.
type Result struct {
	Verdict Verdict
	// Failure is nil when the message was handled.
	Failure *Failure
	// After is the minimum delay before the next attempt. It is rounded up to the delay of a retry
	// step.
	After time.Duration
	// Fatal, if not nil, ends the run.
	Fatal error
}

// Done returns the result for a message that was handled.
func Done() Result { return Result{Verdict: Handled} }

// Again returns a Retry result with a failure of the given type and message.
func Again(kind, text string) Result {
	return Result{Verdict: Retry, Failure: &Failure{Type: kind, Message: text}}
}

// Never returns a DeadLetter result with a failure of the given type and message.
func Never(kind, text string) Result {
	return Result{Verdict: DeadLetter, Failure: &Failure{Type: kind, Message: text}}
}

// Stopped returns the result for a handler that was told to stop before it was done.
func Stopped() Result {
	return Result{Verdict: Return, Failure: &Failure{Type: errorStopped, Message: "the consumer stopped first"}}
}

// Broken returns the result for a handler that cannot handle any more messages. The run ends with
// err.
func Broken(err error) Result {
	return Result{Verdict: Return, Failure: &Failure{Type: "broken", Message: err.Error()}, Fatal: err}
}

// Attempt is one attempt to handle a message. The message's exchange and routing key are those of
// its first publication, not those of a retry.
type Attempt struct {
	Message *message.Message
	// Number counts the attempts for the message, from 1.
	Number int
	// Last reports whether this is the last attempt.
	Last bool
	// Type is the event type or the type property; "" if the message has neither.
	Type string
	// Tag is the broker's delivery tag.
	Tag uint64
	// Trace is the span of this attempt, if there is one. The handler's own spans belong below it.
	Trace Trace
	// By names the handler in the failure note of a dead letter. A handler that chooses among
	// others sets it.
	By string
}

// Handler handles messages. It is called for several messages at a time.
type Handler interface {
	// Handle returns when the outcome of the message is known. When ctx ends, it returns soon, with
	// Return unless the outcome is known.
	Handle(ctx context.Context, a *Attempt) Result
	// Name is recorded in dead letters. It must not contain secrets.
	Name() string
	// Close releases the handler's resources. It waits for processes until ctx ends, then kills
	// them. Handle must not be called afterwards. An error says what could not be released.
	Close(ctx context.Context) error
}

// Discard is a Handler that reports every message as handled without doing anything.
type Discard struct{}

// Handle implements Handler.
func (Discard) Handle(context.Context, *Attempt) Result { return Done() }

// Name implements Handler.
func (Discard) Name() string { return "discard" }

// Close implements Handler. It never fails.
func (Discard) Close(context.Context) error { return nil }
