package message

import "time"

// Reasons of a death, as brokers write them.
const (
	ReasonRejected      = "rejected"       // rejected, or nacked with requeue=false
	ReasonExpired       = "expired"        // message or queue TTL
	ReasonMaxLength     = "maxlen"         // dropped from a full queue
	ReasonDeliveryLimit = "delivery_limit" // returned too often to a quorum queue
)

// Death is one entry of x-death: all deaths of a message in one queue for one reason.
type Death struct {
	Reason string
	Queue  string
	// Exchange is the exchange to which the message was published before the first of these deaths;
	// "" is the default exchange.
	Exchange string
	// Count is how often the message died in this queue for this reason; at least 1.
	Count int64
	// Time is the time of the first of these deaths (fact death-time). It is zero if unknown; see
	// Meant.
	Time time.Time
	// OriginalExpiration is the expiration, in milliseconds, that the broker removed at this death;
	// "" if there was none.
	OriginalExpiration string
	// HasRoute reports whether Exchange and the routing keys are known. Some streams keep
	// only x-first-death-*, which name no routing key (fact stream-drops-nested-headers).
	HasRoute bool

	keys []any
}

// RoutingKey returns the routing key of the publication before the first of these deaths, or "".
func (d Death) RoutingKey() string {
	if len(d.keys) == 0 {
		return ""
	}
	s, _ := AsString(d.keys[0])
	return s
}

// RoutingKeys returns the routing key, followed by the keys of the CC header. The broker does not
// record BCC.
func (d Death) RoutingKeys() []string {
	keys := make([]string, 0, len(d.keys))
	for _, k := range d.keys {
		if s, ok := AsString(k); ok {
			keys = append(keys, s)
		}
	}
	return keys
}

// Deaths is the death history of a message, read from its headers on demand. Creating one allocates
// nothing.
//
// The headers are untrusted. A client can send x-death with any type and content, and brokers pass
// it on (fact client-death-history). Entries that do not have the form that brokers write are
// skipped.
type Deaths struct {
	headers Table
	entries []any
}

// Deaths returns the death history. It is empty for a message that never died.
func (m *Message) Deaths() Deaths { return DeathsOf(m.Headers) }

// DeathsOf returns the death history in the headers.
func DeathsOf(headers Table) Deaths {
	entries, _ := AsArray(headers[HeaderDeath])
	return Deaths{headers: headers, entries: entries}
}

// None reports whether the headers record no death.
func (d Deaths) None() bool {
	_, ok := d.Latest()
	return !ok
}

// All returns the entries, starting with the one that has the most recent death. A message that has
// only x-first-death-* yields one entry made from those headers.
func (d Deaths) All() []Death {
	all := make([]Death, 0, len(d.entries))
	for i := range d.entries {
		if e, ok := d.at(i); ok {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		if e, ok := d.recorded(); ok {
			all = append(all, e)
		}
	}
	return all
}

// Latest returns the entry with the most recent death, which is why the message is where it is. It
// returns false if there is none.
func (d Deaths) Latest() (Death, bool) {
	for i := range d.entries {
		if e, ok := d.at(i); ok {
			return e, true
		}
	}
	return d.recorded()
}

// Count returns the total number of deaths, including repeats.
func (d Deaths) Count() int64 {
	var n int64
	for i := range d.entries {
		if e, ok := d.at(i); ok {
			n += e.Count
		}
	}
	if n == 0 && !d.None() {
		return 1
	}
	return n
}

// Since returns the newest time in the history. The last death happened at that time or, if the
// entry's count is above 1, later: brokers do not record when. It is zero if unknown.
func (d Deaths) Since() time.Time {
	var newest time.Time
	for i := range d.entries {
		if e, ok := d.at(i); ok && e.Time.After(newest) {
			newest = e.Time
		}
	}
	return newest
}

// OriginalExpiration returns the time to live, in milliseconds, with which the message was
// published, or "". The broker removes it at the first death.
func (d Deaths) OriginalExpiration() string {
	for i := len(d.entries) - 1; i >= 0; i-- {
		if e, ok := d.at(i); ok && e.OriginalExpiration != "" {
			return e.OriginalExpiration
		}
	}
	return ""
}

// First returns the death that tells where the message came from: the queue where it first died,
// and the exchange and routing keys with which it was published.
//
// It is the entry named by x-first-death-queue and -reason. That is not always the last entry,
// because repeats move to the front. Entries of queues for which isWait returns true (wait queues,
// where messages expire on purpose) are skipped, unless there is no other entry. isWait may be nil.
func (d Deaths) First(isWait func(queue string) bool) (Death, bool) {
	named, ok := d.recorded()
	if ok {
		if e, found := d.find(named.Queue, named.Reason); found {
			named = e
		}
		if isWait == nil || !isWait(named.Queue) {
			return named, true
		}
	}
	if e, found := d.oldest(isWait); found {
		return e, true
	}
	if ok {
		return named, true
	}
	return d.oldest(nil)
}

// at parses one entry. It is cheap enough to be repeated rather than cached.
func (d Deaths) at(i int) (Death, bool) {
	t, ok := AsTable(d.entries[i])
	if !ok {
		return Death{}, false
	}
	queue, ok1 := AsString(t["queue"])
	reason, ok2 := AsString(t["reason"])
	if !ok1 || !ok2 {
		return Death{}, false
	}
	e := Death{Reason: reason, Queue: queue}
	e.Exchange, e.HasRoute = AsString(t["exchange"])
	e.OriginalExpiration, _ = AsString(t["original-expiration"])
	if at, ok := AsTime(t["time"]); ok {
		e.Time = Meant(at)
	}
	if e.Count, _ = AsInt(t["count"]); e.Count < 1 {
		e.Count = 1
	}
	e.keys, _ = AsArray(t["routing-keys"])
	e.HasRoute = e.HasRoute && len(e.keys) > 0
	return e, true
}

// recorded returns an entry made from x-first-death-*.
func (d Deaths) recorded() (Death, bool) {
	queue, ok := AsString(d.headers[HeaderFirstDeathQueue])
	if !ok {
		return Death{}, false
	}
	return Death{
		Reason: d.headers.Text(HeaderFirstDeathReason), Queue: queue,
		Exchange: d.headers.Text(HeaderFirstDeathExchange), Count: 1,
	}, true
}

func (d Deaths) find(queue, reason string) (Death, bool) {
	for i := range d.entries {
		if e, ok := d.at(i); ok && e.Queue == queue && e.Reason == reason {
			return e, true
		}
	}
	return Death{}, false
}

// oldest returns the entry with the earliest time. Among entries of the same second it returns the
// one further back.
func (d Deaths) oldest(skip func(queue string) bool) (Death, bool) {
	var best Death
	var found bool
	for i := range d.entries {
		e, ok := d.at(i)
		if !ok || skip != nil && skip(e.Queue) {
			continue
		}
		if !found || !e.Time.After(best.Time) {
			best, found = e, true
		}
	}
	return best, found
}
