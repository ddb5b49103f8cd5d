package ledger

import (
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Publisher says how a publisher sends.
type Publisher struct {
	// URL is the AMQP address, with credentials and vhost. It may be a proxy's.
	URL string
	// Exchange is where it publishes. With "", the default exchange, Keys are names of queues.
	Exchange string
	// Keys are the routing keys, in turn. Without any, the key is "".
	Keys []string
	// Headers are the headers of every message.
	Headers amqp.Table
	// Rate is the number of messages a second. 0 means as fast as confirms allow.
	Rate int
	// Count is how many messages it sends before it ends. 0 means no end.
	Count int
	// Anonymous messages have no message_id.
	Anonymous bool
}

// window is how many messages of a publisher may be unconfirmed.
const window = 1000

// tick is how often a publisher looks how many messages are due.
const tick = 2 * time.Millisecond

// silence is how long a publisher waits for an answer before it connects again. Some messages are
// never answered (fact deleted-queue-unconfirmed).
const silence = 15 * time.Second

// errStopped says that a session ended as it should.
var errStopped = errors.New("stopped")

// Publish starts a publisher. It ends at StopPublishing, after Count messages, and at the limit of
// the ledger. There may be up to 255 publishers.
func (l *Ledger) Publish(p Publisher) {
	l.mu.Lock()
	l.publishers++
	number := l.publishers
	l.active[number] = true
	l.mu.Unlock()
	if len(p.Keys) == 0 {
		p.Keys = []string{""}
	}
	if p.Count == 0 {
		p.Count = l.limit
	}
	l.publishing.Add(1)
	go func() {
		defer l.publishing.Done()
		defer l.ended(number)
		for left := p.Count; ; {
			err := (&sender{Ledger: l, Publisher: p, number: number, left: &left}).session()
			if errors.Is(err, errStopped) {
				return
			}
			l.fail(fmt.Errorf("publisher %d: %w", number, err))
			if !l.again(l.stop) {
				return
			}
		}
	}()
}

// sender is one connection of a publisher.
type sender struct {
	*Ledger
	Publisher
	number uint8
	left   *int // how many messages it may still send

	ch       *amqp.Channel
	returns  chan amqp.Return
	confirms chan amqp.Confirmation
	tags     map[uint64]int // messages on their way, by delivery tag
	begun    time.Time
	answered time.Time // when the last answer came
	sent     int
}

// session publishes on one connection until it ends.
func (s *sender) session() error {
	conn, err := amqp.Dial(s.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseDeadline(time.Now().Add(silence)) }() // it may get no answer
	if s.ch, err = conn.Channel(); err != nil {
		return err
	}
	s.returns = s.ch.NotifyReturn(make(chan amqp.Return, 2*window))
	s.confirms = s.ch.NotifyPublish(make(chan amqp.Confirmation, 2*window))
	closed := s.ch.NotifyClose(make(chan *amqp.Error, 1))
	if err := s.ch.Confirm(false); err != nil {
		return err
	}
	s.count(func(c *Counts) { c.Connected++ })
	s.tags, s.begun, s.answered = map[uint64]int{}, time.Now(), time.Now()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	stop, stopping := s.stop, false
	for {
		select {
		case <-s.ctx.Done():
			return errStopped
		case <-stop:
			stop, stopping = nil, true
		case c, open := <-s.confirms:
			if !open {
				return s.reason(closed)
			}
			s.settle(c)
		case <-clock.C:
		}
		if !stopping && !s.sendDue() {
			stopping = true
		}
		switch {
		case len(s.tags) == 0 && stopping:
			return errStopped
		case len(s.tags) == 0:
			s.answered = time.Now()
		case time.Since(s.answered) > silence:
			return fmt.Errorf("no answer for %d messages in %s", len(s.tags), silence)
		}
	}
}

// sendDue publishes what is due. It returns false when there is nothing more to send.
func (s *sender) sendDue() bool {
	due := window
	if s.Rate > 0 {
		due = int(time.Since(s.begun).Seconds()*float64(s.Rate)) - s.sent
	}
	for ; due > 0 && len(s.tags) < window; due-- {
		number := -1
		if *s.left > 0 {
			number = s.begin(s.number)
		}
		if number < 0 {
			return false
		}
		*s.left--
		m := amqp.Publishing{DeliveryMode: amqp.Persistent, Headers: s.Headers, Body: []byte(s.body(number))}
		if !s.Anonymous {
			m.MessageId = s.body(number)
		}
		s.sent++
		s.tags[s.ch.GetNextPublishSeqNo()] = number
		key := s.Keys[number%len(s.Keys)]
		if err := s.ch.PublishWithContext(s.ctx, s.Exchange, key, true, false, m); err != nil {
			return true // the channel is closing, and confirms will be closed
		}
	}
	return true
}

// settle records an answer. The broker returns a message before it confirms it.
func (s *sender) settle(c amqp.Confirmation) {
	s.answered = time.Now()
	s.takeReturns()
	number, mine := s.tags[c.DeliveryTag]
	delete(s.tags, c.DeliveryTag)
	switch {
	case !mine:
	case c.Ack:
		s.answer(number, confirmed)
	default:
		s.answer(number, nacked)
	}
}

func (s *sender) takeReturns() {
	for {
		select {
		case r, open := <-s.returns:
			if !open {
				return
			}
			s.answer(s.Ledger.number(r.Body), returned)
		default:
			return
		}
	}
}

// reason returns why the channel ended.
func (s *sender) reason(closed <-chan *amqp.Error) error {
	s.takeReturns()
	if why := <-closed; why != nil {
		return why
	}
	return amqp.ErrClosed
}
