package dlq_test

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/topology"
)

// victimEnv makes the test binary a process to be killed: it holds the JSON of a victim.
const victimEnv = "MSGCTL_TEST_VICTIM"

type victim struct {
	What, URL, VHost, Login, Password, File string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(victimEnv); text != "" {
		var v victim
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			panic(err)
		}
		v.work()
		return
	}
	os.Exit(m.Run())
}

// work does one job until it is killed, or through.
func (v victim) work() {
	client := connect(v.URL, v.VHost, v.Login, v.Password)
	from := dlq.From{Source: client.Source(v.VHost), Queue: "dlq", Total: 1 << 30, Prefetch: victimWindow}
	var err error
	switch v.What {
	case "replay":
		_, err = dlq.Replay(context.Background(), dlq.ReplayOptions{From: from, Dialer: client.Dialer(v.VHost), Rate: 4000})
	case "move":
		_, err = dlq.Move(context.Background(), dlq.ReplayOptions{
			From: from, Dialer: client.Dialer(v.VHost), Rate: 4000, To: dlq.Destination{Kind: dlq.ToQueue, Queue: "work"},
		})
	default:
		var w *archive.Writer
		if w, err = archive.Create(v.File); err != nil {
			break
		}
		if v.What == "purge" {
			_, err = dlq.Purge(context.Background(), dlq.PurgeOptions{From: from, Archive: slowed{w}, Select: dlq.Selection{
				Where: func(m *message.Message) (bool, error) { return m.Headers["n"].(int64)%3 != 1, nil },
			}})
		} else {
			_, err = dlq.Drain(context.Background(), dlq.DrainOptions{From: from, Archive: slowed{w}})
		}
		_ = w.Close()
	}
	if err != nil {
		panic(err)
	}
}

const victimWindow = 400

// slowed gives the killer time.
type slowed struct{ *archive.Writer }

func (s slowed) Sync() error {
	time.Sleep(20 * time.Millisecond)
	return s.Writer.Sync()
}

// Whatever moment the process is killed at: every message is in the queue, at the target, or in the archive, and at most a
// window of them in two places.
func TestKilledProcessesLoseNothing(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		for _, what := range []string{"replay", "move", "purge", "drain"} {
			t.Run(what, func(t *testing.T) {
				p := newPlace(t, b, queueType, nil)
				const n = 3000
				p.die(n)
				file := filepath.Join(t.TempDir(), "archive.ndjson")
				p.kill(victim{What: what, URL: p.v.URL, VHost: p.v.Name, Login: p.v.Login, Password: p.v.Password, File: file})
				p.accountAfterKill(n, what, file)
			})
		}
	})
}

// kill starts the victim and kills it at a random moment in the middle of its work.
func (p *place) kill(v victim) {
	p.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+string(text))
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	before := p.ready("dlq")
	for deadline := time.Now().Add(20 * time.Second); p.ready("dlq") > before-victimWindow-100 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		p.t.Log("the process was through before it was killed")
	}
	if out.Len() > 0 {
		p.t.Fatalf("the process failed before it was killed: %s", out.String())
	}
	p.awaitReturned()
}

// awaitReturned waits until the broker has noticed that the consumer is gone.
func (p *place) awaitReturned() {
	p.t.Helper()
	ch := p.v.Channel(p.t)
	defer func() { _ = ch.Close() }()
	for range 200 {
		q, err := ch.QueueDeclarePassive("dlq", false, false, false, false, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		if q.Consumers == 0 {
			time.Sleep(200 * time.Millisecond)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatal("the queue still has a consumer")
}

func (p *place) accountAfterKill(n int, what, file string) {
	p.t.Helper()
	where := map[string]int{}
	moved := p.ids("work")
	left := p.ids("dlq")
	for _, place := range []map[string]int{moved, left, archived(p.t, file)} {
		for id, times := range place {
			where[id] += times
		}
	}
	duplicates := 0
	for i := range n {
		if where[id(i)] == 0 {
			p.t.Fatalf("%s is lost", id(i))
		}
		duplicates += where[id(i)] - 1
		if what == "purge" && i%3 == 1 && left[id(i)] != 1 {
			p.t.Fatalf("%s does not match and is left %d times", id(i), left[id(i)])
		}
	}
	if len(left) == 0 || len(left) == n {
		p.t.Logf("%d of %d were left: it was not killed in the middle", len(left), n)
	}
	if duplicates > victimWindow {
		p.t.Errorf("%d duplicates with a window of %d", duplicates, victimWindow)
	}
	p.t.Logf("%d left, %d duplicates", len(left), duplicates)
}

// archived returns what is whole in an archive.
func archived(t *testing.T, file string) map[string]int {
	t.Helper()
	out := map[string]int{}
	f, err := os.Open(file)
	if err != nil {
		return out
	}
	defer func() { _ = f.Close() }()
	for r := archive.NewReader(bufio.NewReader(f), archive.ReaderOptions{}); ; {
		m, err := r.Next()
		if err != nil {
			return out
		}
		out[m.MessageID]++
	}
}

func TestReplayIntoAFullQueueLeavesTheRest(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n, room = 2500, 1000
		p.die(n)
		p.queue("small", amqp.Table{"x-queue-type": queueType, "x-max-length": int32(room), "x-overflow": "reject-publish"})
		o := p.replay()
		o.Prefetch = 200
		o.To = dlq.Destination{Kind: dlq.ToQueue, Queue: "small"}
		var report strings.Builder
		w := dlq.NewReportWriter(&report)
		o.Report = w
		r, err := dlq.Move(t.Context(), o)
		if err != nil || !r.Partial() || r.Done+r.Count(dlq.Reason.Failed) != n || r.Done < room {
			t.Fatalf("%+v, %v", r, err)
		}
		if r.Stayed[0].Reason != dlq.ReasonNacked {
			t.Errorf("%+v", r.Stayed)
		}
		_ = w.Flush()
		if lines := strings.Count(report.String(), "\n"); lines != n {
			t.Errorf("%d lines in the report", lines)
		}
		if d := p.account(n, "dlq", "small"); d != 0 {
			t.Errorf("%d duplicates", d)
		}
	})
}

func TestReplayToADeletedQueueLeavesTheRest(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 3000
		p.die(n)
		p.queue("there", nil)
		p.queue("bucket", nil)
		if err := p.ch.ExchangeDeclare("x", "fanout", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if err := p.ch.QueueBind("there", "", "x", false, nil); err != nil {
			t.Fatal(err)
		}
		o := p.replay()
		o.Rate = 3000
		o.To = dlq.Destination{Kind: dlq.ToExchange, Exchange: "x"}
		arrived := 0
		time.AfterFunc(400*time.Millisecond, func() { // purged ids count as arrived
			arrived, _ = p.v.Channel(t).QueueDelete("there", false, false, false)
		})
		r, err := dlq.Move(t.Context(), o)
		if err != nil || r.Done == 0 || r.Done+r.Count(dlq.Reason.Failed) != n || r.Stayed[0].Reason != dlq.ReasonUnroutable {
			t.Fatalf("%+v, %v", r, err)
		}
		if left := len(p.ids("dlq")); int64(left) != n-r.Done || int64(arrived) > r.Done {
			t.Errorf("%d left after %d of %d were moved, %d arrived", left, r.Done, n, arrived)
		}
	})
}

