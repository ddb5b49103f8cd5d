package route

import (
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

// MinStay is how long a queue must keep a message to count as a queue that keeps messages. A run that
// sends them, or a consumer that is restarted, may take as long.
const MinStay = time.Minute

// Keeping says how many messages a queue keeps of those that it confirms, and for how long (fact
// drop-head-confirms). The zero value keeps everything.
type Keeping struct {
	// Length and Bytes limit what the queue holds. No value is no limit.
	Length, Bytes Setting
	// Refuses says that the queue refuses what publishers send beyond these limits. Otherwise it drops
	// its oldest messages. It drops dead letters in any case.
	Refuses bool
	// DropsExpired says that a message is gone when its time to live is over.
	DropsExpired bool
	// TTL is the time to live of the queue's messages, Expires how long the queue itself stays while
	// nobody uses it. Both are in milliseconds; no value is for ever.
	TTL, Expires Setting
}

// Keeping returns what a queue with these settings keeps. deadLettersArrive says that there is a queue
// that gets its dead letters. A stream keeps everything: it drops old messages by design.
func (s Settings) Keeping(deadLettersArrive bool) Keeping {
	if s.Queue.Type == topology.Stream {
		return Keeping{}
	}
	return Keeping{
		Length: s.Get("max-length"), Bytes: s.Get("max-length-bytes"),
		Refuses:      RefusesWhenFull(s.Queue.Type, s.Get("overflow").Text()),
		DropsExpired: !deadLettersArrive, TTL: s.Get("message-ttl"), Expires: s.Get("expires"),
	}
}

// DropsSoon reports whether a message with this time to live, in milliseconds, is gone before MinStay
// unless a consumer takes it.
func (k Keeping) DropsSoon(ttl int64) bool { return k.DropsExpired && ttl < MinStay.Milliseconds() }

// ShortTTL reports whether every message is gone before MinStay unless a consumer takes it.
func (k Keeping) ShortTTL() bool {
	ttl, ok := k.TTL.Int()
	return ok && k.DropsSoon(ttl)
}

// MayExpire reports whether the queue is deleted with its messages if nobody begins to use it. That
// is not so if it has consumers, or if s does not say.
func (k Keeping) MayExpire(s topology.QueueStatus) bool {
	_, ok := k.Expires.Int()
	return ok && s.Known && s.Consumers == 0
}

// ExpiresSoon is MayExpire before MinStay.
func (k Keeping) ExpiresSoon(s topology.QueueStatus) bool {
	ms, _ := k.Expires.Int()
	return k.MayExpire(s) && ms < MinStay.Milliseconds()
}
