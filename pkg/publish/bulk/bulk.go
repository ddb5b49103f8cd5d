// Package bulk publishes many messages in order: read one after the other from a source, each
// confirmed, with a window of them under way, a circuit breaker, and a journal with which a run
// that was killed goes on where it was.
//
// What it guarantees: every item has exactly one outcome in the report. Items that were confirmed
// before a loss of the connection are not sent again; those under way are, with the same message,
// so that a consumer sees them at least once and in order apart from the repeats. A run that is
// killed and resumed repeats at most what was under way.
package bulk

import (
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Item is one thing to publish, or why it cannot be.
type Item struct {
	// Line is its number in the source, from 1, and End where the source goes on behind it, in
	// bytes.
	Line, End int64
	// ID names it in the report.
	ID      string
	Target  publish.Target
	Message *message.Message
	// With comes back in the item's Result.
	With any
	// Err says why there is no message.
	Err error
}

// Source returns one item after the other, and io.EOF behind the last.
type Source func() (Item, error)

// Outcome says what became of an item.
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
	Line    int64
	ID      string
	Outcome Outcome
	// With is the item's.
	With any
	// Err says why it failed; nil for Confirmed, Delayed and Unrouted.
	Err error
}

// Counts has how many items had which outcome.
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

// Done is how many items are where they were to go, as far as that can be known.
func (c *Counts) Done() int64 { return c.Confirmed + c.Delayed + c.Unrouted }

// Failed is how many items are not where they were to go.
func (c *Counts) Failed() int64 { return c.Returned + c.Rejected + c.Unknown + c.Invalid + c.Unsent }

// Total is how many items had an outcome.
func (c *Counts) Total() int64 { return c.Done() + c.Failed() }

// maxFailures bounds the failures that a report names.
const maxFailures = 20

// Report is what a run did.
type Report struct {
	Counts
	// Failures are the first of those that failed.
	Failures []Result
	// Line is up to where everything has an outcome that stays: confirmed, or failed for good. A
	// resumed run goes on behind it.
	Line int64
	// Repeats is how many messages were sent a second time after a lost connection.
	Repeats int64
	// Stopped says that StopOnError ended the run.
	Stopped bool
}

// Options say how to run.
type Options struct {
	Source    Source
	Dialer    publish.Dialer
	Publisher publish.PublisherOptions
	Breaker   publish.BreakerOptions
	// StopOnError ends the run at the first item that fails: nothing is sent any more, what is
	// under way is settled.
	StopOnError bool
	// Delayed says that the messages go to a delayed-message exchange, which returns what it has
	// taken: it cannot know yet whether a queue will get it.
	Delayed bool
	// AllowUnroutable says that a message that reaches no queue has not failed.
	AllowUnroutable bool
	// Journal notes how far the run is; nil for none.
	Journal *Journal
	// Earlier is where a resumed run begins.
	Earlier Report
	// Settled is told every result, in order but for the invalid, from one goroutine at a time; nil
	// is told nothing.
	Settled func(Result)
}
