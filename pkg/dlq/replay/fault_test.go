package replay_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message/archive"
)

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
		o.To = replay.Destination{Kind: replay.ToQueue, Queue: "small"}
		var report strings.Builder
		w := replay.NewReportWriter(&report)
		o.Report = w
		r, err := replay.Move(t.Context(), o)
		if err != nil || !r.Partial() || r.Done+r.Count(replay.Reason.Failed) != n || r.Done < room {
			t.Fatalf("%+v, %v", r, err)
		}
		if r.Stayed[0].Reason != replay.ReasonNacked {
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
		o.To = replay.Destination{Kind: replay.ToExchange, Exchange: "x"}
		arrived := 0
		p.target.HoldAfter(rabbittest.ToBroker, someMessages)
		p.when("there", 100, func() { // purged ids count as arrived
			arrived, _ = p.v.Channel(t).QueueDelete("there", false, false, false)
			p.target.Heal()
		})
		r, err := replay.Move(t.Context(), o)
		if err != nil || r.Done == 0 || r.Done+r.Count(replay.Reason.Failed) != n ||
			r.Stayed[0].Reason != replay.ReasonUnroutable {
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
		o.To = replay.Destination{Kind: replay.ToExchange, Exchange: "nowhere"}
		r, err := replay.Move(t.Context(), o)
		if err != nil || r.Done != 0 || r.Count(replay.Reason.Failed) != n || r.Stayed[0].Reason != replay.ReasonRefused {
			t.Fatalf("%+v, %v", r, err)
		}
		if d := p.account(n, "dlq"); d != 0 {
			t.Errorf("%d duplicates", d)
		}
	})
}
