package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/msgctl/msgctl/internal/guarded"
)

const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	// frameHead is the size of a frame's head: type, channel, size of the payload. frameEnd is the
	// octet that ends a frame.
	frameHead = 7
	frameEnd  = 0xCE
	// methodHead is the size of the class and the method, with which a method's payload begins.
	methodHead = 4
	// headerLimit is the size of the largest content header that is passed on, in bytes.
	headerLimit = 4 << 20
	// writeThrough is the size from which a part of a body is written without being copied, in
	// bytes.
	writeThrough = 16 << 10
	// greeting is the size of the protocol header, which a client writes before its first frame.
	greeting = 8
	// frameMaxAt is the position of frame_max in connection.tune and connection.tune-ok: after the
	// method and channel_max.
	frameMaxAt = frameHead + methodHead + 2
)

// Limits are the limits that a Frames enforces or raises.
type Limits struct {
	// Message is the maximum size of a message body in bytes. A larger one is not passed on: see
	// TakeUnread. 0 means no limit.
	Message int64
	// Frame is the largest frame, in bytes, that a client reads if it publishes nothing. It may
	// exceed the broker's frame_max: a message whose headers almost fill a frame gets x-death when
	// it is dead-lettered, and the broker sends it all the same (fact headers-outgrow-frame-max).
	// The library must propose Frame as its own frame_max. Frames then shows the library a broker
	// without a limit, and answers the broker with the broker's own limit. 0 leaves the negotiation
	// alone.
	Frame uint32
}

// Frames sits between the client library and a connection. It carries what the library's types
// cannot express, in both directions (AddNote, TakeNote). It leaves out bodies that are too large,
// and bodies of messages whose headers the library cannot decode (TakeUnread). Such messages arrive
// all the same, and can be left in their queue. It ends the connection if the broker breaks the
// protocol in a way that the library does not limit: see Violation.
//
// It passes on unchanged whatever it does not understand. One goroutine may read while another
// writes.
type Frames struct {
	net.Conn
	limits Limits
	raised atomic.Uint32 // the broker's frame_max, when the library was shown none
	in     *bufio.Reader
	ready  []byte // of a frame that was changed
	left   int64  // of the frame that is being passed on; -1 for everything
	skip   int64  // of the frame that is being left out
	fails  error  // what the next Read returns

	guard    guard
	violated atomic.Pointer[Violation]

	greeted int    // bytes of the greeting that were written
	frame   []byte // begun by the writer
	body    int64  // bytes left of the body frame that is being written
	out     []byte
}

// NewFrames returns a Frames on conn.
func NewFrames(conn net.Conn, limits Limits) *Frames {
	return &Frames{Conn: conn, limits: limits, in: bufio.NewReaderSize(conn, readAhead), guard: newGuard(limits.Message)}
}

// Violation returns a *Violation that says how the broker broke the protocol, or nil if it has not.
func (f *Frames) Violation() error {
	if v := f.violated.Load(); v != nil {
		return v
	}
	return nil
}

// Read reads what the broker sends, one frame after another. The client library calls it in a
// goroutine of its own.
func (f *Frames) Read(p []byte) (n int, err error) {
	defer guarded.Here()
	if f.fails != nil {
		return 0, f.fails
	}
	if len(f.ready) == 0 && f.left == 0 && f.skip == 0 {
		if err := f.begin(); err != nil {
			return 0, err
		}
	}
	for n < len(p) {
		switch {
		case len(f.ready) > 0:
			took := copy(p[n:], f.ready)
			n, f.ready = n+took, f.ready[took:]
		case f.left+f.skip != 0 && n > 0 && f.in.Buffered() == 0:
			return n, nil
		case f.skip > 0:
			if err := f.leaveOut(); err != nil {
				return n, err
			}
		case f.left != 0:
			took, err := f.pass(p[n:])
			if n += took; err != nil {
				return n, err
			}
		case !f.whole():
			return n, nil
		default:
			if f.fails = f.begin(); f.fails != nil {
				return n, nil // the next read returns it
			}
		}
	}
	return n, nil
}

