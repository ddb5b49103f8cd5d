package queue_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/ledger"
)

func TestMain(m *testing.M) { cmdtest.Main(m) }

// prefetch is how many messages a killed msgctl may double.
const prefetch = 200

// TestKilled: msgctl is killed (kill -9) in each stage and at random moments while a queue is
// converted there and back. A publisher and a consumer go on. Every confirmed message is consumed,
// and no more are doubled than were in flight.
func TestKilled(t *testing.T) {
	lines := rabbittest.OneLine
	if rabbittest.Cases(1, 2) == 2 {
		lines = rabbittest.EachLine
	}
	lines(t, func(t *testing.T, b *rabbittest.Broker) {
		f := cmdtest.NewFixture(t, b)
		f.Check(f.Ch.ExchangeDeclare("orders", "topic", true, false, false, false, nil))
		f.Declare("work", nil)
		f.Check(f.Ch.QueueBind("work", "order.#", "orders", false, nil))
		l := ledger.New(t, 1<<20)
		l.Publish(ledger.Publisher{URL: f.VHost.URL, Exchange: "orders", Keys: []string{"order.created"}, Rate: 100})
		l.AwaitConfirms(t, 200)
		l.Consume(ledger.Consumer{URL: f.VHost.URL, Queue: "work", Prefetch: 20, Hold: 20 * time.Millisecond})
		k := &killing{t: t, l: l, p: cmdtest.NewProgram(t, f.VHost.URL, f.VHost.API), vhost: f.VHost.Name,
			random: rand.New(rand.NewPCG(uint64(rabbittest.Seed(t)), 1))} //nolint:gosec // repeatable
		for round := 0; k.kills < rabbittest.Cases(20, 200); round++ {
			k.convert([]string{"quorum", "classic"}[round%2])
		}
		v := l.Settle(t, f.VHost.URL, "work")
		t.Logf("%d kills: %s", k.kills, v)
		if v.Lost > 0 || v.Returned > 0 || v.Nacked > 0 || v.Duplicates > k.kills*prefetch {
			t.Errorf("after %d kills: %s", k.kills, v)
		}
		for _, name := range cmdtest.QueueNames(t, f.VHost) {
			if name != "work" {
				t.Errorf("queue %q is left", name)
			}
		}
	})
}

// TestPublisherByName: who publishes to the name of the queue is seen before the queue is replaced, and
// everything can be led back.
func TestPublisherByName(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		f := cmdtest.NewFixture(t, b)
		f.Check(f.Ch.ExchangeDeclare("orders", "topic", true, false, false, false, nil))
		f.Declare("work", nil)
		f.Check(f.Ch.QueueBind("work", "order.#", "orders", false, nil))
		l := ledger.New(t, 1<<20)
		l.Publish(ledger.Publisher{URL: f.VHost.URL, Exchange: "orders", Keys: []string{"order.created"}, Rate: 50})
		l.Publish(ledger.Publisher{URL: f.VHost.URL, Keys: []string{"work"}, Rate: 50})
		l.AwaitConfirms(t, 100)
		k := &killing{t: t, l: l, p: cmdtest.NewProgram(t, f.VHost.URL, f.VHost.API), vhost: f.VHost.Name}
		k.p.Run("queue", "convert", "work", "--to", "quorum", "--yes").Want(t, 1, "somebody publishes to its name",
			"--allow-gap")
		job := k.job()
		k.p.Run("queue", "convert", "work", "--to", "quorum", "--yes").Want(t, 1, "is being migrated already",
			"msgctl queue jobs resume "+job)
		k.p.Run("queue", "jobs", "show", job).Want(t, 0, "stage     drain", "msgctl queue jobs abort "+job)
		k.p.Run("queue", "jobs", "abort", job).Want(t, 0, "Queue work is as it was")
		v := l.Settle(t, f.VHost.URL, "work")
		if v.Lost > 0 || v.Returned > 0 || v.Nacked > 0 || v.Duplicates > 0 {
			t.Error(v)
		}
		if names := cmdtest.QueueNames(t, f.VHost); len(names) != 1 {
			t.Errorf("there are queues %q", names)
		}
	})
}

// killing converts a queue with a msgctl that is killed again and again.
type killing struct {
	t      *testing.T
	l      *ledger.Ledger
	p      *cmdtest.Program
	vhost  string
	random *rand.Rand
	kills  int
}

func (k *killing) convert(to string) {
	flags := []string{"--allow-gap", "--prefetch", "200"}
	r := k.p.Start(append([]string{"queue", "convert", "work", "--to", to, "--yes"}, flags...)...)
	for _, stage := range []string{"hold", "drain", "switch", "refill", "release", "clean"} {
		if k.killIn(r, stage) {
			k.kills++
		}
		job := k.job()
		if job == "" {
			break // killed after everything was done
		}
		r = k.p.Start(append([]string{"queue", "jobs", "resume", job}, flags...)...)
	}
	<-k.ended(r)
	if job := k.job(); job != "" {
		k.p.Run(append([]string{"queue", "jobs", "resume", job}, flags...)...).Want(k.t, 0)
	}
}

// killIn kills a run in a stage, some messages after its beginning, and reports whether it still ran.
func (k *killing) killIn(r *cmdtest.Running, stage string) bool {
	until := time.Now().Add(2 * time.Minute)
	for !strings.Contains(r.Stderr.String(), "stage "+stage) && !r.Ended() {
		if time.Now().After(until) {
			k.t.Fatalf("stage %s did not begin", stage)
		}
		time.Sleep(time.Millisecond)
	}
	if n := k.random.IntN(60) - 20; n > 0 {
		k.l.AwaitConfirms(k.t, n)
	}
	ran := !r.Ended()
	_ = r.Cmd.Process.Kill()
	<-k.ended(r)
	return ran
}

func (k *killing) ended(r *cmdtest.Running) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		k.p.Wait(r)
		close(done)
	}()
	return done
}

// job is the id of the job of this vhost, "" if there is none.
func (k *killing) job() string {
	r := k.p.Run("queue", "jobs", "ls", "-o", "json")
	r.Want(k.t, 0)
	var doc struct {
		Jobs []struct{ ID, VHost string }
	}
	if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil {
		k.t.Fatal(err)
	}
	for _, j := range doc.Jobs {
		if j.VHost == k.vhost {
			return j.ID
		}
	}
	return ""
}
