package vhost

import (
	"context"
	"errors"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// lateList is a broker whose list still has the messages of a queue that is empty. Another queue
// cannot be asked.
type lateList struct {
	Broker
	asked int
}

func (b *lateList) Everything(context.Context, []string) (*topology.Live, error) {
	live := &topology.Live{}
	for _, name := range []string{"locked.dlq", "orders.dlq"} {
		q := &topology.Queue{VHost: "v", Name: name, Type: topology.Quorum, Durable: true}
		if err := live.Add(q, diag.Position{}); err != nil {
			return nil, err
		}
	}
	return live, nil
}

func (b *lateList) Counts(context.Context, string) (map[string]topology.QueueCounts, error) {
	return map[string]topology.QueueCounts{"locked.dlq": {Ready: 7, Known: true},
		"orders.dlq": {Ready: 5, Known: true}}, nil
}

func (b *lateList) Ready(_ context.Context, _, queue string) (int64, error) {
	if queue == "locked.dlq" {
		return 0, errors.New("it is locked")
	}
	b.asked++
	return 0, nil
}

// TestQueueIsBelieved: what a queue says about itself holds, and is asked for once. The list is some
// seconds late: to wait until it agrees makes every dlq command slow that follows another.
func TestQueueIsBelieved(t *testing.T) {
	b := &lateList{}
	v := New(b, "v", Options{})
	if err := v.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(v.Found.Queues) != 2 || v.Found.Queues[0].Status.Messages != 7 || v.Found.Queues[1].Status.Messages != 0 ||
		b.asked != 1 {
		t.Errorf("%+v, asked %d times", v.Found.Queues, b.asked)
	}
}

// TestQueueMayExpire: what a queue holds is gone with the connection that owns it, or if nobody uses
// the queue for a time. A consumer, or a queue without such a time, keeps it.
func TestQueueMayExpire(t *testing.T) {
	v := New(nil, "v", Options{})
	v.Live = &topology.Live{Status: map[topology.Ref]topology.QueueStatus{}}
	for name, want := range map[string]bool{"exclusive": true, "expires": true, "used": false, "stays": false} {
		q := &topology.Queue{VHost: "v", Name: name, Type: topology.Classic, Exclusive: name == "exclusive"}
		if name != "stays" {
			q.Arguments = topology.Arguments{"x-expires": int64(90_000)}
		}
		v.Live.Status[q.Ref()] = topology.QueueStatus{Known: true}
		if name == "used" {
			v.Live.Status[q.Ref()] = topology.QueueStatus{Known: true, Consumers: 1}
		}
		if err := v.Live.Add(q, diag.Position{}); err != nil {
			t.Fatal(err)
		}
		if got := v.MayExpire(name); (got != "") != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