// pass reads more of a frame that is passed on unchanged.
func (f *Frames) pass(p []byte) (n int, err error) {
	if f.left > 0 && int64(len(p)) > f.left {
		p = p[:f.left]
	}
	n, err = f.in.Read(p)
	if f.left > 0 {
		f.left -= int64(n)
	}
	return n, err
}

// leaveOut reads more of a frame that is left out. The library gets a heartbeat in its place, which
// shows it that the broker is alive.
func (f *Frames) leaveOut() error {
	n, err := f.in.Discard(int(min(f.skip, int64(max(f.in.Buffered(), 1)))))
	if f.skip -= int64(n); f.skip == 0 {
		f.ready = frameOf(frameHeartbeat, 0, nil)
	}
	return err
}

// whole reports whether enough of the next frame is buffered for begin not to block.
func (f *Frames) whole() bool {
	have := f.in.Buffered()
	if have < frameHead+methodHead {
		return false
	}
	head, _ := f.in.Peek(frameHead) // they are here
	return head[0] != frameHeader || int64(have) > frameHead+int64(binary.BigEndian.Uint32(head[3:]))
}

// begin inspects the next frame. The error is a read error or a *Violation.
func (f *Frames) begin() error {
	head, err := f.in.Peek(frameHead)
	if err != nil {
		return f.rest(err)
	}
	kind, channel, size := head[0], binary.BigEndian.Uint16(head[1:]), binary.BigEndian.Uint32(head[3:])
	whole := frameHead + int64(size) + 1
	switch {
	case kind == frameMethod && size >= methodHead:
		if head, err = f.in.Peek(frameHead + methodHead); err != nil {
			return f.rest(err)
		}
		m := methodOf(head[frameHead:])
		if err = f.guard.received(channel, m); err == nil && m == connectionTune {
			return f.raise(int(whole))
		}
	case kind == frameHeader && size <= headerLimit:
		return f.header(channel, int(whole))
	case kind == frameHeader:
		return f.hugeHeader(channel, whole)
	case kind == frameBody:
		var unread bool
		if unread, err = f.guard.part(channel, size); unread && err == nil {
			f.skip = whole
			return nil
		}
	case kind == frameHeartbeat && channel != 0:
		err = &Violation{What: "a heartbeat on a channel"}
	case kind != frameMethod && kind != frameHeartbeat:
		whole = -1
		if f.guard.opened() { // earlier, the dial reports what else the port speaks
			err = &Violation{What: "something that is not an AMQP frame"}
		}
	}
	if f.left = whole; err != nil {
		return f.violate(err)
	}
	return nil
}

// raise reads connection.tune. If the broker's frame_max is below limits.Frame, it shows the
// library a broker without a limit.
func (f *Frames) raise(whole int) error {
	f.left = int64(whole)
	tune, err := f.in.Peek(min(whole, frameMaxAt+4))
	if err != nil || len(tune) < frameMaxAt+4 {
		return nil //nolint:nilerr // the library gets the error with the next read
	}
	limit := binary.BigEndian.Uint32(tune[frameMaxAt:])
	if limit == 0 || limit >= f.limits.Frame {
		return nil
	}
	f.raised.Store(limit)
	f.ready = bytes.Clone(tune)
	clear(f.ready[frameMaxAt:])
	discarded, err := f.in.Discard(len(tune))
	f.left -= int64(discarded)
	return err
}

// rest passes on the remainder of an input that ends in the middle of a frame.
func (f *Frames) rest(err error) error {
	if f.in.Buffered() == 0 {
		return err
	}
	f.left = -1
	return nil
}

func (f *Frames) violate(err error) error {
	var v *Violation
	if errors.As(err, &v) {
		f.violated.CompareAndSwap(nil, v)
	}
	f.fails = err
	_ = f.Close() // the first error is reported
	return err
}

