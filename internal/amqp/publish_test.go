package amqp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// outcomes collects what a publisher tells, by tag.
type outcomes struct {
	mu    sync.Mutex
	order []int
	list  map[int][]publish.Outcome[int]
}

func (o *outcomes) add(batch []publish.Outcome[int]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.list == nil {
		o.list = map[int][]publish.Outcome[int]{}
	}
	for _, x := range batch {
		o.order = append(o.order, x.Tag)
		o.list[x.Tag] = append(o.list[x.Tag], x)
	}
}

// exactlyOne fails unless tags 0 to n-1 have one outcome each, told in order.
func (o *outcomes) exactlyOne(t *testing.T, n int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.order) != n || !slices.IsSorted(o.order) {
		t.Fatalf("%d outcomes for %d messages, in order: %v", len(o.order), n, slices.IsSorted(o.order))
	}
	for tag := range n {
		if len(o.list[tag]) != 1 {
			t.Fatalf("message %d has %d outcomes", tag, len(o.list[tag]))
		}
	}
}

func (o *outcomes) kind(tag int) publish.OutcomeKind { return o.list[tag][0].Kind }

func (o *outcomes) count(k publish.OutcomeKind) (n int) {
	for _, l := range o.list {
		if l[0].Kind == k {
			n++
		}
	}
	return n
}

func openPublisher(t *testing.T, c *Client, vhost string, o publish.PublisherOptions) (*publish.Publisher[int],
	*outcomes) {
	t.Helper()
	got := &outcomes{}
	if o.ReconnectDelay == 0 {
		o.ReconnectDelay = 50 * time.Millisecond
	}
	p, err := publish.Open(t.Context(), c.Dialer(vhost), o, got.add)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Close(ctx) // the test may have closed it
	})
	return p, got
}

func numbered(i int) *message.Message {
	return &message.Message{Properties: message.Properties{MessageID: fmt.Sprint("m", i),
		DeliveryMode: message.Persistent}, Body: []byte(fmt.Sprint("body ", i))}
}

func declareQueue(t *testing.T, v *rabbittest.VHost, name string, args amqp091.Table) {
	t.Helper()
	if _, err := v.Channel(t).QueueDeclare(name, true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
}

// bodies takes everything out of a queue.
func bodies(t *testing.T, v *rabbittest.VHost, queue string) (out []string) {
	t.Helper()
	ch := v.Channel(t)
	for {
		d, ok, err := ch.Get(queue, true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, string(d.Body))
	}
}

func mustClose[T any](t *testing.T, p *publish.Publisher[T]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestEveryMessageHasItsOwnOutcome(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		declareQueue(t, v, "good", nil)
		declareQueue(t, v, "full", amqp091.Table{"x-max-length": 3, "x-overflow": "reject-publish"})
		p, got := openPublisher(t, newClient(t, v.User), v.Name, publish.PublisherOptions{Window: 64})
		const n = 2000
		want := map[int]publish.OutcomeKind{}
		full := 0
		for i := range n {
			target, m, kind := publish.Target{Key: "good"}, numbered(i), publish.Confirmed
			switch {
			case i%7 == 3:
				target, kind = publish.Target{Key: "nowhere"}, publish.Returned
			case i%11 == 5:
				target, kind = publish.Target{Exchange: "amq.direct", Key: "unbound"}, publish.Returned
				m.MessageID, m.Body = "", []byte("all alike")
			case i%13 == 6:
				target, kind = publish.Target{Key: "full"}, publish.Nacked
				if full++; full <= 3 {
					kind = publish.Confirmed
				}
			case i%17 == 8:
				m.Expiration, kind = "12s", publish.Refused
			case i%19 == 9:
				m.Headers, kind = message.Table{"big": strings.Repeat("x", 131072)}, publish.Refused
			}
			want[i] = kind
			if err := p.Publish(t.Context(), target, m, i); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, p)
		got.exactlyOne(t, n)
		var arrived []string
		for i := range n {
			if got.kind(i) != want[i] {
				t.Errorf("message %d is %s (%v), want %s", i, got.kind(i), got.list[i][0].Err, want[i])
			}
			if (got.list[i][0].Err == nil) != (want[i] == publish.Confirmed) {
				t.Errorf("message %d, %s, has the error %v", i, want[i], got.list[i][0].Err)
			}
			if want[i] == publish.Confirmed && i%13 != 6 || want[i] == publish.Confirmed && i%7 == 3 {
				arrived = append(arrived, fmt.Sprint("body ", i))
			}
		}
		if have := bodies(t, v, "good"); !slices.Equal(have, arrived) {
			t.Errorf("%d messages in the queue, want %d, in order", len(have), len(arrived))
		}
	})
}

