package replay_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/topology"
)

// everything is a message with every property and every type of header.
func everything(login string) amqp.Publishing {
	return amqp.Publishing{
		ContentType: "application/octet-stream", ContentEncoding: "gzip", DeliveryMode: 2, Priority: 4, CorrelationId: "c",
		ReplyTo:   "r",
		MessageId: "every", Timestamp: time.Unix(1700000000, 0), Type: "t", UserId: login, AppId: "a",
		Headers: amqp.Table{
			"bool": true, "int8": int8(-8), "uint8": uint8(8), "int16": int16(-16), "uint16": uint16(16), "int32": int32(-32),
			"uint32": uint32(32),
			"int64":  int64(-64), "float32": float32(1.5), "float64": 2.25, "decimal": amqp.Decimal{Scale: 2,
				Value: 995}, "string": "text \x00 \x1b[2J é",
			"bytes": []byte{0, 255}, "time": time.Unix(1600000000, 0), "nil": nil, "empty": "",
			"array": []any{int32(1), "two",
				amqp.Table{"three": []any{int64(3)}}}, "table": amqp.Table{"a": amqp.Table{"b": int16(1)}},
		},
		Body: []byte{0, 1, 2, 0xff, '\n', '"'},
	}
}

// contents drops what a broker adds on the way.
func contents(d amqp.Delivery) map[string]any {
	h := amqp.Table{}
	for k, v := range d.Headers {
		if k != "x-delivery-count" && k != "x-acquired-count" {
			h[k] = v
		}
	}
	return map[string]any{
		"headers": h, "ct": d.ContentType, "ce": d.ContentEncoding, "dm": d.DeliveryMode, "p": d.Priority,
		"c": d.CorrelationId, "r": d.ReplyTo,
		"id": d.MessageId, "ts": d.Timestamp.Unix(), "t": d.Type, "u": d.UserId, "a": d.AppId, "e": d.Expiration,
		"body": string(d.Body), // cmp compares bytes one by one: seconds for the large one
	}
}

func TestDrainThenRestoreIsTheIdentity(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		for _, name := range []string{"a.ndjson", "a.ndjson.gz", "a.ndjson.zst"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // they wait most of the time
				p := newPlace(t, b, queueType, nil)
				for _, m := range []amqp.Publishing{
					everything(p.v.Login), {MessageId: "empty"},
					{MessageId: "large", Body: bytes.Repeat([]byte{0x1b, 0xfe, 'x'}, 1<<20)},
					{MessageId: "headers", Headers: amqp.Table{"big": strings.Repeat("h", 100_000)}},
				} {
					if err := p.ch.Publish("", "work", true, false, m); err != nil {
						t.Fatal(err)
					}
				}
				done := p.reject("work", 4)
				p.await("dlq", 4)
				done()
				before := p.peek("dlq", 4)
				file := filepath.Join(t.TempDir(), name)
				w, err := archive.Create(file)
				if err != nil {
					t.Fatal(err)
				}
				r, err := replay.Drain(t.Context(), replay.DrainOptions{From: p.from(), Archive: w})
				if err := errors.Join(err, w.Close()); err != nil || r.Done != 4 || p.ready("dlq") != 0 {
					t.Fatalf("%+v, %v, %d left", r, err, p.ready("dlq"))
				}
				in, err := archive.Open(file, archive.ReaderOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = in.Close() }()
				back, err := replay.Restore(t.Context(), replay.RestoreOptions{
					Archive: in, Dialer: p.client(p.target).Dialer(p.v.Name), Identity: replay.Identity{Login: p.v.Login},
				})
				if err != nil || back.Done != 4 || back.Partial() || back.Altered != 0 {
					t.Fatalf("%+v, %v", back, err)
				}
				if d := cmp.Diff(before, p.peek("dlq", 4)); d != "" {
					t.Error(d)
				}
			})
		}
	})
}

