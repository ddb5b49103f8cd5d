// Package ledger accounts for every message of a test, outside the program under test.
//
// A Ledger watches one queue. Its publishers send numbered messages through an exchange or by the
// queue's name, mandatory and with confirms, at a steady rate. Its consumers read the queue and
// acknowledge by a schedule of their own. Publishers connect again when they lose their connection,
// and consumers subscribe again when the broker cancels them. The ledger records what the broker
// said about each message and where in the order it was consumed. Verdict compares the two.
//
// Terms:
//
//   - A message is confirmed if the broker acknowledged it and did not return it. Each is published
//     once. If the connection ends first, what became of the message is unknown.
//   - A message is consumed when the consumer acknowledges it. What it holds when its connection
//     ends is not consumed, because the broker delivers it again.
//   - A confirmed message that is neither consumed nor left in a queue that Drain reads is lost.
//
// A message takes 12 bytes of memory, so the limit of New bounds the memory.
package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// state is what the broker said about a message.
type state uint8

const (
	unknown state = iota // nothing yet, or the connection ended first
	confirmed
	returned
	nacked
)

// message is the record of one message. Its number is its place in the list.
type message struct {
	first       uint32 // place of its first consumption, from 1; 0 means that it was not consumed
	state       state
	publisher   uint8
	phase       uint8 // how many marks were set when it was published
	late        bool  // a mark was set between its publication and its confirm
	again       bool  // the broker called its first consumption redelivered
	times       uint8 // how often it was consumed, at most 255
	redelivered uint8 // how often of those the broker called it redelivered
}

// Ledger is the record. It is safe for concurrent use.
type Ledger struct {
	run    string // begins every body, so that messages of others are told apart
	limit  int
	ctx    context.Context //nolint:containedctx // ends with the test
	cancel context.CancelFunc

	publishing, consuming sync.WaitGroup
	stop                  chan struct{} // closed: no publisher sends anything new
	stopOnce              sync.Once
	rest                  chan struct{} // closed: consumers acknowledge what they hold and end
	restOnce              sync.Once

	mu         sync.Mutex
	messages   []message
	publishers uint8
	active     map[uint8]bool // the publishers that have not ended
	phase      uint8
	counts     Counts
	trouble    error // the last error of a connection, for reports
}

// Counts are the numbers so far.
type Counts struct {
	// Published is the number of messages sent, each once.
	Published int
	// Confirmed, Returned and Nacked are what the broker answered. The rest is unknown or on its way.
	Confirmed, Returned, Nacked int
	// Consumed counts consumptions, repeated ones included. Held is what consumers have not yet
	// acknowledged.
	Consumed, Held int
	// Drained counts the messages that Drain found. They are part of Consumed.
	Drained int
	// Foreign counts deliveries that this ledger did not publish.
	Foreign int
	// Subscribed is the number of subscriptions so far, Cancelled how many of them the broker
	// cancelled.
	Subscribed, Cancelled int
	// Connected is the number of times that publishers connected.
	Connected int
}

// New returns a ledger for at most limit messages. When they are all published, publishers end. The
// ledger ends with the test.
func New(tb testing.TB, limit int) *Ledger {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &Ledger{run: rand.Text()[:8], limit: limit, ctx: ctx, cancel: cancel,
		stop: make(chan struct{}), rest: make(chan struct{}), active: map[uint8]bool{}}
	tb.Cleanup(func() {
		cancel()
		l.publishing.Wait()
		l.consuming.Wait()
	})
	return l
}

// Counts returns the numbers so far.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Await returns when the numbers fulfil the condition. It fails the test after two minutes.
func (l *Ledger) Await(tb testing.TB, what string, fulfilled func(Counts) bool) {
	tb.Helper()
	end := time.Now().Add(patience)
	for !fulfilled(l.Counts()) {
		if time.Now().After(end) {
			tb.Fatalf("waited for %s: %+v, last error: %v", what, l.Counts(), l.lastTrouble())
		}
		time.Sleep(time.Millisecond)
	}
}

