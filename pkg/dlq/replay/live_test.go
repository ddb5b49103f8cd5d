package replay_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// place is a vhost with a queue "work" that dead-letters into "dlq".
type place struct {
	t  *testing.T
	v  *rabbittest.VHost
	ch *amqp.Channel
	// wire sees every connection that the engine's source, or its target, makes.
	source, target *rabbittest.Proxy
}

func newPlace(t *testing.T, b *rabbittest.Broker, queueType string, extra amqp.Table) *place {
	t.Helper()
	v := b.VHost(t)
	p := &place{t: t, v: v, ch: v.Channel(t), source: rabbittest.NewProxy(t, b.URL), target: rabbittest.NewProxy(t, b.URL)}
	p.queue("dlq", amqp.Table{"x-queue-type": queueType})
	args := amqp.Table{"x-queue-type": queueType, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"}
	for k, v := range extra {
		args[k] = v
	}
	p.queue("work", args)
	return p
}

func (p *place) queue(name string, args amqp.Table) {
	p.t.Helper()
	p.ch = p.v.DeclareQueue(p.t, p.ch, name, args)
}

func id(i int) string { return fmt.Sprintf("id-%06d", i) }

// die publishes n messages to work and rejects them all.
func (p *place) die(n int) {
	p.t.Helper()
	if err := p.ch.Confirm(false); err != nil {
		p.t.Fatal(err)
	}
	confirms := p.ch.NotifyPublish(make(chan amqp.Confirmation, n))
	for i := range n {
		err := p.ch.Publish("", "work", false, false, amqp.Publishing{
			MessageId: id(i), DeliveryMode: 2, Headers: amqp.Table{"n": int64(i)}, Body: []byte(id(i)),
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	for range n {
		if c := <-confirms; !c.Ack {
			p.t.Fatal("the broker refused a message of the test")
		}
	}
	done := p.reject("work", n)
	p.await("dlq", n)
	done()
}

// reject leaves its consumer open until the caller has seen the deaths: a close could overtake
// them.
func (p *place) reject(queue string, n int) (done func()) {
	p.t.Helper()
	ch := p.v.Channel(p.t)
	if err := ch.Qos(500, 0, false); err != nil {
		p.t.Fatal(err)
	}
	in, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 1; i <= n; i++ {
		d := <-in
		if i%100 == 0 || i == n {
			if err := d.Nack(true, false); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	return func() { _ = ch.Close() }
}

// ready counts with a passive declare, as of now.
func (p *place) ready(queue string) int {
	p.t.Helper()
	ch := p.v.Channel(p.t)
	defer func() { _ = ch.Close() }()
	q, err := rabbittest.CountQueue(ch, queue)
	if err != nil {
		p.t.Fatal(err)
	}
	return q.Messages
}

func (p *place) await(queue string, n int) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		got := p.ready(queue)
		if got >= n {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("queue %s has %d messages, want %d", queue, got, n)
		}
	}
}

// someMessages is how many bytes some hundreds of the messages take on their way to the target: a
// run whose target is held after so many is not over before the test has done its part.
const someMessages = 100_000

// when does something as soon as n messages are in the queue.
func (p *place) when(queue string, n int, do func()) {
	p.t.Helper()
	ch := p.v.Channel(p.t)
	go func() {
		for {
			q, err := rabbittest.CountQueue(ch, queue)
			if err != nil || q.Messages >= n { // the test has ended, or the time has come
				do()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
}

// ids empties the queue and returns how often each message was in it.
func (p *place) ids(queue string) map[string]int {
	p.t.Helper()
	out := map[string]int{}
	for id, n := range p.messages(queue) {
		out[id] = len(n)
	}
	return out
}

func (p *place) messages(queue string) map[string][]amqp.Delivery {
	p.t.Helper()
	ch := p.v.Channel(p.t)
	defer func() { _ = ch.Close() }()
	if err := ch.Qos(1000, 0, false); err != nil {
		p.t.Fatal(err)
	}
	in, err := ch.Consume(queue, "collector", false, false, false, false, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string][]amqp.Delivery{}
	for {
		select {
		case d, ok := <-in:
			if !ok { // cancelled, and what was under way is here
				return out // acknowledgements right before a close get lost on quorum queues; nobody looks again
			}
			out[d.MessageId] = append(out[d.MessageId], d)
			if err := d.Ack(false); err != nil {
				p.t.Fatal(err)
			}
		case <-time.After(300 * time.Millisecond):
			q, err := rabbittest.CountQueue(p.ch, queue)
			if err != nil {
				p.t.Fatal(err)
			}
			if q.Messages == 0 && q.Consumers > 0 { // without consumers: a quorum queue's leader is busy and did not answer
				_ = ch.Cancel("collector", false)
			}
		}
	}
}

// client returns one that connects through a proxy.
func (p *place) client(through *rabbittest.Proxy) *broker.Client {
	p.t.Helper()
	u := p.v.User
	u.URL, u.API = through.Through(u.URL), ""
	return brokertest.Connect(p.t, u, func(o *broker.Options) { o.Timeout = 30 * time.Second })
}

// counter counts through a connection of the test's own.
type counter struct{ p *place }

func (c counter) Ready(_ context.Context, queue string) (int64, error) {
	q, err := c.ask(queue)
	return int64(q.Messages), err
}

// ReadyConsuming implements dlq.ConsumingCounter.
func (c counter) ReadyConsuming(_ context.Context, queue string) (int64, error) {
	q, err := c.ask(queue)
	if err == nil && q.Messages == 0 && q.Consumers == 0 {
		err = topology.ErrUnreachable
	}
	return int64(q.Messages), err
}

func (c counter) ask(queue string) (amqp.Queue, error) {
	conn, err := amqp.Dial(c.p.v.URL)
	if err != nil {
		return amqp.Queue{}, fmt.Errorf("%w: %w", topology.ErrUnreachable, err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return amqp.Queue{}, err
	}
	return rabbittest.CountQueue(ch, queue)
}

func (p *place) from() replay.From {
	return replay.From{Source: p.client(p.source).Source(p.v.Name), Counter: counter{p}, Queue: "dlq", Total: -1}
}

func (p *place) replay() replay.Options {
	o := replay.Options{
		From: p.from(), Dialer: p.client(p.target).Dialer(p.v.Name), Identity: replay.Identity{Login: p.v.Login},
		Observer: &watcher{t: p.t},
	}
	replay.Hurry(&o)
	return o
}

// watcher logs what happens and keeps the kinds.
type watcher struct {
	t    *testing.T
	mu   sync.Mutex
	seen map[replay.NoticeKind]int
	last replay.Progress
}

func (w *watcher) Progress(p replay.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = p
}

func (w *watcher) Notice(n replay.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[replay.NoticeKind]int{}
	}
	w.seen[n.Kind]++
}

func (w *watcher) count(k replay.NoticeKind) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[k]
}

func (w *watcher) processed() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.Processed
}

// account empties the queues and checks that each of n ids is somewhere; it returns how many copies
// are too many.
func (p *place) account(n int, queues ...string) (duplicates int) {
	p.t.Helper()
	where := map[string]int{}
	for _, q := range queues {
		for id, times := range p.ids(q) {
			where[id] += times
		}
	}
	missing := 0
	for i := range n {
		if where[id(i)] == 0 {
			missing++
		}
		duplicates += max(where[id(i)]-1, 0)
	}
	if missing > 0 {
		p.t.Errorf("%d of %d messages are lost", missing, n)
	}
	return duplicates
}

// eachType runs f on classic and quorum queues of every line.
func eachType(t *testing.T, f func(t *testing.T, b *rabbittest.Broker, queueType string)) {
	t.Helper()
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, queueType := range []string{topology.Classic, topology.Quorum} {
			t.Run(queueType, func(t *testing.T) {
				t.Parallel() // they wait most of the time
				f(t, b, queueType)
			})
		}
	})
}

func TestReplaySendsBackToWhereItDied(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 3000
		p.die(n)
		r, err := replay.Replay(t.Context(), p.replay())
		if err != nil || r.Done != n || r.Partial() {
			t.Fatalf("%+v, %v", r, err)
		}
		if left := p.ready("dlq"); left != 0 {
			t.Fatalf("%d messages are left", left)
		}
		got := p.messages("work")
		if len(got) != n {
			t.Fatalf("%d of %d arrived", len(got), n)
		}
		d := got[id(17)][0]
		if _, has := d.Headers["x-death"]; has || d.Headers[message.HeaderReplayFrom] != "dlq" ||
			d.Headers[message.HeaderReplayCount] != "1" || d.Headers["n"] != int64(17) {
			t.Errorf("headers %v", d.Headers)
		}
	})
}

func TestReplaySelectsAndLeavesTheRestInOrder(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 4000
		p.die(n)
		o := p.replay()
		o.Prefetch = 200
		if queueType == topology.Quorum && b.Line == "3.10" {
			o.Return = browse.ReturnByClose
		}
		o.Select.Where = func(m *message.Message) (bool, error) { return m.Headers["n"].(int64)%10 == 3, nil }
		r, err := replay.Replay(t.Context(), o)
		if err != nil || r.Done != n/10 || r.Skipped != n-n/10 {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := p.ids("work"); len(got) != n/10 {
			t.Fatalf("%d replayed", len(got))
		}
		p.await("dlq", n-n/10)
		ch := p.v.Channel(t)
		last := int64(-1)
		for range 300 {
			d, ok, err := ch.Get("dlq", false)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if i := d.Headers["n"].(int64); i < last {
				t.Fatalf("%d comes after %d", i, last)
			} else {
				last = i
			}
		}
		_ = ch.Close()
		left := p.ids("dlq")
		for i := range n {
			if want := min(i%10^3, 1); left[id(i)] != want {
				t.Fatalf("%s is left %d times, want %d", id(i), left[id(i)], want)
			}
		}
	})
}

