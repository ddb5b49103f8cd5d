package amqpwire

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/amqpwire/messagetest"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// TestWeReceiveWhatTheLibraryReceives lets both decode the same stream: deliveries of every kind,
// bodies in frames of any size, other channels' frames and replies between, deliveries that are
// interrupted or out of order, and the stream cut anywhere.
func TestWeReceiveWhatTheLibraryReceives(t *testing.T) {
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		var stream, others []byte
		alien := func(kind byte, payload []byte) []byte { // of another channel, to be passed on
			b := frameOf(kind, payload)
			if kind == 8 {
				b[2] = 0
			}
			others = append(others, b...)
			return b
		}
		for tag := range rapid.IntRange(0, 5).Draw(t, "deliveries") {
			m := messagetest.Messages().Draw(t, "message")
			stream = append(stream, deliver(uint64(tag+1), rapid.Bool().Draw(t, "redelivered"), "x", m.Type)...)
			if rapid.IntRange(0, 9).Draw(t, "interrupted") == 0 {
				continue
			}
			if rapid.IntRange(0, 3).Draw(t, "heartbeat") == 0 {
				stream = append(stream, alien(8, nil)...)
			}
			stream = append(stream, header(t, m, len(m.Body))...)
			for body := m.Body; len(body) > 0; {
				n := min(len(body), rapid.SampledFrom([]int{1 << 16, 1 << 10, 131064}).Draw(t, "frame"))
				stream = append(stream, frameOf(frameBody, body[:n])...)
				body = body[n:]
			}
			if rapid.IntRange(0, 9).Draw(t, "stray") == 0 {
				stream = append(stream, alien(frameBody, []byte("stray"))...)
			}
		}
		want, ok := libraryReceives(t, stream)
		if !ok {
			t.Fatal("the library does not like the stream")
		}
		got, passed, ok := weReceive(stream, rapid.SampledFrom([]int{1 << 20, 70000, 4096, 7}).Draw(t, "cut"))
		if !ok {
			t.Fatal("we do not like the stream")
		}
		seen += len(got)
		if diff := cmp.Diff(want, got, sameDeliveries()); diff != "" {
			t.Fatal(diff)
		}
		consumed := frameOf(frameMethod, []byte{0, classBasic, 0, basicConsumeOK, 1, 't'})
		if !bytes.Equal(passed, append(consumed, others...)) {
			t.Fatalf("%d bytes passed, want %d, the same", len(passed), len(consumed)+len(others))
		}
	})
	if seen == 0 {
		t.Error("nothing was received")
	}
}

