package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/msgctl/msgctl/pkg/message"
)

// Violation is the error that ends a connection to a broker that breaks the protocol or sends more
// than is allowed.
type Violation struct {
	// What completes the sentence "the broker sent …".
	What string
}

// Error implements error.
func (v *Violation) Error() string { return "the broker sent " + v.What }

// method is an AMQP method: the ids of its class and of the method.
type method struct{ class, id uint16 }

func methodOf(payload []byte) method {
	return method{binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])}
}

var (
	connectionTune   = method{10, 30}
	connectionTuneOK = method{10, 31}
	connectionOpenOK = method{10, 41}
	channelOpen      = method{20, 10}
	basicQos         = method{60, 10}
	basicConsume     = method{60, 20}
	basicDeliver     = method{60, 60}
	basicGetOK       = method{60, 71}
	basicGetEmpty    = method{60, 72}
	basicAck         = method{60, 80}
	basicReject      = method{60, 90}
	basicRecover     = method{60, 110}
	basicNack        = method{60, 120}
)

// streamSlack is how many messages a stream may send beyond the prefetch: it counts credit in
// chunks (fact stream-credit).
const streamSlack = 8192

// answers maps each answer to the request that waits for it. The library keeps an answer without a
// request until the next request, and reads nothing until then.
var answers = map[method]method{
	{10, 51}: {10, 50}, {10, 71}: {10, 70}, {20, 11}: channelOpen, {20, 41}: {20, 40},
	{40, 11}: {40, 10}, {40, 21}: {40, 20}, {40, 31}: {40, 30}, {40, 51}: {40, 40},
	{50, 11}: {50, 10}, {50, 21}: {50, 20}, {50, 31}: {50, 30}, {50, 41}: {50, 40}, {50, 51}: {50, 50},
	{60, 11}: basicQos, {60, 21}: basicConsume, {60, 31}: {60, 30}, basicGetOK: {60, 70}, basicGetEmpty: {60, 70},
	{60, 111}: basicRecover, {85, 11}: {85, 10}, {90, 11}: {90, 10}, {90, 21}: {90, 20}, {90, 31}: {90, 30},
}

var requests = func() map[method]bool {
	all := map[method]bool{}
	for _, request := range answers {
		all[request] = true
	}
	return all
}()

// guard checks what the broker sends. It is safe for concurrent use.
type guard struct {
	maxMessage int64

	mu       sync.Mutex
	frameMax int
	open     bool
	channels map[uint16]*channelState
}

// channelState is the state of one channel.
type channelState struct {
	asked     map[method]int // requests without an answer
	prefetch  uint64         // the largest that was set
	consumers uint64
	noAck     bool // one of the consumers does not acknowledge
	gets      uint64
	slack     uint64 // messages beyond the prefetch, for a stream
	delivered uint64 // gets included
	tags      Tags
	body      uint64 // what is left of the body that was announced
	unread    bool   // that body is not passed on
}

func newGuard(maxMessage int64) guard {
	return guard{maxMessage: maxMessage, channels: map[uint16]*channelState{}}
}

func (g *guard) channel(n uint16) *channelState {
	c := g.channels[n]
	if c == nil {
		c = &channelState{asked: map[method]int{}}
		g.channels[n] = c
	}
	return c
}

// sent records a method that the library sends.
func (g *guard) sent(channel uint16, payload []byte) {
	if len(payload) < methodHead {
		return
	}
	m, args := methodOf(payload), payload[methodHead:]
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case m == connectionTuneOK && len(args) >= 6:
		g.frameMax = int(binary.BigEndian.Uint32(args[2:]))
	case m == channelOpen:
		delete(g.channels, channel)
	}
	c := g.channel(channel)
	if requests[m] {
		c.asked[m]++
	}
	switch m {
	case basicQos:
		if len(args) >= 6 {
			c.prefetch = max(c.prefetch, uint64(binary.BigEndian.Uint16(args[4:])))
		}
	case basicConsume:
		c.consumers++
		if bytes.Contains(args, []byte("x-stream-offset")) {
			c.slack = streamSlack
		}
		c.noAck = c.noAck || noAck(args)
	case basicAck, basicReject, basicNack:
		if len(args) >= 9 {
			c.settle(binary.BigEndian.Uint64(args), m != basicReject && args[8]&1 == 1)
		}
	case basicRecover:
		c.settle(c.delivered, true)
	}
}

