package amqpwire

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqpwire/messagetest"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// failer is *testing.T, *testing.B, *testing.F and *rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// libraryReceives gives frames to the client library's own decoder, as deliveries on a channel that
// consumes, and returns what came of them: the judge of ours. Whoever speaks on the other side says
// just enough for that.
func libraryReceives(tb failer, frames []byte) (out []consume.Delivery, healthy bool) {
	tb.Helper()
	client, peer := net.Pipe()
	defer func() { _ = peer.Close() }()
	go scripted(peer, frames, true)
	conn, err := amqp.Open(client, amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: "u", Password: "p"}},
		FrameSize: FrameMax})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		tb.Fatal(err)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := ch.Consume("q", "t", false, false, false, false, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for d := range deliveries {
		delivery := received(&d, "q")
		if delivery.Headers = messagetest.Plain(delivery.Headers).(message.Table); len(delivery.Headers) == 0 {
			delivery.Headers = nil
		}
		out = append(out, delivery)
	}
	return out, len(closed) == 0
}

// scripted answers what the library asks until it consumes, then sends frames and ends the
// consumer. With consume false it returns when the channel is open.
func scripted(conn net.Conn, frames []byte, consume bool) {
	method := func(channel byte, class, id uint16, arguments ...byte) {
		b := frameOf(frameMethod, append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, class), id),
			arguments...))
		b[2] = channel
		_, _ = conn.Write(b) // a library that hung up is what a test may be about
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	// connection.start: version 0-9, no server properties, PLAIN, en_US
	method(0, 10, 10, append([]byte{0, 9, 0, 0, 0, 0, 0, 0, 0, 5}, "PLAIN\x00\x00\x00\x05en_US"...)...)
	for {
		if _, err := io.ReadFull(conn, head[:frameHead]); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[3:])+1)
		if _, err := io.ReadFull(conn, payload); err != nil || head[0] != frameMethod {
			continue
		}
		switch binary.BigEndian.Uint32(payload) {
		case 10<<16 | 11: // start-ok: tune to 10 channels, FrameMax, no heartbeats
			method(0, 10, 30, 0, 10, 0, 2, 0, 0, 0, 0)
		case 10<<16 | 40:
			method(0, 10, 41, 0)
		case 10<<16 | 50:
			method(0, 10, 51)
		case 20<<16 | 10:
			method(1, 20, 11, 0, 0, 0, 0)
			if !consume {
				return
			}
		case 60<<16 | 20:
			method(1, 60, basicConsumeOK, 1, 't')
			_, _ = conn.Write(frames)
			method(1, 60, 30, 1, 't', 1) // basic.cancel
		}
	}
}

// weReceive gives the same frames to a Conn and a Decoder, in pieces of cut bytes.
func weReceive(frames []byte, cut int) (out []consume.Delivery, passed []byte, healthy bool) {
	frames = append(frameOf(frameMethod, []byte{0, classBasic, 0, basicConsumeOK, 1, 't'}), frames...)
	s, in, r := New(&pieces{left: frames, cut: cut}), NewInbox(), NewDecoder()
	s.Collect(in)
	passed, err := io.ReadAll(s)
	healthy = err == nil && !s.raw
	for p, ok := in.Take(); ok; p, ok = in.Take() {
		d, err := r.Decode(p, "q")
		if err != nil {
			return out, passed, false
		}
		if d.Headers = messagetest.Plain(d.Headers).(message.Table); len(d.Headers) == 0 {
			d.Headers = nil
		}
		out = append(out, d)
	}
	return out, passed, healthy
}

// pieces is a connection from which bytes come cut at a time.
type pieces struct {
	net.Conn
	left []byte
	cut  int
}

// Read implements net.Conn.
func (c *pieces) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.left[:min(len(c.left), c.cut)])
	c.left = c.left[n:]
	return n, nil
}

// sameDeliveries compares quickly: bodies byte by byte would take a minute.
func sameDeliveries() cmp.Options {
	return cmp.Options{cmp.Comparer(bytes.Equal), cmpopts.EquateNaNs()}
}

// headers makes content header frames as the client library writes them: of everything published on
// its connection, the peer hands over the header frame.
var headers = sync.OnceValues(func() (*amqp.Channel, <-chan []byte) {
	client, peer := net.Pipe()
	frames := make(chan []byte)
	go func() {
		scripted(peer, nil, false)
		for {
			head := make([]byte, frameHead)
			if _, err := io.ReadFull(peer, head); err != nil {
				return
			}
			rest := make([]byte, binary.BigEndian.Uint32(head[3:])+1)
			if _, err := io.ReadFull(peer, rest); err != nil {
				return
			}
			if head[0] == frameHeader {
				frames <- slices.Concat(head, rest)
			}
		}
	}()
	conn, err := amqp.Open(client, amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: "u", Password: "p"}}})
	if err != nil {
		panic(err)
	}
	ch, err := conn.Channel()
	if err != nil {
		panic(err)
	}
	return ch, frames
})

// header encodes a message's content header, which announces a body of size bytes.
func header(t failer, m *message.Message, size int) []byte {
	t.Helper()
	ch, frames := headers()
	sent := make(chan error, 1)
	go func() {
		sent <- ch.Publish("", "", false, false, amqp.Publishing{
			Headers:     message.Native[amqp.Table](m.Headers, func(d message.Decimal) any { return amqp.Decimal(d) }),
			ContentType: m.ContentType, ContentEncoding: m.ContentEncoding, DeliveryMode: m.DeliveryMode,
			Priority: m.Priority, CorrelationId: m.CorrelationID, ReplyTo: m.ReplyTo, Expiration: m.Expiration,
			MessageId: m.MessageID, Timestamp: m.Timestamp, Type: m.Type, UserId: m.UserID, AppId: m.AppID,
		})
	}()
	frame := <-frames
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(frame[frameHead+4:], uint64(size))
	return frame
}

// frameOf makes a frame of channel 1.
func frameOf(kind byte, payload []byte) []byte {
	b := []byte{kind, 0, 1, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[3:], uint32(len(payload)))
	return append(append(b, payload...), frameEnd)
}

// received makes a delivery of the library's.
func received(d *amqp.Delivery, queue string) consume.Delivery {
	return consume.Delivery{
		Tag: d.DeliveryTag,
		Message: message.Message{
			Properties: message.Properties{
				ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode, Priority: d.Priority,
				CorrelationID: d.CorrelationId, ReplyTo: d.ReplyTo, Expiration: d.Expiration, MessageID: d.MessageId,
				Timestamp: d.Timestamp, Type: d.Type, UserID: d.UserId, AppID: d.AppId,
			},
			Headers: message.Table(d.Headers), Exchange: d.Exchange, RoutingKey: d.RoutingKey,
			Redelivered: d.Redelivered, Queue: queue, Body: d.Body,
		},
	}
}

// deliver is the method frame of a delivery.
func deliver(tag uint64, redelivered bool, exchange, key string) []byte {
	p := binary.BigEndian.AppendUint64([]byte{0, classBasic, 0, basicDeliver, 1, 't'}, tag)
	p = append(p, 0)
	if redelivered {
		p[len(p)-1] = 1
	}
	p = append(append(p, byte(len(exchange))), exchange...)
	return frameOf(frameMethod, append(append(p, byte(len(key))), key...))
}
