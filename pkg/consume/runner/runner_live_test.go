package runner_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/consume/runner"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// byBody handles each message as a function of its body says.
type byBody func(body string, attempt int) handle.Result

func (f byBody) Handle(_ context.Context, j *handle.Attempt) handle.Result {
	return f(string(j.Message.Body), j.Number)
}
func (byBody) Name() string                { return "test" }
func (byBody) Close(context.Context) error { return nil }

// told collects what an observer is told.
type told struct {
	mu      sync.Mutex
	ends    []string
	notices []string
	begun   int
}

func (o *told) Begin(*handle.Attempt) any {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun++
	return "begun"
}

func (o *told) End(e runner.End) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ends = append(o.ends, string(e.Attempt.Message.Body)+" "+string(e.Outcome))
}

func (o *told) Notice(n runner.Notice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notices = append(o.notices, string(n.Kind)+": "+n.Text)
}

func (o *told) has(t *testing.T, end string) bool {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.ends {
		if e == end {
			return true
		}
	}
	return false
}

func (o *told) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.ends)
}

func (o *told) noticed(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Contains(strings.Join(o.notices, "\n"), text)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// scene is a vhost with a queue "work" of n messages, and a client.
type scene struct {
	v      *rabbittest.VHost
	ch     *amqp.Channel
	client *broker.Client
}

func newScene(t *testing.T, b *rabbittest.Broker, n int) *scene {
	t.Helper()
	v := b.VHost(t)
	client := brokertest.Connect(t, v.User, func(o *broker.Options) {
		o.Timeout, o.ReconnectAttempts, o.ReconnectDelay = time.Minute, 10, 100*time.Millisecond
	})
	s := &scene{v: v, ch: v.Channel(t), client: client}
	s.declare(t, "work", nil)
	for i := range n {
		s.publish(t, "work", strconv.Itoa(i))
	}
	return s
}

func (s *scene) declare(t *testing.T, queue string, args amqp.Table) {
	t.Helper()
	if _, err := s.ch.QueueDeclare(queue, true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) publish(t *testing.T, queue, body string) {
	t.Helper()
	if err := s.ch.PublishWithContext(t.Context(), "", queue, true, false,
		amqp.Publishing{MessageId: "m" + body, Body: []byte(body), DeliveryMode: 2, Expiration: "600000"}); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) ready(t *testing.T, queue string) int {
	t.Helper()
	q, err := rabbittest.CountQueue(s.ch, queue)
	if err != nil {
		t.Fatal(err)
	}
	return q.Messages
}

// start runs until the test, or stop, ends it.
func (s *scene) start(t *testing.T, o runner.Options) (stop func() runner.Report) {
	t.Helper()
	o.Source, o.Dialer = s.client.Source(s.v.Name), s.client.Dialer(s.v.Name)
	o.Retry.Queue = "work"
	ctx, cancel := context.WithCancel(t.Context())
	var report runner.Report
	var err error
	done := make(chan struct{})
	go func() {
		report, err = runner.Run(ctx, o)
		close(done)
	}()
	return func() runner.Report {
		cancel()
		<-done
		if err != nil {
			t.Error(err)
		}
		return report
	}
}

// run runs until its limit.
func (s *scene) run(t *testing.T, o runner.Options) runner.Report {
	t.Helper()
	o.Source, o.Dialer = s.client.Source(s.v.Name), s.client.Dialer(s.v.Name)
	if o.Retry.Queue == "" {
		o.Retry.Queue = "work"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	report, err := runner.Run(ctx, o)
	if err != nil {
		t.Error(err)
	}
	return report
}

// TestWhatCannotMoveHoldsNobodyUp: a dead letter that its full queue refuses stays in hand, the
// others are handled, and it goes when there is room.
func TestWhatCannotMoveHoldsNobodyUp(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s, saw := newScene(t, b, 50), &told{}
		s.declare(t, "dead", amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
		s.publish(t, "dead", "full")
		stop := s.start(t, runner.Options{
			Prefetch: 10, Concurrency: 3, Observer: saw, Retry: retry.Strategy{DeadLetter: &publish.Target{Key: "dead"}},
			Handler: byBody(func(body string, _ int) handle.Result {
				if body == "0" {
					return handle.Never("fatal", "no")
				}
				return handle.Done()
			}),
		})
		eventually(t, "the others are handled", func() bool { return saw.has(t, "49 handled") })
		eventually(t, "it is said what stays",
			func() bool { return saw.noticed(`stuck: message "m0" cannot go to queue "dead"`) })
		if _, err := s.ch.QueuePurge("dead", false); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it goes when there is room", func() bool { return saw.has(t, "0 dead-lettered") })
		if r := stop(); r.Handled != 49 || r.DeadLettered != 1 || s.ready(t, "work") != 0 {
			t.Errorf("%+v, %d left", r, s.ready(t, "work"))
		}
	})
}

// TestWhatCannotMoveComesBack: when the run ends first, it is still in its queue.
func TestWhatCannotMoveComesBack(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s, saw := newScene(t, b, 5), &told{}
		stop := s.start(t, runner.Options{
			Prefetch: 10, Observer: saw, Retry: retry.Strategy{DeadLetter: &publish.Target{Key: "missing"}},
			Handler: byBody(func(string, int) handle.Result { return handle.Never("fatal", "no") }),
		})
		eventually(t, "it is said what stays", func() bool { return saw.noticed(`cannot go to queue "missing"`) })
		if r := stop(); r.DeadLettered != 0 {
			t.Errorf("%+v", r)
		}
		eventually(t, "all are back", func() bool { return s.ready(t, "work") == 5 })
		if saw.mu.Lock(); saw.begun != len(saw.ends) {
			t.Errorf("%d attempts began and %d ended", saw.begun, len(saw.ends))
		}
		saw.mu.Unlock()
	})
}