// peek takes messages and gives them back.
func (p *place) peek(queue string, n int) map[string]map[string]any {
	p.t.Helper()
	p.await(queue, n)
	ch := p.v.Channel(p.t)
	out := map[string]map[string]any{}
	var last amqp.Delivery
	for range n {
		d, ok, err := ch.Get(queue, false)
		if err != nil || !ok {
			p.t.Fatal(ok, err)
		}
		out[d.MessageId] = contents(d)
		last = d
	}
	if err := last.Nack(true, true); err != nil {
		p.t.Fatal(err)
	}
	p.await(queue, n)
	return out
}

func TestRestoreOfWhatCannotGoBackAsItWas(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		p := newPlace(t, b, topology.Classic, nil)
		p.queue("other", nil)
		var file bytes.Buffer
		w, _ := archive.NewWriter(&file, archive.None)
		for _, m := range []message.Message{
			{Queue: "dlq", Properties: message.Properties{MessageID: "foreign", UserID: "somebody"}},
			{Queue: "dlq", Properties: message.Properties{MessageID: "cc"}, Headers: message.Table{"CC": []any{"other"}}},
			{Queue: "dlq", Properties: message.Properties{MessageID: "bcc"}, Headers: message.Table{"BCC": []any{"other"}}},
			{Queue: "gone", Properties: message.Properties{MessageID: "gone"}},
			{Properties: message.Properties{MessageID: "nowhere"}},
			{Queue: "dlq", Properties: message.Properties{MessageID: "ttl", Expiration: "12s"}},
			{Queue: "dlq", Properties: message.Properties{MessageID: "good"}},
		} {
			if err := w.Write(&m); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Sync()
		text := file.String()
		cut := text + "broken\n" + text[:strings.Index(text, "\n")-20]
		r, err := replay.Restore(t.Context(), replay.RestoreOptions{
			Archive: archive.NewReader(strings.NewReader(cut),
				archive.ReaderOptions{}), Dialer: p.client(p.target).Dialer(p.v.Name),
			Identity: replay.Identity{Login: p.v.Login},
		})
		if err != nil || r.Done != 4 || r.Altered != 3 || !r.Partial() || len(r.Broken) != 2 || r.Broken[0].Line != 8 ||
			!r.Broken[1].Final {
			t.Fatalf("%+v, %v", r, err)
		}
		got := p.messages("dlq")
		if len(got) != 4 || p.ready("other") != 0 || got["foreign"][0].Headers[replay.HeaderUserID] != "somebody" ||
			got["cc"][0].Headers[replay.HeaderCC] != `["other"]` || got["bcc"][0].Headers[replay.HeaderBCC] != `["other"]` {
			t.Errorf("%v, %d copies elsewhere", got, p.ready("other"))
		}
		reasons := map[replay.Reason]int64{}
		for _, c := range r.Stayed {
			reasons[c.Reason] = c.Messages
		}
		if d := cmp.Diff(map[replay.Reason]int64{replay.ReasonUnroutable: 1, replay.ReasonNoHistory: 1,
			replay.ReasonRefused: 1,
			replay.ReasonBroken:  2}, reasons); d != "" {
			t.Error(d)
		}
	})
}

func TestPurgeSelectsAndArchives(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 2000
		p.die(n)
		file := filepath.Join(t.TempDir(), "purged.ndjson")
		w, err := archive.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := replay.Purge(t.Context(), replay.PurgeOptions{From: p.from(), Archive: w, Select: replay.Selection{
			Where: func(m *message.Message) (bool, error) { return m.Headers["n"].(int64) < 500, nil },
		}})
		if err := errors.Join(err, w.Close()); err != nil || r.Done != 500 || r.Skipped != n-500 {
			t.Fatalf("%+v, %v", r, err)
		}
		kept := archived(t, file)
		left := p.ids("dlq")
		for i := range n {
			if kept[id(i)]+left[id(i)] != 1 || (kept[id(i)] == 1) != (i < 500) {
				t.Fatalf("%s: %d archived, %d left", id(i), kept[id(i)], left[id(i)])
			}
		}
	})
}