// cutSoon is for before the run: its connections are surely cut as soon as messages are on their
// way, in the direction that they take. cutNowAndThen goes on from there.
func cutSoon(proxy *rabbittest.Proxy, random *rand.Rand) {
	const handshake = 20_000 // at most
	for _, way := range []rabbittest.Direction{rabbittest.ToBroker, rabbittest.ToClient} {
		proxy.CutAfter(way, handshake+random.IntN(100))
	}
}

// cutNowAndThen ends the first cut when it has come, and resets connections at random bytes until
// stop is closed. The run gets further between two cuts: on a busy machine it would else lose all
// connections at the same message, which is then the suspect. moved returns how far it is.
func cutNowAndThen(proxy *rabbittest.Proxy, random *rand.Rand, moved func() int64, stop <-chan struct{}) {
	defer proxy.Heal()
	for !proxy.HasCut(rabbittest.ToBroker) && !proxy.HasCut(rabbittest.ToClient) {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	proxy.Heal()
	const within = 60_000
	for {
		pause := time.After(time.Duration(random.IntN(within/200)) * time.Millisecond)
		for last := moved(); pause != nil || moved() == last; {
			select {
			case <-stop:
				return
			case <-pause:
				pause = nil
			case <-time.After(5 * time.Millisecond):
			}
		}
		way, bytes := rabbittest.Direction(random.IntN(2)), 1+random.IntN(within)
		before := proxy.Passed(way)
		proxy.CutAfter(way, bytes)
		wait := time.Duration(20+random.IntN(200)) * time.Millisecond
		for end := time.Now().Add(wait); proxy.Passed(way) < before+bytes && time.Now().Before(end); {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		proxy.Heal()
	}
}

func TestReplaySurvivesCutConnections(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		for name, which := range map[string]func(*place) []*rabbittest.Proxy{
			"source": func(p *place) []*rabbittest.Proxy { return []*rabbittest.Proxy{p.source} },
			"target": func(p *place) []*rabbittest.Proxy { return []*rabbittest.Proxy{p.target} },
			"both":   func(p *place) []*rabbittest.Proxy { return []*rabbittest.Proxy{p.source, p.target} },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // they wait most of the time
				p := newPlace(t, b, queueType, nil)
				const n = 4000
				p.die(n)
				o := p.replay()
				o.Prefetch = 300
				o.Rate = 3000 // long enough to be hit
				stop := make(chan struct{})
				var cutting sync.WaitGroup
				for i, proxy := range which(p) {
					random := rand.New(rand.NewPCG(uint64(rabbittest.Seed(t)), uint64(i)))
					cutSoon(proxy, random)
					cutting.Go(func() { cutNowAndThen(proxy, random, o.Observer.(*watcher).processed, stop) })
				}
				r, err := replay.Replay(t.Context(), o)
				close(stop)
				cutting.Wait()
				if err != nil || r.Done != n {
					t.Errorf("%+v, %v; want %d replayed", r, err, n)
				}
				w := o.Observer.(*watcher)
				duplicates := p.account(n, "dlq", "work")
				t.Logf("%d reconnects, %d sent again, %d duplicates", w.count(replay.NoticeReconnected), r.Resent, duplicates)
				if w.count(replay.NoticeReconnected) == 0 {
					t.Error("no connection was cut: the test shows nothing")
				}
				if int64(duplicates) > r.Resent {
					t.Errorf("%d duplicates, and only %d were sent again", duplicates, r.Resent)
				}
			})
		}
	})
}

