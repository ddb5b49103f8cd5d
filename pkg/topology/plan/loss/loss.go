// Package loss says what a plan does to the messages of queues that it leaves.
//
// Change is about the policies of one queue. Its messages may exceed a limit, expire with the queue,
// fall out of a stream's retention, or have nowhere to go when they expire. Waiting is about the way
// of dead letters: it compares two states of a vhost. Fate says where dead letters end up in one.
// Package plan knows which steps change what.
//
// The package does no I/O, and judges settings and counts that it is given.
package loss

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Loss is what a queue loses of the messages that it holds.
type Loss struct {
	// Messages is how many at most. It is exact where Known is true.
	Messages int64
	Known    bool
	// Moves says that the messages are not lost: they go to a dead-letter queue.
	Moves bool
	// How says in words what happens to the queue, as what follows its name.
	How string
}

// Change is what happens to one queue when the policies that apply to it change.
type Change struct {
	// Status has the counts of the queue. They may be unknown.
	Status topology.QueueStatus
	// Arrives reports whether a number of messages that a queue with these settings drops get to
	// another queue that keeps them, now or after the plan.
	Arrives func(s route.Settings, messages int64, after bool) bool

	was, will route.Settings
}

// Worst returns the largest loss among the settings that the queue may have had and may have, or
// what is moved if nothing is lost. possible says whether there is a loss at all, whatever the queue
// holds: counts may be late.
func (c Change) Worst(before, after []route.Settings) (possible bool, loss *Loss) {
	for i, will := range after {
		for _, was := range before {
			c.was, c.will = was, will
			uncounted := c
			uncounted.Status = topology.QueueStatus{}
			most := uncounted.loss()
			possible = possible || most != nil && !most.Moves
			one := c.loss()
			if one == nil || !one.worseThan(loss) {
				continue
			}
			if loss = one; i > 0 {
				loss.How += " (if this policy and not another of the same priority applies)"
			}
		}
	}
	return possible, loss
}

// worseThan reports whether a loss is larger than another, which may be nil.
func (l *Loss) worseThan(other *Loss) bool {
	switch {
	case other == nil || l.Moves != other.Moves:
		return other == nil || other.Moves
	case !other.Known:
		return false
	}
	return !l.Known || l.Messages > other.Messages
}

// loss returns what the queue loses or moves, or nil. The checks are in the order of what takes most.
func (c Change) loss() *Loss {
	if c.will.Queue.Type == topology.Stream {
		c.Status = topology.QueueStatus{} // counts of streams lag behind (fact stream-count-is-late)
		return cmp.Or(c.retention("max-age"), c.retention("max-length-bytes"))
	}
	if c.Status.Known && c.Status.Messages == 0 {
		return nil
	}
	if loss := c.expiry(); loss != nil {
		return loss
	}
	loss := cmp.Or(c.ttl(), c.length(), c.bytes())
	if loss == nil {
		return nil
	}
	n := c.counted(loss.Messages)
	switch now, then := c.Arrives(c.will, n, false), c.Arrives(c.will, n, true); {
	case now && then:
		return c.moved(loss.Messages)
	case then:
		loss.How += " (where its dead letters go is not there yet: apply that first)"
	case c.will.Get("dead-letter-exchange").Value != nil:
		loss.How += " (its dead letters surely reach no other queue with room for them)"
	}
	return loss
}

// moved is what the queue dead-letters at once.
func (c Change) moved(messages int64) *Loss {
	how := "dead-letters at once what is beyond its new limit"
	if c.Status.Known {
		how = fmt.Sprintf("dead-letters up to %d of its %s at once", messages, c.held())
	}
	return &Loss{Messages: messages, Known: c.Status.Known, Moves: true, How: how}
}

// counted returns a number of messages, more than any queue has room for if it is not known.
func (c Change) counted(messages int64) int64 {
	if !c.Status.Known {
		return 1 << 60
	}
	return messages
}

// shrinks returns the new value of a limit that is set, or becomes smaller.
func (c Change) shrinks(key string) (limit int64, smaller bool) {
	limit, set := c.will.Get(key).Int()
	before, had := c.was.Get(key).Int()
	return limit, set && (!had || limit < before)
}

