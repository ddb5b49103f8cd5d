// Package bulk publishes many messages in order. It reads them one by one from a source and waits
// for each confirm, with a window of messages in flight. It has a circuit breaker, and a journal
// from which a run that was killed can resume.
//
// Every item has exactly one outcome in the report. Items confirmed before a lost connection are
// not sent again. Items in flight are sent again with the same message, so a consumer sees them at
// least once, and in order apart from the repeats. A run that is killed and resumed repeats at most
// the items that were in flight.
package bulk

import (
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Item is one message to publish, or the reason why there is none.
type Item struct {
	// Line is the item's line number in the source, from 1. End is the offset in bytes at which the
	// source continues after it.
	Line, End int64
	// ID identifies the item in the report.
	ID      string
	Target  publish.Target
	Message *message.Message
	// With is returned in the item's Result.
	With any
	// Err says why there is no message; nil if there is one.
	Err error
}

// Source returns the next item, or io.EOF after the last.
type Source func() (Item, error)

// Outcome is the outcome of an item.
type Outcome string

// The outcomes.
const (
	Confirmed Outcome = "confirmed" // routed, and the broker took responsibility
	Delayed   Outcome = "delayed"   // taken by a delayed-message exchange, which routes it later
	Unrouted  Outcome = "unrouted"  // it reached no queue, which is allowed
	Returned  Outcome = "returned"  // it reached no queue
	Rejected  Outcome = "rejected"  // the broker refused it: a full queue, a size limit, a permission
	Unknown   Outcome = "unknown"   // the connection was lost for good before the confirm: it may or may not have arrived
	Invalid   Outcome = "invalid"   // never sent: it is no event, or breaks its schema
	Unsent    Outcome = "unsent"    // never sent: the run ended before
)

func (o Outcome) failed() bool { return o != Confirmed && o != Delayed && o != Unrouted }

// Result is the outcome of one item.
type Result struct {
	// Line is the number of the item, from 1.
	Line    int64
	ID      string
	Outcome Outcome
	// With is copied from the item.
	With any
	// Err says why the item failed; nil for Confirmed, Delayed and Unrouted.
	Err error
}

// Counts has the number of items for each outcome.
type Counts struct {
	Confirmed int64 `json:"confirmed"`
	Delayed   int64 `json:"delayed,omitempty"`
	Unrouted  int64 `json:"unrouted,omitempty"`
	Returned  int64 `json:"returned"`
	Rejected  int64 `json:"rejected"`
	Unknown   int64 `json:"unknown"`
	Invalid   int64 `json:"invalid"`
	Unsent    int64 `json:"unsent"`
}

func (c *Counts) add(o Outcome) {
	switch o {
	case Confirmed:
		c.Confirmed++
	case Delayed:
		c.Delayed++
	case Unrouted:
		c.Unrouted++
	case Returned:
		c.Returned++
	case Rejected:
		c.Rejected++
	case Unknown:
		c.Unknown++
	case Invalid:
		c.Invalid++
	case Unsent:
		c.Unsent++
	}
}

// Done returns the number of items that did not fail.
func (c *Counts) Done() int64 { return c.Confirmed + c.Delayed + c.Unrouted }

// Failed returns the number of items that failed, were not sent, or have an unknown outcome.
func (c *Counts) Failed() int64 { return c.Returned + c.Rejected + c.Unknown + c.Invalid + c.Unsent }

// Total returns the number of items that have an outcome.
func (c *Counts) Total() int64 { return c.Done() + c.Failed() }

// maxFailures limits how many failures a report lists.
const maxFailures = 20

// Report is the result of a run.
type Report struct {
	Counts
	// Failures are the first items that failed.
	Failures []Result
	// Line is the last line up to which every item has a final outcome: confirmed, or failed while a
	// later one was confirmed. After a complete run all outcomes are final. A resumed run continues
	// after it.
	Line int64
	// Repeats is how many messages were sent again after a lost connection.
	Repeats int64
	// Stopped reports whether StopOnError ended the run.
	Stopped bool
}

// Options configure a run.
type Options struct {
	// Source and Dialer are required. Publisher and Breaker have defaults for their zero values.
	Source    Source
	Dialer    publish.Dialer
	Publisher publish.PublisherOptions
	Breaker   publish.BreakerOptions
	// StopOnError ends the run at the first item that fails: no more messages are sent, and those
	// in flight are settled.
	StopOnError bool
	// Delayed reports whether the messages go to a delayed-message exchange. Such an exchange
	// returns messages that it has accepted, because it cannot know yet whether a queue will
	// receive them.
	Delayed bool
	// AllowUnroutable accepts messages that reach no queue: they do not count as failed.
	AllowUnroutable bool
	// Journal records the progress of the run; nil for none.
	Journal *Journal
	// Earlier is the report at which a resumed run starts. The zero value starts a new run.
	Earlier Report
	// Settled is called with every result, from one goroutine at a time; it may be nil. Results are
	// in order, except those of invalid items.
	Settled func(Result)
}
