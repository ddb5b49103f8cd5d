package amqpwire

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"
)

// AMQP 0-9-1 on the wire.
const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameEnd       = 0xCE
	frameHead      = 7             // type, channel, size
	frameAround    = frameHead + 1 // what a frame has besides its payload

	classBasic     = 60
	basicConsumeOK = 21
	basicDeliver   = 60

	// contentHead is what a content header has before its properties: class, weight, size of the
	// body.
	contentHead = 2 + 2 + 8
)

const (
	// readAhead is how much is read from the socket at once.
	readAhead = 64 << 10
	// FrameMax is the largest frame that a Conn takes, and RabbitMQ's default frame_max. The
	// library sees a larger one, and ends the connection.
	FrameMax = 131072
	// bodyAhead is how much of a body is made room for before any of it is here.
	bodyAhead = 64 << 10
	// aliveEvery is how often the library hears that the broker lives while all that comes is
	// deliveries.
	aliveEvery = time.Second
)

var errFrameEnd = errors.New("a frame without its end octet")

// Conn takes deliveries out of what a connection reads and gives them, undecoded, to the inboxes
// of their channels. Everything else passes to the AMQP library, which remains the owner of
// connection and channels. The frames that it reads are whole.
//
// Why not the library's deliveries: it makes some 250 allocations for the headers of one dead
// letter, which is half of the processor time that moving it takes. What waits in an Inbox costs
// little more than its bytes, too.
type Conn struct {
	net.Conn

	buf      []byte // what was read; from to is what was not looked at
	from, to int
	pass     []byte // whole frames for the library
	passed   int    // of pass
	passedAt time.Time
	raw      bool // it is no AMQP any more, or over every bound: the library is to see it, and to end the connection
	err      error

	filling  *Inbox // gets the body frame that is being read
	bodyLeft int    // bytes of it still to come

	mu      sync.Mutex
	inboxes map[uint16]*Inbox // by channel
	next    *Inbox            // of the channel that begins to consume
}

// New returns a connection on which nothing is collected yet. It reads only when it is read from.
func New(conn net.Conn) *Conn {
	return &Conn{Conn: conn, buf: make([]byte, readAhead), inboxes: map[uint16]*Inbox{}, passedAt: time.Now()}
}

// Collect gives in the deliveries of the channel that begins to consume next. One at a time, until
// Collect(nil).
func (t *Conn) Collect(in *Inbox) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = in
}

// Forget ends what Collect began: the number of a closed channel is used again.
func (t *Conn) Forget(in *Inbox) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for channel, have := range t.inboxes {
		if have == in {
			delete(t.inboxes, channel)
		}
	}
}

// Read reads what is for the library.
func (t *Conn) Read(p []byte) (int, error) {
	for t.passed == len(t.pass) {
		t.pass, t.passed = t.pass[:0], 0
		if t.err != nil {
			return 0, t.err
		}
		t.fill()
		t.sift()
		t.keepAlive()
	}
	n := copy(p, t.pass[t.passed:])
	t.passed += n
	return n, nil
}

// fill reads once, behind what waits for its rest.
func (t *Conn) fill() {
	if t.from > 0 {
		t.from, t.to = 0, copy(t.buf, t.buf[t.from:t.to])
	}
	if t.to == len(t.buf) { // a frame that is larger
		t.buf = append(t.buf, make([]byte, FrameMax)...)
	}
	n, err := t.Conn.Read(t.buf[t.to:])
	t.to += n
	t.err = err
}

// keepAlive gives the library a heartbeat in place of deliveries: it moves its read deadline on.
func (t *Conn) keepAlive() {
	switch now := time.Now(); {
	case len(t.pass) > 0:
		t.passedAt = now
	case t.err == nil && now.Sub(t.passedAt) >= aliveEvery:
		t.pass, t.passedAt = append(t.pass, frameHeartbeat, 0, 0, 0, 0, 0, 0, frameEnd), now
	}
}

// sift divides what is in buf, as far as it is whole.
func (t *Conn) sift() {
	for !t.raw && t.one() {
	}
	if t.raw {
		t.pass = append(t.pass, t.buf[t.from:t.to]...)
		t.from = t.to
	}
}

// one deals with one frame, or with what is here of a body. It is false when more must be read
// first.
func (t *Conn) one() bool {
	b := t.buf[t.from:t.to]
	if t.filling != nil {
		return t.body(b)
	}
	if len(b) < frameHead {
		return false
	}
	kind, channel, size := b[0], binary.BigEndian.Uint16(b[1:]), binary.BigEndian.Uint32(b[3:])
	if size > FrameMax-frameAround || kind == frameHeader && size < contentHead+2 {
		t.raw = true
		return true
	}
	in := t.inbox(kind, channel, b)
	if in != nil && kind == frameBody && in.collecting() {
		t.from += frameHead
		t.filling, t.bodyLeft = in, int(size)
		return true
	}
	whole := frameHead + int(size) + 1
	if len(b) < whole {
		return false
	}
	if b[whole-1] != frameEnd {
		t.raw = true
		return true
	}
	t.from += whole
	if in == nil || !in.frame(kind, b[frameHead:whole-1]) {
		t.pass = append(t.pass, b[:whole]...)
	}
	return true
}

// body moves what is here of a body frame to its Inbox.
func (t *Conn) body(b []byte) bool {
	n := min(t.bodyLeft, len(b))
	t.filling.grow(b[:n])
	t.from += n
	t.bodyLeft -= n
	if n == len(b) {
		return false // its end octet at least is to come
	}
	if b[n] != frameEnd {
		t.err, t.raw = errFrameEnd, true
		t.from = t.to
		return true
	}
	t.from++
	t.filling.grown()
	t.filling = nil
	return true
}

// Inbox returns where the frames of a channel go, nil for those of no interest. The first that a
// channel hears of a consumer tells whose channel it is.
func (t *Conn) inbox(kind byte, channel uint16, frame []byte) *Inbox {
	t.mu.Lock()
	defer t.mu.Unlock()
	in := t.inboxes[channel]
	if t.next == nil || kind != frameMethod || len(frame) < frameHead+4 ||
		binary.BigEndian.Uint16(frame[frameHead:]) != classBasic {
		return in
	}
	method := binary.BigEndian.Uint16(frame[frameHead+2:])
	if method == basicConsumeOK || method == basicDeliver && in == nil {
		in = t.next
		t.inboxes[channel] = in
	}
	return in
}
