package report

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Reason is a stable code that says why a message stays where it is.
type Reason string

// The reasons.
const (
	ReasonNoHistory   Reason = "no-history"     // nothing says where it came from
	ReasonQueueGone   Reason = "queue-gone"     // the queue it came from does not exist
	ReasonSameQueue   Reason = "same-queue"     // it died first in the queue it is in
	ReasonMaxReplays  Reason = "max-replays"    // it has been replayed too often
	ReasonDiedAgain   Reason = "died-again"     // this very run replayed it, and it came back
	ReasonUnreadable  Reason = "unreadable"     // it was not read, or a filter or a transformation failed on it
	ReasonTooLarge    Reason = "too-large"      // its body is larger than what is read
	ReasonInvalid     Reason = "invalid"        // a transformation made an event of it that its schema refuses
	ReasonUnroutable  Reason = "unroutable"     // returned: no queue at the target
	ReasonNacked      Reason = "nacked"         // the target refused it: a full queue with reject-publish, mostly
	ReasonNoRoom      Reason = "no-room"        // the target confirms it, and drops it or another for it
	ReasonRefused     Reason = "refused"        // it cannot be published: too large, invalid property, missing exchange
	ReasonPermission  Reason = "not-permitted"  // the login may not publish it
	ReasonUnknown     Reason = "unknown"        // it may have arrived: the run ended before the broker said so
	ReasonInterrupted Reason = "interrupted"    // the run ended before its turn
	ReasonNotArchived Reason = "not-archived"   // it could not be written to the archive
	ReasonBroken      Reason = "archive-broken" // its line in an archive cannot be read
)

// Failed reports whether the reason is a failed attempt, and not a decision to leave the message.
func (r Reason) Failed() bool {
	switch r {
	case ReasonUnreadable, ReasonTooLarge, ReasonInvalid, ReasonUnroutable, ReasonNacked, ReasonNoRoom, ReasonRefused,
		ReasonPermission, ReasonUnknown, ReasonNotArchived, ReasonBroken:
		return true
	}
	return false
}

// NoWayBack reports whether the reason is that the message has no target.
func (r Reason) NoWayBack() bool {
	return r == ReasonNoHistory || r == ReasonQueueGone || r == ReasonSameQueue
}

// TargetCount is the number of messages that went to, or would go to, a target.
type TargetCount struct {
	publish.Target
	Messages int64
	// CC has the further routing keys in the header CC of these messages, and the number of
	// messages with each. It has at most maxCC keys, and is nil if there are none.
	CC map[string]int64
}

// maxCC is the maximum number of CC keys that are remembered for a target.
const maxCC = 1000

// add counts a message. m may be nil.
func (c *TargetCount) add(m *message.Message) {
	c.Messages++
	if m == nil {
		return
	}
	keys, _ := m.Headers[message.HeaderCC].([]any)
	for i, v := range keys {
		key, ok := v.(string)
		if _, known := c.CC[key]; !ok || slices.Contains(keys[:i], v) || !known && len(c.CC) >= maxCC {
			continue
		}
		if c.CC == nil {
			c.CC = map[string]int64{}
		}
		c.CC[key]++
	}
}

// join adds another count of the same target.
func (c *TargetCount) join(o TargetCount) {
	c.Messages += o.Messages
	for key, n := range o.CC {
		if c.CC == nil {
			c.CC = map[string]int64{}
		}
		c.CC[key] += n
	}
}

// ReasonCount is the number of messages that stay for a reason. Example is the detail of the first
// one.
type ReasonCount struct {
	Reason   Reason
	Messages int64
	Example  string
}

// Result is the result of a run. Messages that were not read are in no count.
type Result struct {
	// ID is the id of the run, which is the x-msgctl-replay-id of the messages that it replayed.
	ID string
	// Queue is the source queue, or "" for a restore.
	Queue string
	// Done counts messages whose copy is confirmed or durably archived, and messages that were
	// discarded on request.
	Done int64
	// Targets has the messages by target, most first.
	Targets []TargetCount
	// Skipped counts messages that did not match a filter.
	Skipped int64
	// Stayed has the messages that stayed by reason, most first.
	Stayed []ReasonCount
	// Resent counts messages that were published again because the connection was lost before their
	// first publication was confirmed. The targets have at most as many duplicates.
	Resent int64
	// Altered counts messages that lost their user_id or their CC header. The lost values are in
	// headers of msgctl's own.
	Altered int64
	// Interrupted reports whether the context ended before the run was complete.
	Interrupted bool
	// Aborted says why a ramp was aborted, or is "".
	Aborted string
	// Unreachable says why the rest of the queue could not be read, for example because other
	// consumers hold it. It is "" if everything was read.
	Unreachable string
}