func TestGuiltyMessageIsNamed(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		declareQueue(t, v, "good", nil)
		guilty := map[int]func(*publish.Target, *message.Message){
			40: func(t *publish.Target, _ *message.Message) { t.Exchange = "missing" },
			41: func(t *publish.Target, _ *message.Message) { t.Exchange = "missing" },
			80: func(_ *publish.Target, m *message.Message) { m.UserID = "bob" },
			// The broker's answer is read without control characters and entities.
			90:  func(t *publish.Target, _ *message.Message) { t.Exchange = "mis\x01s\u009bing" },
			91:  func(t *publish.Target, _ *message.Message) { t.Exchange = "a&amp;b<c>" },
			92:  func(_ *publish.Target, m *message.Message) { m.UserID = "bo\nb\x1b" },
			120: func(_ *publish.Target, m *message.Message) { m.Headers = message.Table{"CC": "not an array"} },
		}
		words := map[int]string{40: `exchange "missing" does not exist`, 41: `exchange "missing"`, 80: `user_id is "bob"`}
		if b.Line != "3.10" { // whose limit is 128 MiB
			guilty[160] = func(_ *publish.Target, m *message.Message) { m.Body = make([]byte, 16<<20+1) }
			words[160] = "more than the 16777216"
		}
		p, got := openPublisher(t, newClient(t, v.User), v.Name, publish.PublisherOptions{Window: 32, Republish: true})
		const n = 200
		for i := range n {
			target, m := publish.Target{Key: "good"}, numbered(i)
			if change := guilty[i]; change != nil {
				change(&target, m)
			}
			if err := p.Publish(t.Context(), target, m, i); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, p)
		got.exactlyOne(t, n)
		have := map[string]bool{}
		for _, s := range bodies(t, v, "good") {
			have[s] = true
		}
		for i := range n {
			want := publish.Confirmed
			if guilty[i] != nil {
				want = publish.Refused
			}
			o := got.list[i][0]
			if o.Kind != want || o.Err != nil && !strings.Contains(o.Err.Error(), words[i]) {
				t.Errorf("message %d is %s: %v", i, o.Kind, o.Err)
			}
			if (want == publish.Confirmed) != have[fmt.Sprint("body ", i)] {
				t.Errorf("message %d, %s, is in the queue: %v", i, want, have[fmt.Sprint("body ", i)])
			}
		}
	})
}

// What the broker refuses for want of a permission, or of an exchange, costs no connection for each
// message.
func TestRefusalIsFinal(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		declareQueue(t, v, "good", nil)
		reader := v.AddUser(t, rabbittest.Permissions(".*", "^missing$", ".*"))
		for _, target := range []publish.Target{{Exchange: "missing"}, {Key: "good"}} {
			var lost atomic.Int64
			p, got := openPublisher(t, newClient(t, reader), v.Name, publish.PublisherOptions{Window: 32, Republish: true,
				Notify: func(n publish.Notice) {
					if n.Kind == publish.NoticeLost {
						lost.Add(1)
					}
				}})
			const n = 500
			for i := range n {
				if err := p.Publish(t.Context(), target, numbered(i), i); err != nil {
					t.Fatal(err)
				}
			}
			mustClose(t, p)
			got.exactlyOne(t, n)
			for i := range n {
				if o := got.list[i][0]; o.Kind != publish.Refused {
					t.Fatalf("message %d is %s: %v", i, o.Kind, o.Err)
				}
			}
			if lost.Load() > n/4 { // one in 5 s
				t.Errorf("%s: the connection was lost %d times", target, lost.Load())
			}
		}
	})
}