// TestMissingWaitQueue: what would wait in a queue that was deleted is a dead letter, with its
// error.
func TestMissingWaitQueue(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s, saw := newScene(t, b, 1), &told{}
		s.declare(t, "dead", nil)
		stop := s.start(t, runner.Options{
			Observer: saw, Retry: retry.Strategy{DeadLetter: &publish.Target{Key: "dead"},
				Steps: []retry.Step{{Delay: time.Second, Queues: []string{"gone"}}}},
			Handler: byBody(func(string, int) handle.Result { return handle.Again("db", "locked") }),
		})
		eventually(t, "it is a dead letter", func() bool { return saw.has(t, "0 dead-lettered") })
		stop()
		d, ok, err := s.ch.Get("dead", true)
		if err != nil || !ok {
			t.Fatal(err, ok)
		}
		h := message.Table(d.Headers)
		if h.Text(message.HeaderErrorType) != "db" || h.Text(message.HeaderExpiration) != "600000" || d.Expiration != "" ||
			!saw.noticed("does not exist") {
			t.Errorf("%v %q", d.Headers, d.Expiration)
		}
	})
}

// TestSilenceIsNoEmptyQueue: a broker that does not answer any more, and one that delivers to
// another consumer, are told from an empty queue.
func TestSilenceIsNoEmptyQueue(t *testing.T) {
	const idle = 300 * time.Millisecond
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		t.Run("gone", func(t *testing.T) {
			s := newScene(t, b, 20)
			proxy := rabbittest.NewProxy(t, s.v.URL)
			user := s.v.User
			user.URL = proxy.Through(user.URL)
			s.client = brokertest.Connect(t, user, func(o *broker.Options) {
				o.Timeout, o.ReconnectAttempts, o.ReconnectDelay = 2*time.Second, 100, 100*time.Millisecond
			})
			saw := &told{}
			var once sync.Once
			handler := byBody(func(string, int) handle.Result {
				once.Do(func() { proxy.Stall() })
				return handle.Done()
			})
			var healing sync.WaitGroup
			healing.Go(func() {
				eventually(t, "it is found out", func() bool { return saw.noticed("reconnecting") })
				proxy.Heal()
			})
			r := s.run(t, runner.Options{Prefetch: 5, Idle: idle, Handler: handler, Observer: saw, ReconnectAttempts: 100})
			healing.Wait()
			if got := s.ready(t, "work"); r.Handled < 20 || got > 0 {
				t.Errorf("%+v, and %d messages are left", r, got)
			}
		})
		t.Run("another consumer", func(t *testing.T) {
			s := newScene(t, b, 0)
			s.declare(t, "single", amqp.Table{"x-single-active-consumer": true})
			ch := s.v.Channel(t)
			if err := ch.Qos(1, 0, false); err != nil {
				t.Fatal(err)
			}
			if _, err := ch.Consume("single", "", false, false, false, false, nil); err != nil {
				t.Fatal(err)
			}
			s.publish(t, "single", "1")
			s.publish(t, "single", "2")
			eventually(t, "one is in hand", func() bool { return s.ready(t, "single") == 1 })
			saw := &told{}
			r := s.run(t, runner.Options{Retry: retry.Strategy{Queue: "single"}, Idle: idle, Handler: byBody(nil),
				Observer: saw})
			if !saw.noticed("queue single has 1 message") || !r.Undelivered {
				t.Errorf("%+v, %q", r, saw.notices)
			}
		})
	})
}