// FuzzDecode gives any content header to the library and to us.
func FuzzDecode(f *testing.F) {
	t := testingMessage()
	f.Add(header(f, t, 3)[frameHead:], false)
	f.Add([]byte("\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x20\x00\x00\x00\x00\x07\x01aA\x7f\xff\xff\xff\xce"),
		false)
	f.Add([]byte("\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x20\x00\xff\xff\xff\xff\x01a"), true)
	f.Add(append([]byte("\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x20\x00\x00\x00\x01\x00\x01a"),
		bytes.Repeat([]byte("A\x00\x00\x00\xf0"), 50)...), false)
	f.Fuzz(func(t *testing.T, properties []byte, twice bool) {
		if len(properties) > FrameMax-frameAround {
			return
		}
		frame := frameOf(frameHeader, properties)
		stream := append(append(deliver(1, false, "x", "k"), frame...), frameOf(frameBody, []byte("abc"))...)
		if twice { // what is remembered must not differ
			stream = append(stream, append(append(deliver(2, false, "x", "k"), frame...),
				frameOf(frameBody, []byte("abc"))...)...)
		}
		want, fine := libraryReceives(t, stream)
		got, _, ok := weReceive(stream, 1<<20)
		switch {
		case ok && !fine && len(got) == 0: // the library decodes also what never becomes whole
		case ok && !fine:
			t.Fatalf("we take what the library refuses: %+v", got)
		case !ok && fine && !bytes.ContainsRune(properties, 'A'): // an array that ends amid a value is whole for the library
			t.Fatalf("we refuse what the library takes: %+v", want)
		case ok:
			if diff := cmp.Diff(want, got, sameDeliveries()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func testingMessage() *message.Message {
	return &message.Message{
		Properties: message.Properties{
			MessageID: "id-1", DeliveryMode: message.Persistent, ContentType: "application/json", Type: "order.created",
			Timestamp: time.Unix(1700000000, 0),
		},
		Headers: message.Table{
			"x-first-death-exchange": "orders.exchange", "x-first-death-queue": "orders.created.queue",
			"x-first-death-reason": "rejected",
			"tenant":               "acme", "attempt": int64(3), "ratio": 0.5, "price": message.Decimal{Scale: 2,
				Value: 199}, "bytes": []byte{0, 255}, "none": nil,
			"x-death": []any{message.Table{
				"count": int64(1), "exchange": "orders.exchange", "queue": "orders.created.queue", "reason": "rejected",
				"routing-keys": []any{"order.created"}, "time": time.Unix(1700000000, 0),
			}},
		},
	}
}

func parcelOf(t failer, m *message.Message, tag uint64) Raw {
	in := NewInbox()
	method, head := deliver(tag, true, "x", "k"), header(t, m, len(m.Body))
	in.frame(frameMethod, method[frameHead:len(method)-1])
	in.frame(frameHeader, head[frameHead:len(head)-1])
	if len(m.Body) > 0 {
		in.grow(m.Body)
		in.grown()
	}
	p, ok := in.Take()
	if !ok {
		t.Fatal("nothing came")
	}
	return p
}

// TestMessagesThatShareDeathsDoNotShareTheRest decodes messages that differ in every place but one,
// again and again.
func TestMessagesThatShareDeathsDoNotShareTheRest(t *testing.T) {
	r := NewDecoder()
	for i := range 5000 {
		m := testingMessage()
		m.Body, m.MessageID = fmt.Append(nil, "body ", i), fmt.Sprint("id-", i)
		m.Headers["tenant"] = fmt.Sprint("tenant-", i%700)
		m.Headers["long"] = strings.Repeat("x", 60+i%10) + fmt.Sprint(i)
		m.Headers["x-death"].([]any)[0].(message.Table)["count"] = int64(i % 300)
		got, err := r.Decode(parcelOf(t, m, uint64(i+1)), "")
		if err != nil {
			t.Fatal(err)
		}
		m.Exchange, m.RoutingKey, m.Redelivered = "x", "k", true
		if want := (consume.Delivery{Message: *m, Tag: uint64(i + 1)}); !reflect.DeepEqual(got, want) {
			t.Fatal(cmp.Diff(want, got))
		}
	}
}

// TestHugeClaimsCostNothing announces more than there is.
func TestHugeClaimsCostNothing(t *testing.T) {
	m := testingMessage()
	in := NewInbox()
	allocated := testing.AllocsPerRun(1, func() {
		for range 1000 {
			head := header(t, m, math.MaxInt64)
			method := deliver(1, false, "x", "k")
			in.frame(frameMethod, method[frameHead:len(method)-1])
			in.frame(frameHeader, head[frameHead:len(head)-1])
			if c := cap(in.coming.bytes); c > 2*bodyAhead {
				t.Fatalf("%d bytes set aside for a body of which nothing came", c)
			}
		}
	})
	t.Logf("%.0f allocations", allocated)
	if _, ok := in.Take(); ok {
		t.Error("a message came that had no body")
	}
}

// BenchmarkDecode decodes a dead letter that is like the one before but for its id.
func BenchmarkDecode(b *testing.B) {
	m := testingMessage()
	m.Body = bytes.Repeat([]byte("x"), 256)
	r := NewDecoder()
	var letters [16]Raw
	for i := range letters {
		m.MessageID = fmt.Sprint("id-", i)
		letters[i] = parcelOf(b, m, uint64(i+1))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := r.Decode(letters[i%16], "q"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSieve takes deliveries out of a stream.
func BenchmarkSieve(b *testing.B) {
	m := testingMessage()
	m.Body = bytes.Repeat([]byte("x"), 256)
	one := append(append(deliver(1, false, "x", "k"), header(b, m, len(m.Body))...), frameOf(frameBody, m.Body)...)
	conn := &pieces{cut: 1 << 20}
	s, in := New(conn), NewInbox()
	s.Collect(in)
	b.ReportAllocs()
	b.SetBytes(int64(len(one)))
	for b.Loop() {
		conn.left = one
		s.fill()
		s.sift()
		if _, ok := in.Take(); !ok {
			b.Fatal("nothing came")
		}
	}
}
