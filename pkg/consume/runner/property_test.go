package runner_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/consume/runner"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Whatever is cut, whenever: a message that is gone from its queue was handled, or its copy is
// among the dead letters; and what is handled twice is bounded, or prevented by Dedupe. With keys,
// no message is begun before all ahead of it of its key have come to their end, retries included.
func TestRunLosesNothingWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCrash(rt)
		var err error
		// In fake time, so that no pause takes any.
		synctest.Test(t, func(*testing.T) {
			_, err = runner.Run(context.Background(), c.options) // given up: nothing may be lost even so
		})
		c.check(rt, err)
	})
}

// A message that ends the connection whenever it is delivered ends the run, before the others have
// been delivered so often that a quorum queue drops them. What is before it is handled.
func TestRunFindsWhatEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pipelinetest.New(5, 200)
		b.Poison = "id-120"
		report, err := runner.Run(t.Context(), runner.Options{
			Source: b, Dialer: b, Retry: retry.Strategy{Queue: "dlq"}, Prefetch: 50, Handler: handlesAll{},
		})
		var stuck *pipeline.StuckError
		if !errors.As(err, &stuck) || report.Handled < 120 || len(b.Left()) != 80 || b.Faults() != "" {
			t.Fatalf("%+v, %v; %d left, %s", report, err, len(b.Left()), b.Faults())
		}
		if its, others := b.ReturnsOf(b.Poison); its > 6 || others > 4 {
			t.Errorf("it was returned %d times, others %d times", its, others)
		}
	})
}

// The idle time begins when the last message is done, not when it came: a slow one is no reason to
// leave what the broker sends for its acknowledgement.
func TestIdleTimeBeginsWhenTheLastMessageIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pipelinetest.New(1, 20)
		const idle = 10 * time.Millisecond
		slow := handlesAll{takes: idle - 10*time.Microsecond}
		report, err := runner.Run(t.Context(), runner.Options{
			Source: b, Retry: retry.Strategy{Queue: "dlq"}, Handler: slow, Idle: idle,
		})
		if err != nil || report.Handled != 20 {
			t.Errorf("%+v, %v; %d messages are left", report, err, len(b.Left()))
		}
	})
}

// A retry that waits in hand holds nothing up: neither the next connection nor the end of the run
// waits for it.
func TestNothingWaitsForAWaitInHand(t *testing.T) {
	for name, act := range map[string]func(*pipelinetest.Broker, context.CancelFunc){
		"a lost connection": func(b *pipelinetest.Broker, _ context.CancelFunc) { b.Cut() },
		"a stop":            func(_ *pipelinetest.Broker, stop context.CancelFunc) { stop() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := pipelinetest.New(1, 3)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				start := time.Now()
				failed := make(chan struct{})
				go func() { <-failed; time.Sleep(time.Millisecond); act(b, stop) }()
				report, err := runner.Run(ctx, runner.Options{
					Source: b, Prefetch: 3, Idle: 10 * time.Millisecond, Handler: &failsOnce{failed: failed},
					Retry: retry.Strategy{Queue: "dlq", Steps: []retry.Step{{Delay: time.Hour}}},
					Key:   func(*message.Message) string { return "one" },
				})
				took := time.Since(start)
				if err != nil || took > 10*time.Second || report.Handled+int64(len(b.Left())) != 3 || b.Faults() != "" {
					t.Errorf("%+v, %v after %s; %d are left; %s", report, err, took, len(b.Left()), b.Faults())
				}
			})
		})
	}
}

// failsOnce fails its first attempt.
type failsOnce struct {
	handlesAll
	once   sync.Once
	failed chan struct{}
}

func (h *failsOnce) Handle(context.Context, *handle.Attempt) (result handle.Result) {
	result = handle.Done()
	h.once.Do(func() {
		result = handle.Again("test", "not yet")
		close(h.failed)
	})
	return result
}

type handlesAll struct{ takes time.Duration }

func (h handlesAll) Handle(context.Context, *handle.Attempt) handle.Result {
	time.Sleep(h.takes)
	return handle.Done()
}
func (handlesAll) Name() string                { return "test" }
func (handlesAll) Close(context.Context) error { return nil }

// crash is a case of the property: what there is to do, and what breaks.
type crash struct {
	*pipelinetest.Broker
	messages int
	keys     int64 // 0: no order
	failing  int64 // every so many is never handled
	retried  int64 // every so many is handled at the third attempt
	options  runner.Options

	mu      sync.Mutex
	handled map[int64]int
	ended   map[int64]bool
	early   []int64
	working map[int64]int
	overlap []int64 // worked on while an earlier delivery of them still was
}