func TestReplayToAMissingExchangeLeavesEverything(t *testing.T) {
	eachType(t, func(t *testing.T, b *rabbittest.Broker, queueType string) {
		p := newPlace(t, b, queueType, nil)
		const n = 20
		p.die(n)
		o := p.replay()
		o.To = dlq.Destination{Kind: dlq.ToExchange, Exchange: "nowhere"}
		r, err := dlq.Move(t.Context(), o)
		if err != nil || r.Done != 0 || r.Count(dlq.Reason.Failed) != n || r.Stayed[0].Reason != dlq.ReasonRefused {
			t.Fatalf("%+v, %v", r, err)
		}
		if d := p.account(n, "dlq"); d != 0 {
			t.Errorf("%d duplicates", d)
		}
	})
}

// A broker that stops, and one that raises an alarm, are private ones.
func TestReplaySurvivesTheBroker(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		for _, queueType := range []string{topology.Classic, topology.Quorum} {
			t.Run(queueType+" stopped and started", func(t *testing.T) { replayThroughARestart(t, n, queueType) })
			t.Run(queueType+" memory alarm", func(t *testing.T) { replayThroughAnAlarm(t, n, queueType) })
		}
	})
}

func replayThroughARestart(t *testing.T, n *node.Node, queueType string) {
	p := newPlace(t, rabbittest.Of(n), queueType, nil)
	const total = 4000
	p.die(total)
	o := p.replay()
	o.Rate, o.Prefetch = 1500, 300
	restarted := make(chan error, 1)
	time.AfterFunc(800*time.Millisecond, func() { restarted <- n.Restart(context.Background()) })
	r, err := dlq.Replay(t.Context(), o)
	if back := <-restarted; back != nil {
		t.Fatal(back)
	}
	if err != nil || r.Done != total {
		t.Errorf("%+v, %v", r, err)
	}
	p.ch = p.v.Channel(t)
	d := p.account(total, "dlq", "work")
	t.Logf("%d sent again, %d duplicates", r.Resent, d)
	if int64(d) > r.Resent {
		t.Errorf("%d duplicates, and only %d were sent again", d, r.Resent)
	}
}

func replayThroughAnAlarm(t *testing.T, n *node.Node, queueType string) {
	p := newPlace(t, rabbittest.Of(n), queueType, nil)
	const total = 3000
	p.die(total)
	o := p.replay()
	o.Rate = 1000
	go func() {
		time.Sleep(300 * time.Millisecond)
		_ = n.SetMemoryAlarm(context.Background(), true)
		time.Sleep(2 * time.Second)
		_ = n.SetMemoryAlarm(context.Background(), false)
	}()
	r, err := dlq.Replay(t.Context(), o)
	if err != nil || r.Done != total || r.Resent != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	w := o.Observer.(*watcher)
	if w.count(dlq.NoticePaused) == 0 || w.count(dlq.NoticeResumed) == 0 {
		t.Errorf("paused %d times and resumed %d times", w.count(dlq.NoticePaused), w.count(dlq.NoticeResumed))
	}
	if d := p.account(total, "dlq", "work"); d != 0 {
		t.Errorf("%d duplicates", d)
	}
}