const patience = 2 * time.Minute

// AwaitConfirms returns when n more messages are confirmed than at the call.
func (l *Ledger) AwaitConfirms(tb testing.TB, n int) {
	tb.Helper()
	until := l.Counts().Confirmed + n
	l.Await(tb, "confirms", func(c Counts) bool { return c.Confirmed >= until })
}

// AwaitEach returns when each publisher that has not ended has a message answered that it sent after
// the call. The broker has then routed all that was sent before.
func (l *Ledger) AwaitEach(tb testing.TB) {
	tb.Helper()
	from := l.Counts().Published
	l.Await(tb, "an answer to each publisher", func(Counts) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		silent := maps.Clone(l.active)
		for _, m := range l.messages[from:] {
			if m.state != unknown {
				delete(silent, m.publisher)
			}
		}
		return len(silent) == 0
	})
}

func (l *Ledger) ended(publisher uint8) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.active, publisher)
}

// Mark divides the messages in old and new: what is confirmed now is old, what is published from
// now on is new. The verdict says whether each old message came before each new one. Messages on
// their way are neither. There may be up to 255 marks.
func (l *Ledger) Mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase++
}

// StopPublishing ends the publishers and returns when everything that they sent is answered, or when
// their connections have ended.
func (l *Ledger) StopPublishing() {
	l.stopOnce.Do(func() { close(l.stop) })
	l.publishing.Wait()
}

// StopConsuming makes the consumers acknowledge what they hold and end. Some of it may return to the
// queue all the same (fact acks-lost-on-close).
func (l *Ledger) StopConsuming() {
	l.restOnce.Do(func() { close(l.rest) })
	l.consuming.Wait()
}

// begin records a publication and returns the number of the message, or -1 at the limit.
func (l *Ledger) begin(publisher uint8) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.messages) >= l.limit {
		return -1
	}
	l.messages = append(l.messages, message{publisher: publisher, phase: l.phase})
	l.counts.Published++
	return len(l.messages) - 1
}

// answer records what the broker said about a message. A returned message is confirmed as well, and
// stays returned.
func (l *Ledger) answer(number int, s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number < 0 || number >= len(l.messages) || l.messages[number].state != unknown {
		return
	}
	m := &l.messages[number]
	m.state, m.late = s, m.phase != l.phase
	switch s {
	case confirmed:
		l.counts.Confirmed++
	case returned:
		l.counts.Returned++
	case nacked:
		l.counts.Nacked++
	}
}

// consumed records a consumption.
func (l *Ledger) consumed(body []byte, redelivered bool) {
	number := l.number(body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if number < 0 || number >= len(l.messages) {
		l.counts.Foreign++
		return
	}
	l.counts.Consumed++
	m := &l.messages[number]
	if m.first == 0 {
		m.first, m.again = uint32(l.counts.Consumed), redelivered //nolint:gosec // the limit of New is far below
	}
	if m.times < 255 {
		m.times++
		if redelivered {
			m.redelivered++
		}
	}
}

// count changes the numbers.
func (l *Ledger) count(change func(*Counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.counts)
}

// fail remembers an error of a connection.
func (l *Ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.trouble = err
	}
}

func (l *Ledger) lastTrouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trouble
}

// body returns the body of a message.
func (l *Ledger) body(number int) string { return fmt.Sprintf("%s %d", l.run, number) }

// number returns the number of the message with this body, or -1 if it is not the ledger's.
func (l *Ledger) number(body []byte) int {
	run, text, _ := strings.Cut(string(body), " ")
	n, err := strconv.Atoi(text)
	if run != l.run || err != nil {
		return -1
	}
	return n
}

// again waits a moment before something is tried again. It returns false when the test has ended or
// when until is closed.
func (l *Ledger) again(until <-chan struct{}) bool {
	select {
	case <-l.ctx.Done():
		return false
	case <-until:
		return false
	case <-time.After(20 * time.Millisecond):
		return true
	}
}