func drawCrash(rt *rapid.T) *crash {
	n := rapid.IntRange(0, 100).Draw(rt, "messages")
	b := pipelinetest.New(rapid.Uint64().Draw(rt, "seed"), n)
	b.CutSource = rapid.SampledFrom([]float64{0, 0.005, 0.02}).Draw(rt, "cut source")
	b.CutTarget = rapid.SampledFrom([]float64{0, 0.02, 0.2}).Draw(rt, "cut target")
	b.Target, b.Wait = publish.Target{Key: "dead"}, publish.Target{Key: "wait"}
	c := &crash{
		Broker: b, messages: n, handled: map[int64]int{}, ended: map[int64]bool{}, working: map[int64]int{},
		failing: rapid.SampledFrom([]int64{1000, 3, 2, 1}).Draw(rt, "failing"),
		retried: rapid.SampledFrom([]int64{1000, 5, 1}).Draw(rt, "retried"),
		keys:    rapid.SampledFrom([]int64{0, 1, 3, 10}).Draw(rt, "keys"),
	}
	c.options = runner.Options{
		Source: b, Dialer: b, Handler: c, Observer: c,
		Retry: retry.Strategy{
			Queue: "dlq", DeadLetter: &publish.Target{Key: "dead"},
			Steps: []retry.Step{{Delay: time.Millisecond, Queues: []string{"wait"}},
				{Delay: 5 * time.Millisecond, Queues: []string{"wait"}}},
		},
		Prefetch:    rapid.SampledFrom([]int{1, 5, 50}).Draw(rt, "prefetch"),
		Concurrency: rapid.SampledFrom([]int{1, 4}).Draw(rt, "concurrency"),
		Dedupe:      rapid.SampledFrom([]int{0, 100}).Draw(rt, "dedupe"),
		Idle:        10 * time.Millisecond, ReconnectDelay: time.Millisecond,
	}
	if c.keys > 0 {
		c.options.Key = c.key
	} else {
		c.options.Retry.Native = rapid.Bool().Draw(rt, "native")
	}
	if rapid.Bool().Draw(rt, "interrupted") {
		c.options.Limit = int64(n/2 + 1)
	}
	if rapid.IntRange(0, 3).Draw(rt, "publisher is gone for good") == 0 {
		c.options.Dialer = &pipelinetest.DialOnce{Broker: b}
	}
	return c
}

func number(m *message.Message) int64 { return m.Headers["n"].(int64) }

// key leaves a few messages without one: they are in no lane.
func (c *crash) key(m *message.Message) string {
	n := number(m)
	if n%11 == 10 {
		return ""
	}
	return strconv.FormatInt(n%c.keys, 10)
}

// begins notes what is worked on. With keys, no message may be worked on twice at once, not even one
// without a key that a lost connection has returned.
func (c *crash) begins(n int64, d int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.working[n] += d; c.working[n] > 1 && c.keys > 0 {
		c.overlap = append(c.overlap, n)
	}
}

func (c *crash) Handle(_ context.Context, j *handle.Attempt) handle.Result {
	n := number(j.Message)
	c.begins(n, 1)
	defer c.begins(n, -1)
	if n%2 == 0 { // without order, another worker would overtake this one
		time.Sleep(200 * time.Microsecond)
	}
	if n%11 == 10 { // and a connection that is lost and restored meanwhile would bring it again
		time.Sleep(5 * time.Millisecond)
	}
	switch {
	case n%c.failing == c.failing-1:
		return handle.Never("test", "no")
	case n%c.retried == c.retried-1 && j.Number < 3:
		return handle.Again("test", "not yet")
	}
	return handle.Done()
}

func (*crash) Name() string                { return "test" }
func (*crash) Close(context.Context) error { return nil }

// Begin implements runner.Observer: all ahead of a message of its key must have ended.
func (c *crash) Begin(j *handle.Attempt) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys > 0 && c.key(j.Message) != "" {
		for n := number(j.Message) - c.keys; n >= 0; n -= c.keys {
			if n%11 != 10 && !c.ended[n] {
				c.early = append(c.early, number(j.Message))
				break
			}
		}
	}
	return nil
}

// End implements runner.Observer.
func (c *crash) End(e runner.End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := number(e.Attempt.Message)
	switch e.Outcome {
	case runner.Handled:
		c.handled[n]++
		c.ended[n] = true
	case runner.DeadLettered:
		c.ended[n] = true
	}
}

// Notice implements runner.Observer.
func (*crash) Notice(runner.Notice) {}

func (c *crash) check(rt *rapid.T, err error) {
	left, arrived := c.Left(), c.Arrived()
	copies := c.retried <= int64(c.messages) && c.keys == 0 && !c.options.Retry.Native // may be duplicates
	twice := 0
	for i := range c.messages {
		id, n := "id-"+strconv.Itoa(i), int64(i)
		switch {
		case left[id] == 0 && arrived[id] == 0 && c.handled[n] == 0:
			rt.Fatalf("%s is lost", id)
		case left[id] > 1 && !copies:
			rt.Fatalf("%s is in its queue %d times", id, left[id])
		case c.handled[n] > 1 && c.options.Dedupe > 0:
			rt.Fatalf("%s was handled %d times in spite of Dedupe", id, c.handled[n])
		case left[id] > 0 && err == nil && c.CutSource == 0 && c.options.Limit == 0:
			rt.Fatalf("%s is left, and nothing broke", id)
		}
		twice += max(c.handled[n]-1, 0)
	}
	if most := c.Cuts * max(c.options.Prefetch, c.options.Concurrency); twice > most && (!copies || c.CutTarget == 0) {
		rt.Fatalf("%d were handled twice; %d lost connections explain at most %d", twice, c.Cuts, most)
	}
	if c.Faults() != "" {
		rt.Fatalf("%s", c.Faults())
	}
	if c.keys == 0 && c.ReturnedByClose > 0 {
		rt.Fatalf("%d messages were returned by a close, which counts as a delivery", c.ReturnedByClose)
	}
	if len(c.overlap) > 0 {
		rt.Fatalf("worked on twice at once: %v", c.overlap)
	}
	if len(c.early) > 0 {
		rt.Fatalf("begun before the end of an earlier message of their key: %v", c.early)
	}
}