func (c *channelState) settle(tag uint64, multiple bool) {
	if tag == 0 {
		tag = c.delivered // all of them
	}
	if tag > 0 && tag <= c.delivered {
		c.tags.Settle(tag, multiple)
	}
}

// noAck returns the no-ack bit of basic.consume. The arguments are a short, the queue, the tag and
// bits.
func noAck(args []byte) bool {
	at := 2
	for range 2 {
		if at >= len(args) {
			return false
		}
		at += 1 + int(args[at])
	}
	return at < len(args) && args[at]&2 != 0
}

// received records a method, and returns a *Violation if the broker may not send it now.
func (g *guard) received(channel uint16, m method) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if channel == 0 {
		return g.receivedOnConnection(m)
	}
	c := g.channel(channel)
	switch request, isAnswer := answers[m]; {
	case isAnswer && c.asked[request] == 0:
		return &Violation{What: fmt.Sprintf("an answer that nothing asked for (class %d, method %d)", m.class, m.id)}
	case isAnswer:
		c.asked[request]--
	}
	switch m {
	case basicGetOK:
		c.gets++
		c.delivered++
	case basicDeliver:
		c.delivered++
		limit := c.prefetch*max(c.consumers, 1) + c.gets + c.slack
		if unsettled := c.delivered - c.tags.Count(); c.prefetch > 0 && !c.noAck && unsettled > limit {
			return &Violation{What: fmt.Sprintf("%d messages where the prefetch is %d", unsettled, c.prefetch)}
		}
	}
	return nil
}

// receivedOnConnection allows the handshake until it is complete. Afterwards it allows answers, and
// what the broker sends unasked: close, blocked and unblocked.
func (g *guard) receivedOnConnection(m method) error {
	c := g.channel(0)
	request, isAnswer := answers[m]
	ok := true
	switch {
	case m.class != connectionOpenOK.class:
		ok = false
	case isAnswer:
		if ok = c.asked[request] > 0; ok {
			c.asked[request]--
		}
	case m.id < connectionOpenOK.id: // start, secure, tune
		ok = !g.open
	case m == connectionOpenOK:
		ok, g.open = !g.open, true
	}
	if !ok {
		return &Violation{What: fmt.Sprintf("a method that nothing asked for (class %d, method %d)", m.class, m.id)}
	}
	return nil
}

// opened reports whether the handshake is complete.
func (g *guard) opened() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.open }

// announced records the size of a body. It returns why the body is not to be passed on, nil if it
// is, and a *Violation for a size that no broker sends.
func (g *guard) announced(channel uint16, size uint64) (*message.Unread, error) {
	if size > hugest {
		return nil, &Violation{What: fmt.Sprintf("a message of %d bytes", size)}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.channel(channel)
	c.body, c.unread = size, g.maxMessage > 0 && size > uint64(g.maxMessage)
	if !c.unread {
		return nil, nil
	}
	return &message.Unread{Size: int64(size), TooLarge: true, Why: tooLarge(int64(size), g.maxMessage)}, nil
}

// part records a part of a body, and reports whether it is not to be passed on. It returns a
// *Violation if the body gets longer than announced. The library would append it all the same.
func (g *guard) part(channel uint16, size uint32) (unread bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.channel(channel)
	if uint64(size) > c.body {
		return false, &Violation{What: "a body that is longer than announced"}
	}
	c.body -= uint64(size)
	return c.unread, nil
}

// fits reports whether the library accepts a frame of this size.
func (g *guard) fits(frame int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.frameMax == 0 || frame <= g.frameMax
}