// expiry is about queues that the broker deletes when nobody uses them.
func (c Change) expiry() *Loss {
	after, smaller := c.shrinks("expires")
	if !smaller || c.Status.Known && c.Status.Consumers > 0 {
		return nil
	}
	return c.all(fmt.Sprintf("is deleted with its messages when nobody has used it for %s",
		units.FormatMilliseconds(after)))
}

// ttl is about messages that were to be dead-lettered one day. A new TTL is none of those that are
// in the queue already (fact ttl-from-arrival).
func (c Change) ttl() *Loss {
	ttl, set := c.was.Get("message-ttl").Int()
	held := c.counted(c.Status.Messages)
	if !set || !c.Arrives(c.was, held, false) || c.Arrives(c.will, held, true) {
		return nil
	}
	return c.all(fmt.Sprintf("drops its messages when they are older than %s, and no longer dead-letters them",
		units.FormatMilliseconds(ttl)))
}

// length is about messages beyond the limit.
func (c Change) length() *Loss {
	limit, set := c.will.Get("max-length").Int()
	if !set || !c.drops("max-length") || c.Status.Known && c.Status.Messages <= limit {
		return nil
	}
	return &Loss{Messages: max(0, c.Status.Messages-limit), Known: c.Status.Known,
		How: fmt.Sprintf("holds %s and keeps the newest %d%s", c.held(), limit, c.overflow())}
}

// bytes is about messages beyond the limit of their bytes.
func (c Change) bytes() *Loss {
	limit, set := c.will.Get("max-length-bytes").Int()
	// The size is a statistic, which may be late, and without the headers, which some brokers count.
	fits := c.Status.Known && c.Status.Bytes > 0 && c.Status.Bytes <= limit/2
	if !set || !c.drops("max-length-bytes") || fits {
		return nil
	}
	return c.all(fmt.Sprintf("keeps the newest messages of %s in all%s", units.FormatSize(limit),
		c.overflow()))
}

// drops reports whether the queue drops its oldest messages to keep a limit, and did not have to
// before (fact limit-before-overflow).
func (c Change) drops(key string) bool {
	_, smaller := c.shrinks(key)
	before, now := refuses(c.was), refuses(c.will)
	if now {
		return smaller && !before && c.will.Queue.Type == topology.Classic
	}
	return smaller || before
}

// overflow advises how a queue that refuses messages at its limit keeps those that it has.
func (c Change) overflow() string {
	if !refuses(c.will) {
		return ""
	}
	return " (a classic queue takes on a limit before the overflow: apply the policy with the overflow alone first)"
}

// refuses reports whether the queue refuses new messages at its limit.
func refuses(s route.Settings) bool {
	return route.RefusesWhenFull(s.Queue.Type, s.Get("overflow").Text())
}

// retention is about old messages of a stream. The broker does not tell how many there are.
func (c Change) retention(key string) *Loss {
	now, before := c.will.Get(key), c.was.Get(key)
	size, sized := sizeOf(now)
	had, limited := sizeOf(before)
	if now.Value == nil || sized && limited && size >= had {
		return nil
	}
	return c.all(fmt.Sprintf("deletes its oldest messages: %s becomes %v", key, now.Value))
}

// sizeOf returns a number of bytes, or an age such as 7D in seconds.
func sizeOf(s route.Setting) (int64, bool) {
	if n, ok := s.Int(); ok {
		return n, true
	}
	text := s.Text()
	if text == "" {
		return 0, false
	}
	seconds := map[byte]int64{'Y': 31_536_000, 'M': 2_592_000, 'D': 86_400, 'h': 3600, 'm': 60, 's': 1}[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
	return n * seconds, err == nil && seconds > 0
}

// all is the loss of any of the messages.
func (c Change) all(how string) *Loss {
	if c.Status.Known {
		how += fmt.Sprintf(" (it holds %s)", c.held())
	}
	return &Loss{Messages: c.Status.Messages, Known: c.Status.Known, How: how}
}

func (c Change) held() string {
	if !c.Status.Known {
		return "nobody knows how many messages"
	}
	return units.FormatCount(c.Status.Messages, "message")
}
