package browse

import (
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// ErrUnsafe is wrapped by the error of a look that was refused because it could do harm.
var ErrUnsafe = errors.New("browsing is not safe")

// Permit is what makes a refused look possible.
type Permit string

const (
	// PermitNone: nothing does; the reason says what to change first.
	PermitNone Permit = ""
	// PermitOverride: lifting the delivery limit meanwhile.
	PermitOverride Permit = "override"
	// PermitForce: the user's word that the harm does not matter.
	PermitForce Permit = "force"
)

// Effect names something that a look does to a queue.
type Effect string

// The effects.
const (
	EffectRedelivered Effect = "redelivered" // the messages carry the flag afterwards
	EffectHidden      Effect = "hidden"      // consumers do not see the messages meanwhile
	EffectShared      Effect = "shared"      // consumers and the look take messages from each other
	EffectCounted     Effect = "counted"     // one more delivery count
	EffectReordered   Effect = "reordered"   // what was looked at comes after the rest
	EffectExpires     Effect = "expires"     // messages whose time is over go when they come to the head
	EffectOverflow    Effect = "overflow"    // arrivals may push messages out
	EffectDelayed     Effect = "delayed"     // returned messages wait before consumers get them
	EffectLost        Effect = "lost"        // when forced: messages may be dropped or dead-lettered again
)

// Note is one effect in words.
type Note struct {
	Effect Effect
	Text   string
}

// ReturnBy is how messages go back into the queue.
type ReturnBy = pipeline.ReturnBy

// The ways back: see pipeline.
const (
	ReturnByNack  = pipeline.ReturnByNack
	ReturnByNacks = pipeline.ReturnByNacks
	ReturnByClose = pipeline.ReturnByClose
	ReturnNothing = pipeline.ReturnNothing
)

// Room says how much of a delivery limit must be left for a message to be looked at.
type Room struct {
	Limit int64
	// Reserve is what is left to the queue's consumers.
	Reserve int64
	// Counts says that each look takes one.
	Counts bool
}

// Fits reports whether a message with that delivery count can be returned, with the reserve left.
func (r Room) Fits(count int64) bool { return count+1 <= r.Limit-r.Reserve }

// Survives reports whether a message with that delivery count is still in the queue after any kind
// of return.
func (r Room) Survives(count int64) bool { return count+1 <= r.Limit }

// Assessment reports whether we may look into a queue, how, and what that does.
type Assessment struct {
	Queue, Type string
	// Refused, when not empty, says why not. Allow is what would permit it.
	Refused string
	Allow   Permit
	Return  ReturnBy
	// Override says that the delivery limit must be lifted while looking.
	Override bool
	// Room, when not nil, is checked on every message, on the first alone before any other is asked
	// for.
	Room *Room
	// MaxHold is how long messages may be held: the broker closes the channel of a consumer that
	// holds one too long.
	MaxHold time.Duration
	// Notes are what looking does, in the order in which to say them, once, before it is done.
	Notes []Note
}

// Err returns nil when looking is allowed, else an error that wraps ErrUnsafe. Allow is what would
// permit it.
func (l Assessment) Err() error {
	if l.Refused == "" {
		return nil
	}
	return fmt.Errorf("browse queue %q: %w: %s", l.Queue, ErrUnsafe, l.Refused)
}

// AssessOptions are what the user asked for.
type AssessOptions struct {
	// Limit is how many messages are to be looked at; 0 means all.
	Limit int64
	// Override allows a policy that lifts the delivery limit while looking.
	Override bool
	// Force looks although it may do harm.
	Force bool
}

// holdDefault is half of the broker's default consumer timeout (fact consumer-timeout).
const holdDefault = 15 * time.Minute

// Assess judges a look into a queue. It is pure.
func Assess(f Facts, o AssessOptions) Assessment {
	a := &assessment{f: f, o: o, l: Assessment{Queue: f.Name, Type: f.Type, MaxHold: holdTime(f)}}
	if f.Type == topology.Stream {
		a.l.Return = ReturnNothing
		return a.l
	}
	a.note(EffectRedelivered, "the messages carry the flag redelivered afterwards")
	a.access()
	a.overflow()
	if f.Type == topology.Quorum {
		a.deliveryLimit()
		a.delayedRetry()
	}
	a.company()
	a.expiry()
	return a.l
}

type assessment struct {
	f Facts
	o AssessOptions
	l Assessment
}

func (a *assessment) note(e Effect, format string, args ...any) {
	a.l.Notes = append(a.l.Notes, Note{Effect: e, Text: fmt.Sprintf(format, args...)})
}

// refuse keeps the reason that is hardest to lift: the first without a permit, else the first.
func (a *assessment) refuse(allow Permit, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if a.o.Force && allow != PermitNone {
		a.note(EffectLost, "%s", reason)
		return
	}
	if a.l.Refused == "" || (allow == PermitNone && a.l.Allow != PermitNone) ||
		(allow == PermitForce && a.l.Allow == PermitOverride) {
		a.l.Refused, a.l.Allow = reason, allow
	}
}

func holdTime(f Facts) time.Duration {
	if ms, ok := f.ConsumerTimeout.Int(); ok && ms > 0 {
		return min(holdDefault, time.Duration(ms)*time.Millisecond/2)
	}
	return holdDefault
}

// access refuses queues that cannot be consumed from without harm, whatever their messages.
func (a *assessment) access() {
	f := a.f
	switch {
	case f.ConnectionExclusive:
		a.refuse(PermitNone, "it is exclusive to the connection that declared it")
	case f.ExclusiveConsumer:
		a.refuse(PermitNone, "a consumer holds it exclusively, and the broker allows no other consumer: stop that "+
			"consumer first")
	case f.SingleActiveConsumer && f.Status.Consumers > 0:
		a.refuse(PermitNone, "it has a single active consumer, and another consumer gets nothing until that one is gone: "+
			"stop it first")
	}
	if f.AutoDelete && f.Status.Consumers == 0 {
		a.refuse(PermitNone, "it is auto-delete: when browsing ends, its last consumer leaves, and the broker deletes "+
			"the queue with all its messages")
	} else if f.AutoDelete {
		a.refuse(PermitForce, "it is auto-delete: if its consumers leave meanwhile, the broker deletes the queue "+
			"with all its messages when browsing ends")
	}
}

// The parts of a length limit from which on a look is refused. Counts are of this moment, sizes are
// not.
const (
	nearlyFull      = 0.95
	nearlyFullBytes = 0.8
)

// overflow: held messages make room for arrivals, and when they are requeued the queue is over its
// limit. drop-head may then drop them (fact returns-over-limit).
func (a *assessment) overflow() {
	limits := a.f.lengthLimits()
	if len(limits) == 0 {
		return
	}
	if routing.RefusesWhenFull(a.f.Type, a.f.Overflow.Text()) {
		a.note(EffectOverflow, "while messages are held, the broker accepts further ones: the queue may be over its "+
			"limit of %s afterwards", limits[0])
		return
	}
	goes := "dropped"
	if x, ok := a.f.DeadLetterExchange.Value.(string); ok {
		goes = "dead-lettered to " + exchangeText(x)
	}
	for _, l := range limits {
		if l.doubt != "" {
			a.refuse(PermitForce, "it holds at most %s (%s), and %s: new messages may take the place of the "+
				"held messages, which are %s when they are requeued", l, l.from, l.doubt, goes)
			return
		}
		if l.full() {
			a.refuse(PermitForce, "it holds at most %s (%s) and is full or nearly so: new messages take the "+
				"place of the held messages, which are %s when they are requeued", l, l.from, goes)
			return
		}
	}
	a.note(EffectOverflow, "the queue holds at most %s: if it fills up meanwhile, the oldest messages are %s "+
		"when they are requeued", limits[0], goes)
}

// lengthLimit is one limit of a queue's length and how near to it the queue is.
type lengthLimit struct {
	limit, used int64
	unit, from  string
	// doubt says why used is not known.
	doubt string
	// upTo is the part of the limit that may be used.
	upTo float64
}

func (l lengthLimit) String() string { return fmt.Sprintf("%d %s", l.limit, l.unit) }

func (l lengthLimit) full() bool { return float64(l.used) >= l.upTo*float64(l.limit) }

// lengthLimits returns the limits of the queue; both may be set, and either may be reached first.
func (f Facts) lengthLimits() (list []lengthLimit) {
	if n, ok := f.MaxLength.Int(); ok {
		l := lengthLimit{limit: n, used: f.Status.Messages, unit: "messages", from: f.MaxLength.From, upTo: nearlyFull}
		if !f.Status.Known {
			l.doubt = "how many it holds is not known"
		}
		list = append(list, l)
	}
	if n, ok := f.MaxLengthBytes.Int(); ok {
		l := lengthLimit{limit: n, unit: "bytes", from: f.MaxLengthBytes.From, upTo: nearlyFullBytes}
		if l.used, ok = f.Size.Of(f.Status.Messages); !ok || !f.Status.Known {
			l.doubt = "how many it holds is not known (the broker reports it some seconds late)"
		}
		list = append(list, l)
	}
	return list
}

// company is about other consumers of the queue.
func (a *assessment) company() {
	if a.f.Status.Consumers > 0 {
		a.note(EffectShared, "%s active at the same time: the messages that they hold are not browsed",
			units.FormatCount(a.f.Status.Consumers, "consumer"))
	}
	a.note(EffectHidden, "consumers do not receive the messages while they are held")
}

func (a *assessment) expiry() {
	if ms, ok := a.f.MessageTTL.Int(); ok {
		a.note(EffectExpires, "messages continue to expire after %s (%s)", time.Duration(ms)*time.Millisecond,
			a.f.MessageTTL.From)
	}
	a.note(EffectExpires, "an expired message behind others that have not expired is removed when those are "+
		"taken")
}

// MayHoldErrors reports whether a queue that Discover did not find may be looked into for
// ErrorConvention. It must hold messages and have no consumers, and a look at its first message
// must do no more than set the flag redelivered. Queues that a delivery limit or a length limit is
// near are left alone, as are those that wait for a retry.
func MayHoldErrors(l Assessment, s topology.QueueStatus) bool {
	if l.Refused != "" || l.Room != nil || l.Override || !s.Known || s.Messages == 0 || s.Consumers > 0 {
		return false
	}
	for _, n := range l.Notes {
		if n.Effect != EffectRedelivered && n.Effect != EffectHidden && n.Effect != EffectExpires {
			return false
		}
	}
	return true
}

func exchangeText(name string) string {
	if name == "" {
		return "the default exchange"
	}
	return fmt.Sprintf("exchange %q", name)
}