func TestRampGivesUpWhatDiesAgain(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 200
		p.die(n)
		ch := p.v.Channel(t)
		in, err := ch.Consume("work", "", false, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := ch.Confirm(false); err != nil {
			t.Fatal(err)
		}
		var handled atomic.Int64
		go func() {
			for d := range in { // a consumer that still cannot handle one in three
				if i := d.Headers["n"].(int64); i%3 == 0 {
					c, err := ch.PublishWithDeferredConfirm("", "dlq", false, false,
						amqp.Publishing{MessageId: d.MessageId, Headers: d.Headers})
					if err != nil || !c.Wait() {
						return // the test has ended
					}
				}
				_ = d.Ack(false)
				handled.Add(1)
			}
		}()
		o := p.replay()
		o.Ramp = replay.Ramp{Stages: []int64{1, 10, 100}, Settle: time.Millisecond, AbortIfReturned: 5}
		replayed := []int64{1, 11, 12, 22, 122} // after the stages of the two runs
		o.Ramp.Returned = func(ctx context.Context, id string) (int64, error) {
			for deadline := time.Now().Add(time.Minute); handled.Load() < replayed[0]; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					return 0, fmt.Errorf("the consumer has handled %d of %d messages", handled.Load(), replayed[0])
				}
			}
			replayed = replayed[1:]
			return o.CountReplayed(ctx, id)
		}
		o.Select.Where = func(m *message.Message) (bool, error) { return m.Headers["n"].(int64) > 0, nil }
		r, err := replay.Replay(t.Context(), o)
		if err != nil || r.Aborted == "" || r.Done != 11 || !r.Partial() {
			t.Fatalf("%+v, %v; want it given up after 11", r, err)
		}
		o.Ramp.AbortIfReturned = 101 // the first one may be one of those
		r, err = replay.Replay(t.Context(), o)
		if err != nil || r.Aborted != "" || r.Done < 150 {
			t.Fatalf("%+v, %v; want it to go on", r, err)
		}
	})
}