// Count returns the number of messages that stayed for reasons that f accepts, such as
// Reason.Failed or Reason.NoWayBack.
func (r *Result) Count(f func(Reason) bool) int64 {
	var n int64
	for _, c := range r.Stayed {
		if f(c.Reason) {
			n += c.Messages
		}
	}
	return n
}

// Partial reports whether a part of the request was not done.
func (r *Result) Partial() bool {
	return r.Aborted != "" || r.Unreachable != "" || r.Count(Reason.Failed) > 0 || r.Count(Reason.NoWayBack) > 0
}

// Tally counts outcomes. It is not safe for concurrent use.
type Tally struct {
	Done, Skipped int64

	targets map[publish.Target]*TargetCount
	stayed  map[Reason]*ReasonCount
}

// NewTally returns an empty tally.
func NewTally() Tally {
	return Tally{targets: map[publish.Target]*TargetCount{}, stayed: map[Reason]*ReasonCount{}}
}

// Went counts a message that is done, as it was sent. Both arguments may be nil.
func (t *Tally) Went(to *publish.Target, m *message.Message) {
	t.Done++
	if to == nil {
		return
	}
	c := t.targets[*to]
	if c == nil {
		c = &TargetCount{Target: *to}
		t.targets[*to] = c
	}
	c.add(m)
}

// Stay counts a message that stays.
func (t *Tally) Stay(reason Reason, detail string) {
	c := t.stayed[reason]
	if c == nil {
		c = &ReasonCount{Reason: reason, Example: detail}
		t.stayed[reason] = c
	}
	c.Messages++
}

// ForgetRest resets the counts of messages that were skipped or stayed: they are read again after a
// lost connection.
func (t *Tally) ForgetRest() {
	t.Skipped = 0
	t.stayed = map[Reason]*ReasonCount{}
}

// Progress returns the counts, for a run over total messages.
func (t *Tally) Progress(total int64) Progress {
	now := Progress{Total: total, Done: t.Done, Skipped: t.Skipped}
	for _, c := range t.stayed {
		now.Stayed += c.Messages
	}
	now.Processed = now.Done + now.Skipped + now.Stayed
	return now
}

// Targets returns the messages by target, most first.
func (t *Tally) Targets() []TargetCount { return sortTargets(t.targets, nil) }

// Stayed returns the messages that stayed by reason, most first.
func (t *Tally) Stayed() []ReasonCount { return sortReasons(t.stayed) }

// Into adds the counts to a result. Skipped and Stayed replace those of the result.
func (t *Tally) Into(r *Result) {
	r.Done += t.Done
	r.Skipped = t.Skipped
	r.Targets = sortTargets(t.targets, r.Targets)
	r.Stayed = t.Stayed()
}

// JoinTargets adds up the counts of a and b by target, and returns them most first.
func JoinTargets(a, b []TargetCount) []TargetCount { return sortTargets(nil, append(a, b...)) }

func sortTargets(counts map[publish.Target]*TargetCount, more []TargetCount) []TargetCount {
	all := make(map[publish.Target]*TargetCount, len(counts)+len(more))
	add := func(c TargetCount) {
		if all[c.Target] == nil {
			all[c.Target] = &TargetCount{Target: c.Target}
		}
		all[c.Target].join(c)
	}
	for _, c := range counts {
		add(*c)
	}
	for _, c := range more {
		add(c)
	}
	out := make([]TargetCount, 0, len(all))
	for _, c := range all {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b TargetCount) int {
		switch {
		case a.Messages != b.Messages:
			return int(b.Messages - a.Messages)
		case a.Exchange != b.Exchange && a.Exchange < b.Exchange, a.Exchange == b.Exchange && a.Key < b.Key:
			return -1
		}
		return 1
	})
	return out
}

func sortReasons(counts map[Reason]*ReasonCount) []ReasonCount {
	out := make([]ReasonCount, 0, len(counts))
	for _, c := range counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b ReasonCount) int {
		if a.Messages != b.Messages {
			return int(b.Messages - a.Messages)
		}
		if a.Reason < b.Reason {
			return -1
		}
		return 1
	})
	return out
}