// header reads a content header, and adds a note if the library cannot express what is in it.
func (f *Frames) header(channel uint16, whole int) error {
	frame := make([]byte, whole)
	n, _ := io.ReadFull(f.in, frame) // the library gets the error with the next read
	f.ready = frame[:n]
	if n < whole || frame[whole-1] != frameEnd {
		f.left = -1
		return nil
	}
	payload := frame[frameHead : whole-1]
	if len(payload) >= payloadHead {
		u, err := f.guard.announced(channel, binary.BigEndian.Uint64(payload[4:]))
		if err == nil && u == nil {
			u = f.guard.undecodable(channel, payload)
		}
		if err == nil && u != nil {
			if payload, err = f.guard.withMark(payload, u); err == nil {
				f.ready = frameOf(frameHeader, channel, payload)
			}
		}
		if err != nil {
			return f.violate(err)
		}
	}
	changed, ok := noted(payload)
	if ok && f.guard.fits(len(changed)+frameHead+1) {
		f.ready = frameOf(frameHeader, channel, changed)
	}
	return nil
}

func frameOf(kind byte, channel uint16, payload []byte) []byte {
	out := make([]byte, 0, frameHead+len(payload)+1)
	out = binary.BigEndian.AppendUint16(append(out, kind), channel)
	out = binary.BigEndian.AppendUint32(out, uint32(len(payload)))
	return append(append(out, payload...), frameEnd)
}

// Write writes what the library sends. The library writes one frame after another, from one
// goroutine at a time.
func (f *Frames) Write(p []byte) (int, error) {
	f.out = f.out[:0]
	for rest := p; len(rest) > 0; {
		n := len(rest)
		switch {
		case f.greeted < greeting:
			n = min(n, greeting-f.greeted)
			f.greeted += n
			f.out = append(f.out, rest[:n]...)
		case f.body > 0:
			n = int(min(int64(n), f.body))
			f.body -= int64(n)
			if err := f.writeBody(rest[:n]); err != nil {
				return 0, err
			}
		default:
			n = f.gather(rest)
		}
		rest = rest[n:]
	}
	if len(f.out) == 0 {
		return len(p), nil
	}
	if _, err := f.Conn.Write(f.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *Frames) writeBody(part []byte) error {
	if len(part) < writeThrough {
		f.out = append(f.out, part...)
		return nil
	}
	if len(f.out) > 0 {
		if _, err := f.Conn.Write(f.out); err != nil {
			return err
		}
		f.out = f.out[:0]
	}
	_, err := f.Conn.Write(part)
	return err
}

// gather adds p to the frame that has begun, and passes the frame on when it is complete. It
// returns how many bytes of p belong to the frame.
func (f *Frames) gather(p []byte) (n int) {
	if n = min(frameHead-len(f.frame), len(p)); n > 0 {
		f.frame = append(f.frame, p[:n]...)
	} else {
		n = 0
	}
	if len(f.frame) < frameHead {
		return n
	}
	size := int(binary.BigEndian.Uint32(f.frame[3:]))
	if f.frame[0] != frameMethod && f.frame[0] != frameHeader {
		f.out = append(f.out, f.frame...)
		f.frame, f.body = f.frame[:0], int64(size)+1
		return n
	}
	more := min(frameHead+size+1-len(f.frame), len(p)-n)
	f.frame = append(f.frame, p[n:n+more]...)
	if len(f.frame) == frameHead+size+1 {
		f.send()
	}
	return n + more
}

func (f *Frames) send() {
	frame := f.frame
	f.frame = f.frame[:0]
	channel, payload := binary.BigEndian.Uint16(frame[1:]), frame[frameHead:len(frame)-1]
	if frame[0] == frameMethod {
		f.guard.sent(channel, payload)
		f.answer(frame)
	} else if changed, ok := unnoted(payload); ok {
		frame = frameOf(frameHeader, channel, changed)
	}
	f.out = append(f.out, frame...)
}

// answer restores the broker's own frame_max in connection.tune-ok.
func (f *Frames) answer(frame []byte) {
	if len(frame) >= frameMaxAt+4 && methodOf(frame[frameHead:]) == connectionTuneOK {
		if limit := f.raised.Load(); limit != 0 {
			binary.BigEndian.PutUint32(frame[frameMaxAt:], limit)
		}
	}
}
