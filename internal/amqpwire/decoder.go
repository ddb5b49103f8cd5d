package amqpwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

const (
	// maxFieldDepth and maxFieldCount bound tables and arrays as the AMQP library does: a byte on
	// the wire must not become a hundred in memory, nor the stack as deep as a frame is long.
	maxFieldDepth = 32
	maxFieldCount = 8192
)

var errField = errors.New("its properties or headers are not as AMQP writes them")

// Decoder makes messages of what came. It is for one goroutine at a time. The messages share what
// they have in common: header names, short texts, death histories. Like all that messages share, it
// must not be changed.
type Decoder struct {
	cursor
	cache cache
	hint  int // how many headers the last message had
	depth int
}

// Decode decodes p, whose bytes become the message's. queue becomes Delivery.Queue. It fails when
// the properties or headers are not as AMQP writes them.
func (r *Decoder) Decode(p Raw, queue string) (out consume.Delivery, err error) {
	r.cursor, r.depth = cursor{b: p.bytes[4:p.method]}, 0
	r.short() // the consumer tag
	out.Tag = r.uint64()
	out.Redelivered = r.uint8()&1 != 0
	out.Exchange = r.cache.text(r.short())
	out.RoutingKey = r.cache.text(r.short())
	methodBroken := r.broken
	r.cursor = cursor{b: p.bytes[p.method+contentHead : p.method+p.header]}
	r.properties(&out.Message)
	if methodBroken || r.broken {
		return out, fmt.Errorf("delivery %d: %w", out.Tag, errField)
	}
	out.Queue = queue
	out.Body = p.bytes[p.method+p.header : len(p.bytes) : len(p.bytes)]
	return out, nil
}

// properties reads the flags and the properties that are there, in the order of the protocol. What
// follows them is ignored, as the library does.
func (r *Decoder) properties(m *message.Message) {
	flags := r.uint16()
	has := func(bit int) bool { return flags&(1<<bit) != 0 }
	text := func(bit int) string {
		if !has(bit) {
			return ""
		}
		return r.cache.text(r.short())
	}
	m.ContentType, m.ContentEncoding = text(15), text(14)
	if has(13) {
		if m.Headers = r.table(r.hint); len(m.Headers) > 0 {
			r.hint = len(m.Headers)
		}
	}
	if has(12) {
		m.DeliveryMode = r.uint8()
	}
	if has(11) {
		m.Priority = r.uint8()
	}
	m.CorrelationID, m.ReplyTo, m.Expiration, m.MessageID = text(10), text(9), text(8), text(7)
	if has(6) {
		m.Timestamp = r.time()
	}
	m.Type, m.UserID, m.AppID = text(5), text(4), text(3)
	if has(2) {
		r.short()
	}
}

func (r *Decoder) time() time.Time { return time.Unix(int64(r.uint64()), 0) }

// table reads a table with its length. room is how many entries to expect.
func (r *Decoder) table(room int) message.Table {
	payload := r.long()
	if r.depth > maxFieldDepth {
		r.fail()
	}
	if r.broken {
		return nil
	}
	rest := r.cursor
	r.cursor = cursor{b: payload}
	t := make(message.Table, room)
	for len(r.b) > 0 {
		name := r.cache.text(r.short())
		v := r.field()
		if r.broken || len(t) >= maxFieldCount {
			r.fail()
			return nil
		}
		t[name] = v
	}
	r.cursor = rest
	return t
}

func (r *Decoder) array() []any {
	payload := r.long()
	if r.depth > maxFieldDepth {
		r.fail()
	}
	if r.broken {
		return nil
	}
	rest := r.cursor
	r.cursor = cursor{b: payload}
	var a []any
	for len(r.b) > 0 {
		v := r.field()
		if r.broken || len(a) >= maxFieldCount {
			r.fail()
			return nil
		}
		a = append(a, v)
	}
	r.cursor = rest
	return a
}

// field reads a value with its type octet, as RabbitMQ writes them.
func (r *Decoder) field() any {
	switch kind := r.uint8(); kind {
	case 'V':
		return nil
	case 'S':
		return r.cache.value(r.long())
	case 'x':
		return append([]byte{}, r.long()...)
	case 'T':
		return r.time()
	case 'A', 'F':
		return r.nested(kind)
	case 'D':
		return message.Decimal{Scale: r.uint8(), Value: int32(r.uint32())}
	default:
		return r.number(kind)
	}
}

// nested reads a table or an array, or finds it among those read before: thousands of messages that
// died in the same second have the same death history.
func (r *Decoder) nested(kind byte) any {
	if len(r.b) < 4 {
		r.fail()
		return nil
	}
	raw := r.b[:min(uint64(len(r.b)), 4+uint64(binary.BigEndian.Uint32(r.b)))]
	known := r.cache.nested(kind, raw, r.depth)
	if known != nil && known.is(kind, raw, r.depth) {
		r.b = r.b[len(raw):]
		return known.value
	}
	r.depth++
	var v any
	if kind == 'A' {
		v = r.array()
	} else {
		v = r.table(0)
	}
	r.depth--
	if known != nil && !r.broken {
		known.keep(kind, raw, r.depth, v)
	}
	return v
}

func (r *Decoder) number(kind byte) any {
	switch kind {
	case 't':
		return r.uint8() != 0
	case 'b':
		return int8(r.uint8())
	case 'B':
		return r.uint8()
	case 's':
		return int16(r.uint16())
	case 'u':
		return r.uint16()
	case 'I':
		return int32(r.uint32())
	case 'i':
		return r.uint32()
	case 'l':
		return int64(r.uint64())
	case 'f':
		return math.Float32frombits(r.uint32())
	case 'd':
		return math.Float64frombits(r.uint64())
	}
	r.fail()
	return nil
}

// cursor reads from b. Reading beyond its end makes it broken, and everything zero from then on.
type cursor struct {
	b      []byte
	broken bool
}

func (c *cursor) fail() { c.b, c.broken = nil, true }

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	p := c.b[:n]
	c.b = c.b[n:]
	return p
}

// short and long return the bytes behind a length of one and of four bytes.
func (c *cursor) short() []byte { return c.take(uint64(c.uint8())) }
func (c *cursor) long() []byte  { return c.take(uint64(c.uint32())) }

func (c *cursor) uint8() uint8 {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if p := c.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if p := c.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if p := c.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}
