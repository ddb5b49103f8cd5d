package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/migrate/run"
	"github.com/msgctl/msgctl/pkg/topology"
)

// stage is a vhost with a queue that is migrated, and a publisher.
type stage struct {
	t      *testing.T
	v      *rabbittest.VHost
	client *broker.Client
	ch     *amqp.Channel
	stop   chan struct{}
	ended  chan []string // the confirmed ids, in order
}

func newStage(t *testing.T, b *rabbittest.Broker, args amqp.Table) *stage {
	v := b.VHost(t)
	s := &stage{t: t, v: v, client: brokertest.Connect(t, v.User), ch: v.Channel(t), stop: make(chan struct{}),
		ended: make(chan []string, 1)}
	s.must(s.ch.ExchangeDeclare("orders", "topic", true, false, false, false, nil))
	s.must(s.ch.ExchangeDeclare("by.header", "headers", true, false, false, false, nil))
	_, err := s.ch.QueueDeclare("work", true, false, false, false, args)
	s.must(err)
	s.must(s.ch.QueueBind("work", "order.#", "orders", false, nil))
	s.must(s.ch.QueueBind("work", "#.created", "orders", false, nil))
	s.must(s.ch.QueueBind("work", "", "by.header", false, amqp.Table{"x-match": "any", "n": int32(7)}))
	s.must(s.ch.QueueBind("work", "", "by.header", false, amqp.Table{"x-match": "any", "n": int64(7)}))
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// publish publishes 40 messages and then goes on until the stage is stopped, one at a time.
func (s *stage) publish() {
	ch := s.v.Channel(s.t)
	s.must(ch.Confirm(false))
	enough := make(chan struct{})
	go func() {
		var ids []string
		for n := 0; ; n++ {
			if n == 40 {
				close(enough)
			}
			select {
			case <-s.stop:
				s.ended <- ids
				return
			case <-time.After(2 * time.Millisecond):
			}
			id := fmt.Sprintf("%06d", n)
			c, err := ch.PublishWithDeferredConfirm("orders", "order.created", true, false, amqp.Publishing{MessageId: id,
				DeliveryMode: amqp.Persistent, Expiration: "3600000", Headers: amqp.Table{"CC": []any{"order.copied"}}})
			if err == nil && c.Wait() {
				ids = append(ids, id)
			}
		}
	}()
	<-enough
}

// collect stops the publisher and takes everything out of a queue.
func (s *stage) collect(queue string) (confirmed, got []string) {
	close(s.stop)
	confirmed = <-s.ended
	for {
		d, ok, err := s.ch.Get(queue, true)
		s.must(err)
		if !ok {
			return confirmed, got
		}
		if d.Headers["x-delivery-count"] == int64(0) { // as some brokers say of a first delivery
			delete(d.Headers, "x-delivery-count")
		}
		if d.RoutingKey != "order.created" || d.Expiration != "3600000" || fmt.Sprint(d.Headers) != "map[CC:[order.copied]]" {
			s.t.Fatalf("a message has key %q, expiration %q and headers %v", d.RoutingKey, d.Expiration, d.Headers)
		}
		got = append(got, d.MessageId)
	}
}

func (s *stage) job(to *topology.Queue) *migrate.Job {
	live := brokertest.ReadLive(s.t, s.client, s.v.Name)
	from, _ := live.Get(topology.QueueRef(s.v.Name, "work"))
	to.VHost, to.Durable, to.TypeDeclared = s.v.Name, true, true
	return &migrate.Job{ID: "t" + s.v.Name[len(s.v.Name)-8:], Stage: migrate.Prepare, From: from.(*topology.Queue), To: to,
		Holding: topology.Classic, Started: time.Now()}
}

// bindings are those of a queue with the broker's keys, which depend on the types of arguments.
func (s *stage) bindings(queue string) (list []string) {
	all, err := s.client.BindingsTo(s.t.Context(), topology.QueueRef(s.v.Name, queue))
	s.must(err)
	for _, b := range all {
		list = append(list, b.Source+" "+b.PropertiesKeys[0])
	}
	slices.Sort(list)
	return list
}

// inOrder reports how many messages came before one that was published earlier.
func inOrder(ids []string) (late int) {
	last := -1
	for _, id := range ids {
		n, _ := strconv.Atoi(id)
		if n < last {
			late++
		}
		last = max(last, n)
	}
	return late
}

// TestKilledAtEachOperation: msgctl is killed before and after every change that it makes to the
// broker, while a publisher sends. Everything confirmed is in the new queue, once and in order.
func TestKilledAtEachOperation(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s := newStage(t, b, nil)
		s.killed(&topology.Queue{Name: "work", Type: topology.Quorum}, "")
	})
}

// TestRenameAndAbortKilled: as TestKilledAtEachOperation, for a new name, and for a migration that is
// aborted while it drains.
func TestRenameAndAbortKilled(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		t.Run("rename", func(t *testing.T) {
			t.Parallel()
			s := newStage(t, b, amqp.Table{"x-queue-type": "quorum"})
			s.killed(&topology.Queue{Name: "tasks", Type: topology.Quorum}, "")
		})
		t.Run("abort", func(t *testing.T) {
			t.Parallel()
			s := newStage(t, b, nil)
			s.killed(&topology.Queue{Name: "work", Type: topology.Quorum}, migrate.Drain)
		})
	})
}