// full fails as a full disk does, in the middle.
type full struct {
	*archive.Writer
	syncs int
}

func (f *full) Sync() error {
	if f.syncs++; f.syncs > 2 {
		return errors.New("no space left on device")
	}
	return f.Writer.Sync()
}

func TestAFullDiskEndsAPurgeWithoutLoss(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		p := newPlace(t, b, topology.Quorum, nil)
		const n = 3000
		p.die(n)
		file := filepath.Join(t.TempDir(), "purged.ndjson")
		w, err := archive.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := replay.Purge(t.Context(), replay.PurgeOptions{From: p.from(), Archive: &full{Writer: w}})
		if err == nil || !strings.Contains(err.Error(), "no space left") || r.Done == 0 || r.Done == n {
			t.Fatalf("%+v, %v", r, err)
		}
		_ = w.Close()
		left := p.ids("dlq")
		if int64(len(left)) != n-r.Done {
			t.Errorf("%d left after %d were purged", len(left), r.Done)
		}
		kept := archived(t, file)
		for i := range n {
			if kept[id(i)]+left[id(i)] == 0 {
				t.Fatalf("%s is lost", id(i))
			}
		}
	})
}

// A stream is read to where it ended when the look, or the run, began: every message up to there,
// however they were written, and none that came later, although they never stop to come.
func TestStreamsAreReadToTheirEndAtTheBeginning(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		p := newPlace(t, b, topology.Classic, nil)
		p.queue("s", amqp.Table{"x-queue-type": "stream"})
		p.queue("copy", nil)
		o := p.replay()
		o.Queue, o.Type, o.To, o.Copy = "s", topology.Stream, replay.Destination{Kind: replay.ToQueue, Queue: "copy"}, true
		if r, err := replay.Move(t.Context(), o); err != nil || r.Done != 0 {
			t.Fatalf("an empty stream: %+v, %v", r, err)
		}
		total := 0
		for _, burst := range []int{1, 2, 700, 1, 999, 4000, 1} { // one chunk each, or some large ones
			fillStream(t, p.v.Channel(t), total, burst)
			total += burst
			if end, ok, err := replay.StreamEnd(t.Context(), o.Source, "s", 100); err != nil || !ok || end != int64(total)-1 {
				t.Fatalf("%d messages end at %d, %v, %v", total, end, ok, err)
			}
			seen := map[string]int{}
			r, err := browse.Browse(t.Context(), o.Source, browse.Options{Assessment: browse.Assessment{Queue: "s",
				Type:   topology.Stream,
				Return: browse.ReturnNothing}},
				func(m *message.Message) error { seen[m.MessageID]++; return nil })
			if err != nil || int(r.Seen) != total || len(seen) != total {
				t.Fatalf("%d of %d messages seen: %+v, %v", len(seen), total, r, err)
			}
		}
		stop, stopped := make(chan struct{}), make(chan struct{})
		ch := p.v.Channel(t)
		var more atomic.Int64
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				_ = ch.Publish("", "s", false, false, amqp.Publishing{MessageId: id(total + int(more.Add(1)) - 1)})
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		o.Rate = 8000    // so that it takes its time
		var before int64 // came before the first message was read, when it was known where to end
		first := sync.OnceFunc(func() { before = more.Load() })
		o.Select.Where = func(*message.Message) (bool, error) { first(); return true, nil }
		r, err := replay.Move(ctx, o)
		close(stop)
		<-stopped
		if err != nil || r.Interrupted || int(r.Done) < total || r.Done > int64(total)+before {
			t.Errorf("%d messages before, %d until it began, %d meanwhile: %+v, %v", total, before, more.Load(), r, err)
		}
		for i, arrived := 0, p.ids("copy"); i < total; i++ {
			if arrived[id(i)] != 1 {
				t.Fatalf("%s was copied %d times", id(i), arrived[id(i)])
			}
		}
	})
}

