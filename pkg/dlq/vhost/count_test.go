package vhost

import (
	"context"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// lateList is a broker whose list still has the messages of a queue that is empty.
type lateList struct {
	Broker
	asked int
}

func (b *lateList) Everything(context.Context, []string) (*topology.Live, error) {
	live := &topology.Live{}
	err := live.Add(&topology.Queue{VHost: "v", Name: "orders.dlq", Type: topology.Quorum, Durable: true}, diag.Position{})
	return live, err
}

func (b *lateList) Counts(context.Context, string) (map[string]topology.QueueCounts, error) {
	return map[string]topology.QueueCounts{"orders.dlq": {Ready: 5, Known: true}}, nil
}

func (b *lateList) Ready(context.Context, string, string) (int64, error) {
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
	if len(v.Found.Queues) != 1 || v.Found.Queues[0].Status.Messages != 0 || b.asked != 1 {
		t.Errorf("%+v, asked %d times", v.Found.Queues, b.asked)
	}
}
