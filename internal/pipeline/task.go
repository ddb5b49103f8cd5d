package pipeline

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Action is what happens to one message.
type Action uint8

// What can happen to a message.
const (
	Skip    Action = iota // does not match: returned at the end, not reported
	Leave                 // stays, for a reason that is reported
	Process               // apply the effect
)

// Decision says what a Task does with one message.
type Decision struct {
	Action Action
	Reason report.Reason // for Leave
	Detail string
	// Outside marks a message to leave that is not part of the snapshot: it came after the start.
	Outside bool
	Target  *publish.Target
	// Message is the message that the effect gets.
	Message *message.Message
	// Altered reports whether something had to be removed from Message.
	Altered bool
}

// LeaveUnread returns the decision to leave a message that was not read.
func LeaveUnread(m *message.Message) Decision {
	d := Decision{Action: Leave, Reason: report.ReasonUnreadable}
	if m.Unread.TooLarge {
		d.Reason = report.ReasonTooLarge
	}
	d.Detail = fmt.Sprintf("message %q: %s", m.MessageID, m.Unread.Why)
	return d
}

// Admission decides, right before a message is sent, whether its target keeps it. The reader asks
// it, and asks again if a message must be sent again because a connection was lost.
type Admission interface {
	// Admit returns why a message must stay, or "" if it may be sent.
	Admit(to publish.Target, m *message.Message) (reason report.Reason, detail string)
	// Refund is called when an admitted message did not reach its target.
	Refund(to publish.Target, m *message.Message)
}

// Task describes a run.
type Task struct {
	Source  consume.Source
	Counter Counter // nil: the run ends when no more deliveries come
	Queue   string
	// Prefetch is the maximum number of unsettled messages, and so of duplicates after a crash.
	Prefetch int
	// Total is the snapshot: the maximum number of messages that are read.
	Total int64
	// Limit is the maximum number of messages that are processed; 0 means no limit.
	Limit int64
	// Keep leaves processed messages in the queue.
	Keep bool
	// Stream says that Queue is a stream. It is read from Offset to LastOffset. A negative
	// LastOffset is unknown.
	Stream     bool
	Offset     any
	LastOffset int64
	// ReturnBy is the way in which messages that stay are returned.
	ReturnBy ReturnBy
	// Decide is called for each message. A message that was not read is never processed, whatever
	// Decide returns.
	Decide func(*message.Message) Decision
	// Admission decides for each message whether its target keeps it; nil sends all.
	Admission Admission
	Effect    Effect
	Limiter   *rate.Limiter // nil is no limit
	// Outcome is the outcome that Recorder gets for a processed message.
	Outcome  report.Outcome
	ID       string
	Observer report.Observer
	Recorder report.Recorder
	Sending  report.Sending
	Timing   Timing
}

// Timing has the waiting times of a run. The zero value is not usable: see DefaultTiming.
type Timing struct {
	Idle      time.Duration // after this time without a delivery, ask how many messages are ready
	Stall     time.Duration // after this time without a delivery of ready messages, give up
	Returning time.Duration // how long to wait for messages that a lost connection still holds
	Grace     time.Duration // how long to wait for messages in flight after an interruption
	Confirm   time.Duration // publish.PublisherOptions.ConfirmTimeout
	Reconnect reconnect.Policy
}

// DefaultTiming returns the waiting times for real brokers.
func DefaultTiming() Timing {
	return Timing{Idle: 250 * time.Millisecond, Stall: 10 * time.Second, Returning: 90 * time.Second,
		Grace: 30 * time.Second}
}

// Run performs a task. The result is valid even if there is an error. When ctx ends, messages in
// flight are settled first, within Timing.Grace; this is not an error.
func Run(ctx context.Context, t Task) (report.Result, error) { return t.perform(ctx) }

// Counter returns the number of ready messages in a queue. A passive declaration is enough for
// this, without the management API.
type Counter interface {
	Ready(ctx context.Context, queue string) (int64, error)
}

// ConsumingCounter is a Counter that can also count in a queue that the caller consumes from.
//
// The answer for a busy leader looks like an empty queue without consumers (fact
// busy-leader-counts-nothing). A caller with a consumer on the queue knows that the leader did not
// answer.
type ConsumingCounter interface {
	Counter
	// ReadyConsuming is Ready for such a queue. If there is no answer, the error wraps
	// topology.ErrUnreachable.
	ReadyConsuming(ctx context.Context, queue string) (int64, error)
}

// UnackedCounter is a Counter that also returns the number of unacknowledged messages in a queue.
// That number is some seconds late.
type UnackedCounter interface {
	Counter
	Unacked(ctx context.Context, queue string) (int64, error)
}

func readyConsuming(ctx context.Context, c Counter, queue string) (int64, error) {
	if c, ok := c.(ConsumingCounter); ok {
		return c.ReadyConsuming(ctx, queue)
	}
	return c.Ready(ctx, queue)
}