// fillStream writes messages without waiting for each.
func fillStream(t *testing.T, ch *amqp.Channel, from, n int) {
	t.Helper()
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, n))
	for i := range n {
		if err := ch.Publish("", "s", false, false, amqp.Publishing{MessageId: id(from + i),
			Headers: amqp.Table{"n": int64(from + i)}}); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		if c := <-confirms; !c.Ack {
			t.Fatalf("message %d was not confirmed", from)
		}
	}
}

func TestStreamsAreCopiedNotEmptied(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		p := newPlace(t, b, topology.Classic, nil)
		p.queue("s", amqp.Table{"x-queue-type": "stream"})
		p.queue("copy", nil)
		const n = 3000
		fillStream(t, p.v.Channel(t), 0, n)
		o := p.replay()
		o.Queue, o.Type, o.To = "s", topology.Stream, replay.Destination{Kind: replay.ToQueue, Queue: "copy"}
		if _, err := replay.Move(t.Context(), o); !errors.Is(err, replay.ErrStream) {
			t.Fatalf("%v", err)
		}
		if _, err := replay.Purge(t.Context(), replay.PurgeOptions{From: o.From}); !errors.Is(err, replay.ErrStream) {
			t.Fatalf("%v", err)
		}
		o.Copy = true
		stop := make(chan struct{})
		random := rand.New(rand.NewPCG(uint64(rabbittest.Seed(t)), 5))
		var seen atomic.Int64
		reading := sync.OnceFunc(func() { cutSoon(p.source, random); go cutNowAndThen(p.source, random, seen.Load, stop) })
		o.Select.Where = func(m *message.Message) (bool, error) {
			reading()
			seen.Add(1)
			return m.Headers["n"].(int64)%3 == 0, nil
		}
		o.Rate = 1500
		r, err := replay.Move(t.Context(), o)
		close(stop)
		if err != nil || r.Done != n/3 || r.Skipped != n-n/3 {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := p.ids("copy"); len(got) != n/3 {
			t.Errorf("%d copied", len(got))
		}
	})
}

func TestCopyLeavesTheOriginals(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 1500
		p.die(n)
		o := p.replay()
		o.Copy = true
		r, err := replay.Replay(t.Context(), o)
		if err != nil || r.Done != n {
			t.Fatalf("%+v, %v", r, err)
		}
		p.await("dlq", n)
		if left, copies := p.ids("dlq"), p.ids("work"); len(left) != n || len(copies) != n {
			t.Errorf("%d left, %d copied", len(left), len(copies))
		}
	})
}

func TestAnInterruptedReplaySettles(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 3000
		p.die(n)
		o := p.replay()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p.target.HoldAfter(rabbittest.ToBroker, someMessages)
		p.when("work", 1, func() { cancel(); p.target.Heal() })
		r, err := replay.Replay(ctx, o)
		if err != nil || !r.Interrupted || r.Done == 0 || r.Done == n {
			t.Fatalf("%+v, %v", r, err)
		}
		if d := p.account(n, "dlq", "work"); d != 0 {
			t.Errorf("%d duplicates", d)
		}
	})
}

func TestRefusalsSayWhat(t *testing.T) {
	b := rabbittest.Any(t)
	p := newPlace(t, b, topology.Classic, nil)
	o := p.replay()
	o.Queue, o.Total = "no-such-queue", 5
	if _, err := replay.Replay(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no-such-queue") {
		t.Errorf("%v", err)
	}
	o = p.replay()
	o.To = replay.Destination{Kind: replay.ToQueue, Queue: "dlq"}
	if _, err := replay.Move(t.Context(), o); err == nil ||
		!strings.Contains(err.Error(), "both the source and the target") {
		t.Errorf("%v", err)
	}
}