// killed migrates the queue, killed at each operation, and aborts in a stage if one is given.
func (s *stage) killed(to *topology.Queue, abort migrate.Stage) {
	before := s.bindings("work")
	s.publish()
	job := s.job(to)
	owned := topology.Ownership{Name: "test@" + s.v.Name, Refs: map[topology.Ref]bool{job.From.Ref(): true}}
	s.must(s.client.SaveOwnership(s.t.Context(), owned))
	for _, name := range []string{job.Parameter(), topology.OwnershipParameter(owned.Name)} {
		s.t.Cleanup(func() { s.v.Broker.Admin().Delete(s.t, rabbittest.Path("global-parameters", name)) })
	}
	m := &mortal{Client: s.client, met: map[string]int{}}
	settle := 1500 * time.Millisecond
	if job.From.Type == topology.Classic { // whose counts are never late
		settle = 100 * time.Millisecond
	}
	var overtaken int64
	for {
		m.dead = false
		r := run.Runner{Broker: m, Job: job, Identity: migrate.Identity{Login: s.v.Login},
			Options: run.Options{Settle: settle}}
		done, err := r.Run(s.t.Context())
		overtaken += done.Overtaken
		if err == nil {
			break
		}
		if !errors.Is(err, errKilled) {
			s.t.Fatalf("after %d kills, stage %s: %v", m.kills, job.Stage, err)
		}
		if job = s.recorded(job); abort == job.Stage && job.CanAbort() {
			job.Abort()
		}
	}
	s.verify(job, before, overtaken, m.kills)
}

// recorded is the job as another msgctl finds it.
func (s *stage) recorded(job *migrate.Job) *migrate.Job {
	values, err := s.client.GlobalParameters(context.Background())
	s.must(err)
	text, ok := values[job.Parameter()]
	if !ok {
		return job // killed before it was recorded
	}
	found, err := migrate.Decode(job.Parameter(), text)
	s.must(err)
	return found
}

func (s *stage) verify(job *migrate.Job, bindings []string, overtaken int64, kills int) {
	s.t.Helper()
	to := job.To
	live := brokertest.ReadLive(s.t, s.client, s.v.Name)
	for _, o := range live.Objects() {
		if migrate.Belongs(o.Ref().Name) || migrate.Belongs(o.Ref().Parent) || o.Ref().Name == job.Parameter() {
			s.t.Errorf("%s is left", o.Ref())
		}
	}
	have, ok := live.Get(to.Ref())
	if !ok || !migrate.Same(have.(*topology.Queue), to) {
		s.t.Errorf("the queue is %+v, want %+v", have, to)
	}
	if after := s.bindings(to.Name); !slices.Equal(after, bindings) {
		s.t.Errorf("the bindings were %q and are %q", bindings, after)
	}
	if owned := live.Ownership["test@"+s.v.Name].Refs; len(owned) != 1 || !owned[to.Ref()] {
		s.t.Errorf("the topology owns %v, want %s", owned, to.Ref())
	}
	confirmed, got := s.collect(to.Name)
	late := inOrder(got)
	s.t.Logf("%d kills, %d messages confirmed, %d moved after later ones, %d seen", kills, len(confirmed), overtaken, late)
	if int64(late) > overtaken {
		s.t.Errorf("%d messages came after later ones, and %d were said to", late, overtaken)
	}
	slices.Sort(got)
	if !slices.Equal(got, confirmed) {
		s.t.Errorf("%d messages were confirmed, and %d are there", len(confirmed), len(got))
	}
}

// subscriber is an application that binds the queue when it is there again, and looks whether that
// has been led away before the route leads to the queue, too.
type subscriber struct {
	*broker.Client
	s    *stage
	job  *migrate.Job
	left []string
}

func (a *subscriber) Create(ctx context.Context, o topology.Object) error {
	switch o.Ref() {
	case a.job.Bound(a.job.Into(a.job.To), a.job.To).Ref():
		a.s.must(a.s.ch.QueueBind("work", "order.#", "orders", false, nil))
	case a.job.Bound(a.job.Route(), a.job.To).Ref():
		if a.job.Stage == migrate.Release {
			a.left = a.s.bindings("work")
		}
	}
	return a.Client.Create(ctx, o)
}

// TestBoundWhileRefilled: a binding that an application makes when it subscribes again is led away, as
// what is published would arrive twice. A name that somebody has taken since the plan is left alone.
func TestBoundWhileRefilled(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s := newStage(t, b, nil)
		before := s.bindings("work")
		s.publish()
		a := &subscriber{Client: s.client, s: s, job: s.job(&topology.Queue{Name: "work", Type: topology.Quorum})}
		r := run.Runner{Broker: a, Job: a.job, Options: run.Options{Settle: 1500 * time.Millisecond}}
		if _, err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, binding := range a.left {
			if slices.Contains(before, binding) {
				t.Errorf("binding %q leads to the queue while the route leads to the arrivals", binding)
			}
		}
		if after := s.bindings("work"); len(a.left) == 0 || !slices.Equal(after, before) {
			t.Errorf("the bindings were %q, then %q, and are %q", before, a.left, after)
		}
		_, err := s.ch.QueueDeclare("taken", true, false, false, false, nil)
		s.must(err)
		r = run.Runner{Broker: s.client, Job: s.job(&topology.Queue{Name: "taken", Type: topology.Quorum})}
		if _, err := r.Run(t.Context()); err == nil || r.Job.Stage != migrate.Prepare {
			t.Errorf("in stage %s, queue work was renamed to a name that is taken: %v", r.Job.Stage, err)
		}
		s.must(r.Undo(t.Context()))
	})
}