// TestLimitAndDedupe: a limit is exact also with several workers, and what was handled is known
// when it comes again.
func TestLimitAndDedupe(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s := newScene(t, b, 30)
		eventually(t, "all are in the queue", func() bool { return s.ready(t, "work") == 30 })
		handler := byBody(func(string, int) handle.Result { return handle.Done() })
		if r := s.run(t, runner.Options{Prefetch: 20, Concurrency: 7, Limit: 13, Handler: handler}); r.Handled != 13 {
			t.Errorf("%+v", r)
		}
		eventually(t, "the rest is back", func() bool { return s.ready(t, "work") == 17 })
		// One that no run has seen: the first may be any of the others, as its worker can be the last.
		s.publish(t, "work", "30")
		saw := &told{}
		stop := s.start(t, runner.Options{Prefetch: 20, Concurrency: 7, Dedupe: 100, Handler: handler, Observer: saw})
		// An empty queue would not do: its last messages may be in hand.
		eventually(t, "all are handled", func() bool { return saw.count() == 18 })
		for range 3 { // only now: copies that are in hand at once are not known to be the same
			s.publish(t, "work", "30")
		}
		eventually(t, "the copies are known", func() bool { return saw.count() == 21 })
		if r := stop(); r.Handled != 18 || r.Duplicates != 3 {
			t.Errorf("%+v", r)
		}
	})
}

// TestAStopKeepsTheOrder: what is in hand when the run is stopped goes back in its order.
func TestAStopKeepsTheOrder(t *testing.T) {
	const n = 2000
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s := newScene(t, b, 0)
		s.declare(t, "quorum", amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": 100})
		for i := range n {
			s.publish(t, "quorum", strconv.Itoa(i))
		}
		eventually(t, "all are in the queue", func() bool { return s.ready(t, "quorum") == n })
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		r, err := runner.Run(ctx, runner.Options{
			Source: s.client.Source(s.v.Name), Retry: retry.Strategy{Queue: "quorum"}, Prefetch: n, Grace: time.Minute,
			Handler: byBody(func(string, int) handle.Result {
				eventually(t, "all are in hand", func() bool { return s.ready(t, "quorum") == 0 })
				stop()
				return handle.Done()
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the rest is back", func() bool { return s.ready(t, "quorum") == n-int(r.Handled) })
		var left []int
		for d, ok, err := s.ch.Get("quorum", true); ok; d, ok, err = s.ch.Get("quorum", true) {
			i, notNumber := strconv.Atoi(string(d.Body))
			if left = append(left, i); err != nil || notNumber != nil {
				t.Fatal(err, notNumber)
			}
		}
		if !slices.IsSorted(left) {
			t.Errorf("the order is %v", left)
		}
	})
}