func TestCutAtAnyByteEveryMessageHasOneOutcome(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, republish := range []bool{false, true} {
			t.Run(fmt.Sprint("republish ", republish), func(t *testing.T) {
				v := b.VHost(t)
				declareQueue(t, v, "q", nil)
				proxy := rabbittest.NewProxy(t, v.URL)
				u := v.User
				u.URL = proxy.Through(v.URL)
				p, got := openPublisher(t, newClient(t, u), v.Name,
					publish.PublisherOptions{Window: 100, Republish: republish, ReconnectDelay: time.Millisecond,
						Notify: func(n publish.Notice) {
							if n.Kind == publish.NoticeLost {
								proxy.Heal() // a cut lasts until then
							}
						}})
				const n = 3000
				for i := range n {
					if i%500 == 100 {
						d := rabbittest.Direction(i / 500 % 2)
						proxy.CutAfter(d, i*37%1999)
					}
					if err := p.Publish(t.Context(), publish.Target{Key: "q"}, numbered(i), i); err != nil {
						t.Fatal(err)
					}
				}
				mustClose(t, p)
				got.exactlyOne(t, n)
				have := map[string]int{}
				for _, s := range bodies(t, v, "q") {
					have[s]++
				}
				duplicates := 0
				for i := range n {
					k, c := got.kind(i), have[fmt.Sprint("body ", i)]
					duplicates += max(0, c-1)
					if k == publish.Confirmed && c == 0 || k != publish.Confirmed && k != publish.Unknown || !republish && c > 1 {
						t.Errorf("message %d is %s and %d times in the queue", i, k, c)
					}
				}
				t.Logf("%d unknown, %d duplicates", got.count(publish.Unknown), duplicates)
				if unknown := got.count(publish.Unknown); republish && unknown > 0 || !republish && unknown == 0 || unknown > 600 ||
					duplicates > 600 {
					t.Errorf("%d unknown, %d duplicates with a window of 100 and 6 cuts", unknown, duplicates)
				}
			})
		}
	})
}

func TestPublisherThatCannotReconnectEnds(t *testing.T) {
	b := rabbittest.Any(t)
	v := b.VHost(t)
	declareQueue(t, v, "q", nil)
	proxy := rabbittest.NewProxy(t, v.URL)
	u := v.User
	u.URL = proxy.Through(v.URL)
	p, got := openPublisher(t, newClient(t, u), v.Name,
		publish.PublisherOptions{ReconnectDelay: 5 * time.Millisecond, ReconnectAttempts: 3})
	proxy.Refuse()
	n := 0
	for ; ; n++ {
		if n == 10 {
			proxy.Cut()
		}
		err := p.Publish(t.Context(), publish.Target{Key: "q"}, numbered(n), n)
		if errors.Is(err, publish.ErrLost) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Microsecond)
	}
	mustClose(t, p)
	got.exactlyOne(t, n)
	if err := p.Publish(t.Context(), publish.Target{Key: "q"}, numbered(n), n); err == nil {
		t.Error("published after the end")
	}
	if got.count(publish.Unsent) == 0 && n > 12 {
		t.Error("nothing is unsent")
	}
}

// TestSilentBrokerIsLeft: a broker that says nothing of what is in flight is left for a new
// connection, long before heartbeats would tell: one that forgets a confirm answers those. A broker
// that is so busy that it is silent without being stalled gets more time.
func TestSilentBrokerIsLeft(t *testing.T) {
	for timeout := 4 * time.Second; ; timeout *= 3 {
		lost := leaveSilent(t, timeout)
		if len(lost) > 1 && timeout < 30*time.Second {
			continue
		}
		if len(lost) != 1 || !errors.Is(lost[0], publish.ErrLost) || !strings.Contains(lost[0].Error(), "has said nothing") {
			t.Errorf("lost: %v", lost)
		}
		return
	}
}

// leaveSilent publishes to a broker that is stalled halfway, and returns why connections were left.
func leaveSilent(t *testing.T, timeout time.Duration) (lost []error) {
	t.Helper()
	b := rabbittest.Any(t)
	v := b.VHost(t)
	declareQueue(t, v, "q", nil)
	proxy := rabbittest.NewProxy(t, v.URL)
	u := v.User
	u.URL = proxy.Through(v.URL)
	p, got := openPublisher(t, newClient(t, u), v.Name, publish.PublisherOptions{
		Republish: true, ConfirmTimeout: timeout,
		Notify: func(n publish.Notice) {
			if n.Kind == publish.NoticeLost {
				lost = append(lost, n.Err)
				proxy.Heal()
			}
		},
	})
	const n = 40
	for i := range n {
		if i == n/2 {
			if err := p.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(timeout + time.Second) // having nothing in flight is no silence
			proxy.Stall()
		}
		if err := p.Publish(t.Context(), publish.Target{Key: "q"}, numbered(i), i); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, p)
	got.exactlyOne(t, n)
	if confirmed := got.count(publish.Confirmed); confirmed != n {
		t.Errorf("%d of %d are confirmed", confirmed, n)
	}
	return lost
}
